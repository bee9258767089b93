"""Configuration: TOML text into typed settings, every fault with file, line and remedy. May not: open files, guess.

`parse` works for any msgspec Struct (the runner's configuration, rule profiles, scenarios): all faults that can be
found are found before anything starts. Names carry their units. Unknown keys are errors that name the nearest key.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Generator, Iterator, Sequence
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from dogwatch.errors import ConfigError

T = TypeVar("T")
KeyPath = tuple[str | int, ...]  # ('sources', 1, 'port')
Fault = tuple[KeyPath, str, str]  # where, what is wrong, remedy
Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=31 * 86_400)]
Lateness = Annotated[float, msgspec.Meta(ge=0, le=31 * 86_400)]
REMEDY = "see docs/configuration.md"
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
    decisions: str = ""
    protected: str = ""  # file with MMSI and IMO numbers of vessels of which nothing leaves as a file
    depths: str = ""  # PMTiles file of depths, drawn under the map
    hosts: list[str] = []
    keep_log_days: Annotated[float, msgspec.Meta(ge=30)] | None = None
    keep_load_days: Annotated[float, msgspec.Meta(ge=30)] | None = None
    keep_track_days: Annotated[float, msgspec.Meta(ge=1, le=60)] = 7.0
    session_h: Annotated[float, msgspec.Meta(gt=0, le=24 * 31)] = 12.0
    proxy: str = ""
    user_header: str = ""
    role_header: str = ""

    def __post_init__(self) -> None:
        """Whose word about people is believed must be said: a header alone would let anybody name themselves."""
        if (self.user_header or self.role_header) and not self.proxy:
            raise ValueError("user_header and role_header need proxy, the address of the proxy that sets them")
        if self.role_header and not self.user_header:
            raise ValueError("role_header without user_header")


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
    raw: bool = False  # what sources say travels too, byte for byte, for the raw sentences behind an alert
    security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = "plaintext"
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_user: str = ""
    sasl_password_file: str = ""

    def __post_init__(self) -> None:
        """What belongs together is there together: half a setting must not end as a connection without protection."""
        tls, sasl = self.security.endswith("ssl"), self.security.startswith("sasl")
        if sasl != bool(self.sasl_user and self.sasl_password_file) or (not sasl and (self.sasl_user or self.sasl_password_file)):
            raise ValueError("security sasl_plaintext and sasl_ssl take sasl_user and sasl_password_file, both; others take neither")
        if not tls and (self.ca_file or self.cert_file or self.key_file):
            raise ValueError("ca_file, cert_file and key_file belong to security = 'ssl' or 'sasl_ssl'")
        if self.key_file and not self.cert_file:
            raise ValueError("key_file without cert_file")


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


class Webhook(msgspec.Struct, forbid_unknown_fields=True):
    """An address that is told of alerts. `secret_file` holds what signs the messages."""

    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]{0,39}$")]
    url: Annotated[str, msgspec.Meta(pattern="^https?://")]
    secret_file: str
    level: Literal["caution", "warning", "alarm", "emergency"] = "warning"


class Backtest(msgspec.Struct, forbid_unknown_fields=True):
    """What the console tries changed rules and zones on. Without recordings nothing is activated there."""

    recordings: list[str] = []
    labels: str = ""


class Config(msgspec.Struct, forbid_unknown_fields=True):
    """What `dogwatch run` and the stages read."""

    sources: list[Source] = []
    profile: str = "border"
    zones: list[str] = []
    watchlists: list[Watchlist] = []
    data_dir: str = "dogwatch-data"
    snapshot_s: Seconds = 60.0
    coverage: str = ""
    normality: str = ""  # file of a model of normal traffic
    log: Literal["text", "json"] = "text"
    columns: dict[str, str] = {}
    console: Console = msgspec.field(default_factory=Console)
    metrics: Metrics = msgspec.field(default_factory=Metrics)
    capture: Capture = msgspec.field(default_factory=Capture)
    webhooks: list[Webhook] = []
    backtest: Backtest = msgspec.field(default_factory=Backtest)
    kafka: Kafka | None = None


def parse(text: str, kind: type[T], *, file: str) -> T:
    """Settings of type `kind` (a Struct that forbids unknown fields) from TOML text.

    Raises ConfigError with file, line, key and remedy; where there are several faults, one that lists them all.
    """
    plain = plain_of(text, file=file)
    refuse([located(text, fault, file=file) for fault in structure_faults(plain, kind)])
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as fault:
        raise located(text, (_path_of(str(fault)), _what_of(fault), REMEDY), file=file) from fault


def plain_of(text: str, *, file: str) -> dict[str, Any]:
    """TOML text as plain values. Raises ConfigError."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        line = int(found.group(1)) if (found := re.search(r"line (\d+)", str(fault))) else len(text.splitlines()) or 1
        raise ConfigError(f"not valid TOML: {fault}", file=file, line=line, remedy="correct the syntax") from fault


