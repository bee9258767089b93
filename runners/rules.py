"""From names on a command line to the rules of a run. May hold: finding and reading profiles, zones, coverage files.

May not: decide. Everything that can be wrong is found here, before anything starts, in one message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from dogwatch import blob
from dogwatch.config import Config, Fault, Watchlist, line_of, parse, structure_faults
from dogwatch.errors import ConfigError, InputError
from risk.criteria import time_of
from risk.inherit import Layer
from risk.plain import profile_text, rule_text, slug
from risk.profile import Context, Exclusion, Profile, Rule, load_profile
from runners.listing import check_specs, read_lists
from runners.normality import read_model
from runners.step import Rules
from tracks.coverage import Coverage
from tracks.params import Params
from tracks.presets import PRESETS, rules_of
from zones.check import collection_text
from zones.geography import Geography
from zones.geojson import ZoneSet, load_zones
from zones.load import read_drawn, read_zones

LAYERS_MAX = 8  # profiles that extend each other in a row; nobody understands more
COVERAGE_SCHEMA = 102  # another number than a run's state has, so that one is never taken for the other
WHOLE_COVERAGE = "replay.coverage"  # beside the state of a replay: learned by its end; the state kept for `--resume` is the one before that


def profile_names() -> list[str]:
    """Names of the profiles that ship."""
    return sorted(entry.name.removesuffix(".toml") for entry in resources.files("profiles").iterdir() if entry.name.endswith(".toml"))


def read_profile(name: str, text: str | None = None) -> Profile:
    """A shipped profile by name, or a profile file by path, laid over those that it extends. Raises ConfigError/InputError.

    text: what stands in place of that file; what it extends is looked for where the file's would be.
    """
    *below, top = _layers(name, text)
    return load_profile(top.text, file=top.file, below=below, others=_detector_faults)


def _layers(name: str, text: str | None = None) -> list[Layer]:
    """The files of a profile, the one that all others extend first. Raises ConfigError/InputError."""
    layers = [_layer(name, None) if text is None else Layer.of(text, name if _is_file(name) else f"profiles/{name}.toml")]
    while (below := layers[0].plain.get("extends")) is not None:
        if not isinstance(below, str) or not below:
            raise _extends(layers[0], "is no name of a profile", 'write extends = "border", or a .toml file')
        try:
            layer = _layer(below, Path(layers[0].file).parent)
        except ConfigError:
            raise
        except InputError as fault:
            raise _extends(layers[0], fault.what, fault.remedy) from fault
        if layer.file in [other.file for other in layers] or len(layers) >= LAYERS_MAX:
            raise _extends(layers[0], f"'{below}' extends itself, or is the {LAYERS_MAX + 1}th in a row", "extend a profile that stands on its own")
        layers.insert(0, layer)
    return layers


def _extends(layer: Layer, what: str, remedy: str) -> ConfigError:
    return ConfigError(what, file=layer.file, line=line_of(layer.text, ("extends",)), key="extends", remedy=remedy)


def _is_file(name: str) -> bool:
    return name.endswith(".toml") or "/" in name


def _layer(name: str, beside: Path | None) -> Layer:
    if _is_file(name):
        path = Path(name) if beside is None else beside / name
        return Layer.of(read_text(path, what="profile"), str(path))
    if name not in profile_names():
        raise InputError(f"no profile '{name}'", remedy=f"shipped: {', '.join(profile_names())}; or name a .toml file")
    return Layer.of((resources.files("profiles") / f"{name}.toml").read_text(encoding="utf-8"), f"profiles/{name}.toml")


def _detector_faults(plain: dict[str, Any]) -> Iterator[Fault]:
    """What is wrong with the table that risk/ hands through unread."""
    detectors = plain.get("detectors", {})
    if not isinstance(detectors, dict):
        return  # said where the types are checked
    for name in names if isinstance(names := detectors.get("presets", []), list) else [names]:
        if name not in PRESETS:
            yield ("detectors", "presets"), f"no preset '{name}'", "known: " + ", ".join(sorted(PRESETS))
    yield from structure_faults({key: value for key, value in detectors.items() if key != "presets"}, Params, ("detectors",))


def profile_schema() -> dict[str, Any]:
    """JSON Schema of a profile file, for editors. What lies between values (order of levels, rules that are never reached) only the check knows."""
    (profile, params), parts = msgspec.json.schema_components((Profile, Params), ref_template="#/$defs/{name}")
    presets = {"type": "array", "items": {"enum": sorted(PRESETS)}}
    parts["Params"]["properties"]["presets"] = presets
    top = parts["Profile"]
    needed = [name for name in top["required"] if name != "name"]
    top["properties"] |= {"detectors": params, "extends": {"type": "string"}, "without": {"type": "array", "items": {"type": "string"}}}
    top |= {"required": ["name"], "anyOf": [{"required": ["extends"]}, {"required": needed}]}
    for name in ("Rule", "Context", "Exclusion", "Family", "Levels"):
        parts[name]["required"] = [key for key in parts[name]["required"] if key == "name"]  # the rest may be inherited
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "dogwatch rule profile", **profile, "$defs": parts}


def explained(name: str, profile: str) -> list[str]:
    """A profile, or a rule of `profile` by its id, in plain words. Raises ConfigError/InputError."""
    if name in profile_names() or name.endswith(".toml"):
        return profile_text(read_profile(name))
    known = read_profile(profile)
    every: list[Rule | Context | Exclusion] = [*known.rules, *known.contexts, *known.exclusions]
    items = {slug(item.name): item for item in every}
    if slug(name) not in items:
        near = get_close_matches(slug(name), [*items, *profile_names()], 1)
        meant = f"did you mean '{near[0]}'? " if near else ""
        raise InputError(f"no profile or rule '{name}'", remedy=f"{meant}rules of {profile}: {', '.join(items)}; of another one with --profile")
    return rule_text(known, items[slug(name)])


def run_out(profile: Profile, now_ms: int) -> str:
    """What to say of a profile that is not valid at a moment (UTC ms); '' of one that is."""
    if profile.valid_from and now_ms < time_of(profile.valid_from):
        return f"profile '{profile.name}' is valid only from {profile.valid_from}"
    return f"profile '{profile.name}' was valid until {profile.valid_until}" if profile.valid_until and now_ms >= time_of(profile.valid_until) else ""


def read_rules(
    profile: str,
    zones: list[str],
    watchlists: Iterable[Watchlist] = (),
    normality: str | Path = "",
    *,
    profile_text: str | None = None,
    zones_text: str | None = None,
) -> Rules:
    """Profile, detector parameters, geography, watchlists and model of normal traffic (a file, or '') of a run. Raises ConfigError/InputError.

    profile_text, zones_text: what stands in place of the profile's file, and of all zones files.
    """
    loaded = read_profile(profile, profile_text)
    params = rules_of(loaded.detectors, file=profile)
    drawn = [read_zones(path) for path in zones] if zones_text is None else zones_of_text(zones_text)
    return Rules(params, loaded, Geography.default(drawn), read_lists(watchlists), read_model(Path(normality)) if normality else None)


def configured_text(kind: str, config: Config) -> str:
    """What a configuration names, as one text: the profile's own file (`rules`), all drawn zones (`zones`). Raises ConfigError/InputError."""
    if kind == "rules":
        return _layer(config.profile, None).text
    return collection_text([feature for path in config.zones for feature in read_drawn(path).features])


