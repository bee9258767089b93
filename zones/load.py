"""Zones from disk. The only file of this room, with the build script, that may touch files; everything else is pure.

May hold: opening, size limits, messages for what cannot be opened. May not: the rules of a zones file (`geojson.py`).
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from dogwatch.errors import ConfigError, InputError
from zones.coast import Coast
from zones.geojson import ZoneSet, load_zones
from zones.ports import Ports

DATA_DIR = Path(__file__).parent / "data"
FILE_BYTES_MAX = 64 << 20
REBUILD = "run `make install` (or `python -m zones.build`); a wheel brings the data with it"

__all__ = ["DATA_DIR", "land_path", "load_zones", "read_coast", "read_origin", "read_ports", "read_text", "read_zones"]


def read_text(path: str | Path) -> str:
    """UTF-8 text of a zones file. Raises ConfigError when it cannot be read."""
    path = Path(path)
    try:
        if path.is_dir():
            raise ConfigError("is a directory", file=str(path), remedy="name the GeoJSON file in it")
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ConfigError(f"is larger than {FILE_BYTES_MAX >> 20} MB", file=str(path), remedy="simplify the areas")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as fault:
        raise ConfigError("no such file", file=str(path), remedy="check the path; relative paths begin at the current directory") from fault
    except UnicodeDecodeError as fault:
        raise ConfigError(f"is not UTF-8 text (byte {fault.start})", file=str(path), remedy="save it as UTF-8") from fault
    except OSError as fault:
        raise ConfigError(f"cannot be read: {fault.strerror}", file=str(path), remedy="check its permissions") from fault


def read_zones(path: str | Path) -> ZoneSet:
    """The zones of one GeoJSON file. Raises one ConfigError that lists every fault."""
    return load_zones(read_text(path), file=str(path))


def read_coast(folder: Path = DATA_DIR) -> Coast:
    """The coast that the build made. Raises InputError when it is absent or damaged."""
    data = _read_npz(folder / "coast.npz")
    try:
        return Coast(**{name: np.ascontiguousarray(data[name]) for name in Coast.__slots__ if name != "origin"}, origin=str(data["origin"]))
    except KeyError as fault:
        raise InputError(f"{folder / 'coast.npz'} lacks {fault}", remedy=REBUILD) from fault


def read_ports(folder: Path = DATA_DIR) -> Ports:
    """The ports that the build found (there may be none). Raises InputError when the file is absent or damaged."""
    data = _read_npz(folder / "ports.npz")
    try:
        return Ports(data["lat"], data["lon"], tuple(data["ids"].tolist()), tuple(data["names"].tolist()))
    except KeyError as fault:
        raise InputError(f"{folder / 'ports.npz'} lacks {fault}", remedy=REBUILD) from fault


def read_origin(folder: Path = DATA_DIR) -> dict[str, Any]:
    """ORIGIN.json of the built data: sources, versions, licences, hashes."""
    try:
        return json.loads((folder / "ORIGIN.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise InputError(f"{folder / 'ORIGIN.json'} cannot be read", remedy=REBUILD) from fault


def land_path(folder: Path = DATA_DIR) -> Path:
    """Where the land for maps lies (GeoJSON, simplified). Raises InputError when it is absent."""
    path = folder / "land.geojson"
    if not path.is_file():
        raise InputError(f"{path} is absent", remedy=REBUILD)
    return path


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as fault:
        raise InputError(f"{path} is absent: the coast has not been built", remedy=REBUILD) from fault
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as fault:
        raise InputError(f"{path} is damaged: {fault}", remedy=REBUILD) from fault
