"""Configuration: TOML text into typed settings, every fault with file, line and remedy. May not: open files, guess.

`parse` works for any msgspec Struct (the runner's configuration, rule profiles, scenarios): all faults that can be
found are found before anything starts. Names carry their units. Unknown keys are errors that name the nearest key.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from dogwatch.errors import ConfigError

T = TypeVar("T")
Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=31 * 86_400)]
Lateness = Annotated[float, msgspec.Meta(ge=0, le=31 * 86_400)]
LATENESS_S = {"coast": 5.0, "satellite": 10_800.0}  # where the configuration does not say it


class Source(msgspec.Struct, forbid_unknown_fields=True):
    """One place where AIS comes from."""

    id: str
    kind: Literal["tcp", "tcp_server", "udp", "serial", "file", "stdin"]
    host: str = "127.0.0.1"
    port: Port = 10110
    path: str = ""
    baud: Annotated[int, msgspec.Meta(ge=300, le=4_000_000)] = 38400
    dtr: bool = True
    rts: bool = True
    follow: bool = False
    lateness_s: Lateness = -1.0  # not said: that of the lane
    silent_s: Seconds = 60.0
    checksum: Literal["drop", "flag", "absent"] = "drop"
    tags: Literal["keep", "strict"] = "keep"
    exercise: bool = False
    lane: Literal["coast", "satellite"] = "coast"

    def __post_init__(self) -> None:
        """What was not said."""
        if self.lateness_s < 0:
            self.lateness_s = LATENESS_S[self.lane]


class Console(msgspec.Struct, forbid_unknown_fields=True):
    """The page for the watch."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Port = 8642


class Metrics(msgspec.Struct, forbid_unknown_fields=True):
    """Prometheus endpoint; with the console on, /metrics is served there too."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Port = 9642


class Kafka(msgspec.Struct, forbid_unknown_fields=True):
    """Broker and names. Absent = embedded."""

    bootstrap: str = "127.0.0.1:9092"
    prefix: str = ""
    batch_rows: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10_000
    batch_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 250
    snapshot_s: Seconds = 60.0


class Capture(msgspec.Struct, forbid_unknown_fields=True):
    """What sources said, kept on disk. An empty `dir` = not kept."""

    dir: str = ""
    flush_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 1.0
    rotate_mb: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)] = 64.0
    rotate_s: Seconds = 3600.0


class Watchlist(msgspec.Struct, forbid_unknown_fields=True):
    """A list of vessels to watch for. Several versions of one name have periods that begin at different times."""

    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]{0,39}$")]
    path: str
    kind: Literal["auto", "opensanctions", "ofac", "ftm", "csv"] = "auto"
    valid_from: str = ""
    valid_until: str = ""
    encoding: Literal["utf-8", "utf-16", "latin-1", "cp1252"] = "utf-8"


class Config(msgspec.Struct, forbid_unknown_fields=True):
    """What `dogwatch run` and the stages read."""

    sources: list[Source] = []
    profile: str = "border"
    zones: list[str] = []
    watchlists: list[Watchlist] = []
    data_dir: str = "dogwatch-data"
    snapshot_s: Seconds = 60.0
    coverage: str = ""
    columns: dict[str, str] = {}
    console: Console = msgspec.field(default_factory=Console)
    metrics: Metrics = msgspec.field(default_factory=Metrics)
    capture: Capture = msgspec.field(default_factory=Capture)
    kafka: Kafka | None = None


def parse(text: str, kind: type[T], *, file: str) -> T:
    """Settings of type `kind` (a Struct that forbids unknown fields) from TOML text.

    Raises ConfigError with file, line, key and remedy.
    """
    try:
        plain = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        line = int(found.group(1)) if (found := re.search(r"line (\d+)", str(fault))) else len(text.splitlines()) or 1
        raise ConfigError(f"not valid TOML: {fault}", file=file, line=line, remedy="correct the syntax") from fault
    _refuse_unknown(plain, kind, (), text, file)
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as fault:
        path = _path_of(str(fault))
        what = str(fault).split(" - at ")[0]
        raise ConfigError(what, file=file, line=line_of(text, path), key=dotted(path), remedy="see docs/configuration.md") from fault


def line_of(text: str, path: tuple[str | int, ...]) -> int:
    """1-based line of a key path in TOML text ('sources', 1, 'port'); the nearest enclosing line where it is absent."""
    lines = text.splitlines()
    best = 1
    table: tuple[str | int, ...] = ()
    seen: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(lines, 1):
        if head := re.match(r"\s*(\[\[?)\s*([^\]]+?)\s*\]", line):
            names = tuple(part.strip().strip("\"'") for part in head.group(2).split("."))
            if head.group(1) == "[[":
                seen[names] = seen.get(names, -1) + 1
                table = (*names, seen[names])
            else:
                table = names
            here: tuple[str | int, ...] = table
        elif key := re.match(r"\s*([A-Za-z0-9_.\"'-]+)\s*=", line):
            here = (*table, *(part.strip("\"'") for part in key.group(1).split(".")))
        else:
            continue
        if here == path:
            return number
        if here == path[: len(here)]:
            best = number
    return best


def dotted(path: tuple[str | int, ...]) -> str:
    """('sources', 1, 'port') as people write it: 'sources[1].port'."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")


