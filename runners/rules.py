"""From names on a command line to the rules of a run. May hold: finding and reading profiles, zones, coverage files.

May not: decide. Everything that can be wrong is found here, before anything starts, in one message.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from pathlib import Path

import msgspec

from dogwatch import blob
from dogwatch.config import Config, Watchlist, parse
from dogwatch.errors import ConfigError, InputError
from risk.profile import Profile, load_profile
from runners.listing import check_specs, read_lists
from runners.step import Rules
from tracks.coverage import Coverage
from tracks.presets import rules_of
from zones.geography import Geography
from zones.load import read_drawn, read_zones

COVERAGE_SCHEMA = 102  # another number than a run's state has, so that one is never taken for the other


def profile_names() -> list[str]:
    """Names of the profiles that ship."""
    return sorted(entry.name.removesuffix(".toml") for entry in resources.files("profiles").iterdir() if entry.name.endswith(".toml"))


def read_profile(name: str) -> Profile:
    """A shipped profile by name, or a profile file by path. Raises ConfigError/InputError."""
    if name.endswith(".toml") or "/" in name:
        return load_profile(read_text(Path(name), what="profile"), file=name)
    if name not in profile_names():
        raise InputError(f"no profile '{name}'", remedy=f"shipped: {', '.join(profile_names())}; or name a .toml file")
    return load_profile((resources.files("profiles") / f"{name}.toml").read_text(encoding="utf-8"), file=f"profiles/{name}.toml")


def read_rules(profile: str, zones: list[str], watchlists: Iterable[Watchlist] = ()) -> Rules:
    """Profile, detector parameters, geography and watchlists of a run. Raises ConfigError/InputError."""
    loaded = read_profile(profile)
    params = rules_of(loaded.detectors, file=profile)
    return Rules(params, loaded, Geography.default([read_zones(path) for path in zones]), read_lists(watchlists))


def zones_geojson(zones: list[str]) -> bytes | None:
    """The drawn zones of all files as one GeoJSON document for the map; None without any. The files have been checked before."""
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
