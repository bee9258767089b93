"""`dogwatch zones build` and `approve`: files in, one GeoJSON file of zones out. May hold: opening and writing. May not: make zones (zones/).

Whatever is built is examined as any drawn zone is before it is written: a file that the product would refuse is never left behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape

from dogwatch import blob
from dogwatch.batch import F_CK_BAD, F_COARSE, F_FIX_STATE, F_FUTURE, F_MMSI_BAD, F_NULL_ISLAND
from dogwatch.errors import ConfigError, InputError
from runners.decoding import batches
from runners.inputs import Settings, open_inputs
from runners.intake import Intake
from runners.ledger import replace_file
from tracks.clock import Released, Reorder
from zones.belts import belt_features
from zones.check import collection_text
from zones.geojson import examine
from zones.learn import HOUR_MS, LEARNED, PRESETS, Learner, anchorages, features_of
from zones.load import read_coast, read_drawn, read_ports, read_text
from zones.ports_table import Box, port_features

LEARN_SCHEMA = 102  # another number than other states have, so that one is never taken for the other
UNFIT = F_CK_BAD | F_FUTURE | F_COARSE | F_FIX_STATE | F_NULL_ISLAND | F_MMSI_BAD  # damaged, without a true time, or a place of 185 m steps
FOLD_ROWS = 200_000  # positions taken at once
END_MS = 1 << 60  # after every position
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What to build. `learn`: recordings; `convert`: zones of other formats, with `given` properties for features that lack them."""

    out: Path
    ports: Path | None = None
    learn: list[Path] = field(default_factory=list)
    state: Path | None = None
    preset: str = "dogwatch"
    convert: list[Path] = field(default_factory=list)
    given: dict[str, Any] = field(default_factory=dict)
    belts: bool = False
    box: Box | None = None


def build_zones(options: BuildOptions, say: Say) -> dict[str, Any]:
    """Build the zones, examine and write them. Returns what was made. Raises InputError/ConfigError."""
    if not (options.ports or options.learn or options.state or options.convert or options.belts):
        raise InputError("nothing to build", remedy="give --ports TABLE, --learn RECORDING..., --convert FILE... or --belts")
    if options.belts and options.box is None:
        raise InputError("belts of the whole world would be no chart", remedy="give --box WEST,SOUTH,EAST,NORTH")
    features: list[Any] = []
    made: dict[str, Any] = {"out": str(options.out)}
    if options.ports:
        found, made["ports_left_out"] = port_features(read_text(options.ports), read_coast(), file=options.ports.name, box=options.box)
        made["ports"] = len(found)
        features += found
    if options.belts and options.box:
        features += belt_features(read_coast(), options.box)
    if options.convert:
        features += [_given(feature, options.given) for path in options.convert for feature in _features(path)]
    if options.learn or options.state:
        features += _learned(options, made, say)
    if not features:
        counted = ", ".join(f"{k} {v}" for k, v in made.items() if k not in ("out", "learned"))
        raise InputError(f"no zone came of it{counted and ': '}{counted}", remedy=_needed(options))
    write_zones(options.out, features)
    return {**made, "zones": len(features)}


def _needed(options: BuildOptions) -> str:
    """What would have made a zone."""
    if not (options.learn or options.state):
        return "give more data or another box, or see docs/zones.md"
    rule = PRESETS[options.preset]
    number = f"{rule.vessels_min} vessels" + (f" ({rule.vessels_min_at_port} near a known port)" if rule.vessels_min_at_port < rule.vessels_min else "")
    return f"a place needs {number} that lay there {rule.hours_min:g} hours each; --state FILE keeps what was learned for the next recording"


def write_zones(out: Path, features: list[Any]) -> None:
    """Write features as one GeoJSON file, all or nothing. Raises ConfigError when a zone would be refused."""
    text = collection_text(features)
    faults = examine(text, file=str(out))[1]
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise ConfigError(f"nothing written: {faults[0].what}{more}", file=str(out), line=0, key=faults[0].feature, remedy=faults[0].remedy)
    replace_file(out, text.encode("utf-8"))