def _path_of(message: str) -> tuple[str | int, ...]:
    found = re.search(r"at `\$([^`]*)`", message)
    steps = re.findall(r"\.([A-Za-z0-9_]+)|\[(\d+)\]", found.group(1)) if found else []
    return tuple(name or int(index) for name, index in steps)


def _refuse_unknown(value: Any, kind: Any, path: tuple[str | int, ...], text: str, file: str) -> None:
    """Walk the parsed TOML beside the types, because msgspec names neither the nearest key nor the line."""
    if isinstance(value, dict) and get_origin(kind) is not dict:
        kind = _struct_of(value, kind, path, text, file)
    if isinstance(value, list) and get_origin(kind) is list:
        for index, item in enumerate(value):
            _refuse_unknown(item, get_args(kind)[0], (*path, index), text, file)
    elif isinstance(value, dict) and get_origin(kind) is dict:
        for name, item in value.items():
            _refuse_unknown(item, get_args(kind)[1], (*path, name), text, file)
    elif isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = get_type_hints(kind)
        for name, item in value.items():
            if name == kind.__struct_config__.tag_field:
                continue
            if name not in hints:
                near = difflib.get_close_matches(name, hints, 1)
                remedy = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(sorted(hints))}"
                raise ConfigError("unknown key", file=file, line=line_of(text, (*path, name)), key=dotted((*path, name)), remedy=remedy)
            _refuse_unknown(item, hints[name], (*path, name), text, file)


def _struct_of(value: dict[str, Any], kind: Any, path: tuple[str | int, ...], text: str, file: str) -> Any:
    """Of a union the struct that the table is: the only one, or the one that its tag names."""
    structs = [option for option in get_args(kind) if isinstance(option, type) and issubclass(option, msgspec.Struct)]
    if len(structs) < 2:
        return structs[0] if structs else kind
    field = str(structs[0].__struct_config__.tag_field)
    by_tag = {str(option.__struct_config__.tag): option for option in structs}
    tag = value.get(field)
    if tag not in by_tag:
        near = difflib.get_close_matches(str(tag), by_tag, 1)
        remedy = f"did you mean '{near[0]}'?" if near else f"{field} is one of {', '.join(sorted(by_tag))}"
        where = (*path, field) if tag is not None else path
        raise ConfigError(
            f"no such {field}: '{tag}'" if tag is not None else f"no {field}", file=file, line=line_of(text, where), key=dotted(where), remedy=remedy
        )
    return by_tag[tag]