def located(text: str, fault: Fault, *, file: str) -> ConfigError:
    """A fault with its line in the text."""
    path, what, remedy = fault
    return ConfigError(what, file=file, line=line_of(text, path), key=dotted(path), remedy=remedy)


def refuse(faults: Sequence[ConfigError]) -> None:
    """Raise the fault, or one ConfigError that lists several and has them in `value`; nothing without any."""
    if len(faults) == 1:
        raise faults[0]
    if faults:
        first = faults[0]
        all_of_them = ConfigError(f"{len(faults)} faults:\n" + "\n".join(map(str, faults)), file=first.file, line=0, value=list(faults))
        all_of_them.line, all_of_them.key = first.line, first.key  # where an editor goes first; the words name the place of each
        raise all_of_them


def structure_faults(value: Any, kind: Any, path: KeyPath = ()) -> Iterator[Fault]:
    """Everything in plain values that does not fit a type: unknown and missing keys, values of another type or out of bounds.

    msgspec stops at the first of them and names neither the nearest key nor the line, so it is asked value by value.
    """
    if isinstance(value, dict) and get_origin(kind) is not dict:
        kind = yield from _struct_of(value, kind, path)
    if isinstance(value, list) and get_origin(kind) is list:
        for index, item in enumerate(value):
            yield from structure_faults(item, get_args(kind)[0], (*path, index))
    elif isinstance(value, dict) and get_origin(kind) is dict:
        for name, item in value.items():
            yield from structure_faults(item, get_args(kind)[1], (*path, name))
    elif isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield from _field_faults(value, kind, path)
    elif kind is not None:
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError as fault:
            yield (*path, *_path_of(str(fault))), _what_of(fault), REMEDY


def line_of(text: str, path: KeyPath) -> int:
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


def dotted(path: KeyPath) -> str:
    """('sources', 1, 'port') as people write it: 'sources[1].port'."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")


def _what_of(fault: msgspec.ValidationError) -> str:
    return str(fault).split(" - at ")[0]


def _path_of(message: str) -> KeyPath:
    found = re.search(r"at `\$([^`]*)`", message)
    steps = re.findall(r"\.([A-Za-z0-9_]+)|\[(\d+)\]", found.group(1)) if found else []
    return tuple(name or int(index) for name, index in steps)


def _field_faults(value: dict[str, Any], kind: type[msgspec.Struct], path: KeyPath) -> Iterator[Fault]:
    hints = get_type_hints(kind, include_extras=True)
    for name, item in value.items():
        if name == kind.__struct_config__.tag_field:
            continue
        if name in hints:
            yield from structure_faults(item, hints[name], (*path, name))
        else:
            yield (*path, name), "unknown key", _nearest(name, hints, f"known keys: {', '.join(sorted(hints))}")
    for field in msgspec.structs.fields(kind):
        if field.required and field.name not in value:
            yield path, f"Object missing required field `{field.name}`", REMEDY


def _struct_of(value: dict[str, Any], kind: Any, path: KeyPath) -> Generator[Fault, None, Any]:
    """Of a union the struct that the table is: the only one, or the one that its tag names; None where the tag is wrong, which is a fault."""
    structs = [option for option in get_args(kind) if isinstance(option, type) and issubclass(option, msgspec.Struct)]
    if len(structs) < 2:
        return structs[0] if structs else kind
    field = str(structs[0].__struct_config__.tag_field)
    by_tag = {str(option.__struct_config__.tag): option for option in structs}
    tag = value.get(field)
    if tag not in by_tag:
        where = (*path, field) if tag is not None else path
        said = f"no such {field}: '{tag}'" if tag is not None else f"no {field}"
        yield where, said, _nearest(str(tag), by_tag, f"{field} is one of {', '.join(sorted(by_tag))}")
        return None
    return by_tag[tag]


def _nearest(name: str, known: dict[str, Any], else_say: str) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean '{near[0]}'?" if near else else_say