def approve(path: Path, ids: list[str], owner: str) -> list[str]:
    """Say yes to proposals of a zones file by id, in the name of `owner`; returns the ids. Raises InputError/ConfigError; all or nothing."""
    if not owner.strip():
        raise InputError("nobody has said yes", remedy="--owner names the office that answers for these masks")
    features = _features(path)
    by_id = {str(feature["properties"].get("id")): feature for feature in features}
    absent = [zone_id for zone_id in ids if zone_id not in by_id]
    if absent:
        raise InputError(f"{path} has no zone '{absent[0]}'", remedy=f"dogwatch zones check {path} lists what it has")
    for zone_id in ids:
        by_id[zone_id]["properties"] |= {"approved": True, "owner": owner}
    write_zones(path, features)
    return ids


def _features(path: Path) -> list[Any]:
    drawn = read_drawn(path)
    if drawn.faults:
        raise ConfigError(drawn.faults[0].what, file=str(path), line=drawn.faults[0].line, remedy=drawn.faults[0].remedy)
    if not all(isinstance(feature, dict) and isinstance(feature.get("properties"), dict) for feature in drawn.features):
        raise ConfigError("has features without properties", file=str(path), line=1, remedy=f"dogwatch zones check {path}")
    return drawn.features


def _given(feature: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    return {**feature, "properties": {**given, **feature["properties"]}}


def _learned(options: BuildOptions, made: dict[str, Any], say: Say) -> list[Any]:
    """Learned zones: those to which somebody said yes, as they were then, and proposals of the places outside them."""
    if options.preset not in PRESETS:
        raise InputError(f"no preset '{options.preset}'", remedy=f"known: {', '.join(PRESETS)}")
    rule, kept = PRESETS[options.preset], _approved(options.out)
    learner = Learner(rule)
    if options.state and options.state.exists():
        sections = blob.unpack(options.state.read_bytes(), schema=LEARN_SCHEMA)
        if "vessels" not in sections:  # coverage has the same number
            raise InputError(f"{options.state} is no state of learning", remedy="name the file that an earlier --state wrote, or one that is absent")
        learner = Learner.from_sections(sections, rule)
    made["fixes"] = _take(learner, options.learn, say) if options.learn else 0
    if options.state:
        replace_file(options.state, blob.pack(learner.to_sections(), schema=LEARN_SCHEMA))
    known = {str(feature["properties"]["id"]) for feature in kept}
    places = anchorages(learner, read_coast(), read_ports(), shapely.union_all([shape(feature["geometry"]) for feature in kept]))
    places = [place for place in places if place.id not in known]
    stays = learner.stays()
    made["stays"], made["vessels"] = len(stays), len(learner.vessels)
    made["longest_stay_h"] = round(int((stays["to_ms"] - stays["from_ms"]).max(initial=0)) / HOUR_MS, 1)
    made["approved_before"] = len(kept)
    made["learned"] = [
        {"id": p.id, "name": p.name, "vessels": p.vessels, "hours": p.hours, "ship_types": p.ship_types, "belt": p.belt, "withheld": p.withheld} for p in places
    ]
    return kept + features_of(places, options.preset)


def _approved(path: Path) -> list[Any]:
    """Learned zones of a file that an earlier run wrote, to which somebody has said yes since."""
    features = _features(path) if path.exists() else []
    return [feature for feature in features if feature["properties"].get("source") == LEARNED and feature["properties"].get("approved") is True]


def _take(learner: Learner, inputs: list[Path], say: Say) -> int:
    """Recordings into the learner, interleaved and in order of time as in a replay, so that neither their order nor the size of pieces decides anything."""
    sources = open_inputs(inputs, Settings(None, False, {}), say)
    intake, buffer = Intake([lane for source in sources.values() for lane in source.lanes]), Reorder()
    fixes = 0
    for batch in batches(intake, *sources.values()):
        fixes += len(batch.fixes)
        buffer.push(batch.fixes[(batch.fixes["flags"] & np.uint32(UNFIT)) == 0], batch.statics)
        if buffer.waiting >= FOLD_ROWS:
            _fold(learner, buffer.release(intake.watermark_ms))
    _fold(learner, buffer.release(END_MS))
    return fixes


def _fold(learner: Learner, rows: Released) -> None:
    learner.note_types(rows.statics["mmsi"], rows.statics["ship_type"])
    learner.note_types(rows.fixes["mmsi"], rows.fixes["ship_type"])
    learner.add(rows.fixes["mmsi"], rows.fixes["t_ms"], rows.fixes["lat"], rows.fixes["lon"])