def zones_of_text(text: str) -> list[ZoneSet]:
    """What a text of zones draws; a collection without any feature draws nothing, which a file may not. Raises ConfigError."""
    return [] if no_zones(text) else [load_zones(text, file="zones")]


def no_zones(text: str) -> bool:
    """Whether a text is a collection of zones that has none."""
    try:
        plain = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return isinstance(plain, dict) and plain.get("type") == "FeatureCollection" and plain.get("features") == []


def zones_geojson(zones: list[str], text: str | None = None) -> bytes | None:
    """The drawn zones of all files as one GeoJSON document for the map; None without any. `text` stands in place of the files. Checked before."""
    if text is not None:
        return text.encode("utf-8")
    if not zones:
        return None
    features = [feature for path in zones for feature in read_drawn(path).features]
    return msgspec.json.encode({"type": "FeatureCollection", "features": features})


def read_config(path: Path) -> Config:
    """A run's configuration. Raises ConfigError/InputError."""
    text = read_text(path, what="configuration")
    config = parse(text, Config, file=str(path))
    check_specs(config.watchlists, text, str(path))
    ids = [source.id for source in config.sources]
    for name in ids:
        if ids.count(name) > 1:
            raise ConfigError(f"two sources are called '{name}'", file=str(path), key="sources", remedy="give each its own id")
    return config


def read_coverage(path: Path) -> Coverage:
    """Coverage learned by an earlier run. Raises InputError."""
    try:
        return Coverage.from_sections(blob.unpack(path.read_bytes(), schema=COVERAGE_SCHEMA))
    except OSError as fault:
        raise InputError(f"cannot read coverage state {path}: {fault.strerror}", remedy="leave it out: coverage is then learned anew") from fault
    except (KeyError, InputError) as fault:
        raise InputError(f"{path} is no coverage file", remedy="`dogwatch coverage DIR --save FILE` writes one out of a run") from fault


def read_text(path: Path, *, what: str) -> str:
    """A small text file. Raises InputError with the path for anything that is not one."""
    if path.is_dir():
        raise InputError(f"{what} {path} is a directory", remedy="name a file")
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as fault:
        raise InputError(f"{what} {path} does not exist", remedy="check the path") from fault
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError(f"cannot read {what} {path}: {fault}", remedy="name a readable UTF-8 text file") from fault
