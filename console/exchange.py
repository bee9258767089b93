"""Files for other programs: GPX (chart plotters), CoT (TAK), GeoParquet (analysis). May live here: those three forms of rows that somebody else chose.

May not: who stands in a file (console/protected.py), HTTP, what a row means. Each row that is an exercise is marked in a way that its form has: GPX in the
name, CoT by `opex` and `how`, GeoParquet by a column. Rows without a place are in GeoParquet alone.
"""

from __future__ import annotations

import io
import json
from typing import Any, NamedTuple
from xml.etree import ElementTree as Xml

import pyarrow as pa
import shapely
from pyarrow import parquet

from console.dossier import parts_of, say
from dogwatch.alerts import EXERCISE_MARK
from dogwatch.times import from_iso, iso

STALE_MS = 20 * 60_000  # two beats of ten minutes after the newest data, a CoT event is old
UNKNOWN = "9999999.0"  # of CoT: height and errors that nobody knows
SURFACE = "a-u-S-X"  # an unknown on the surface; never one that is hostile
FLOATS = {"lat", "lon", "score", "sog_kn", "cog_deg"}
TYPES = {"exercise": pa.bool_(), "revision": pa.int64(), "mmsi": pa.list_(pa.int64()), **dict.fromkeys(FLOATS, pa.float64())}
GEO = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Point"]}}}  # no CRS = WGS 84


class Mark(NamedTuple):
    """Something at a place. Times as ISO 8601; `title` has the mark of an exercise already."""

    uid: str
    first: str
    last: str
    lat: float
    lon: float
    title: str
    text: str
    exercise: bool


def marks_of_alerts(rows: list[dict[str, Any]]) -> list[Mark]:
    """Rows of console.files.FIELDS that have a place."""
    placed = [row for row in rows if row["lat"] is not None and row["lon"] is not None]
    return [
        Mark(row["alert_id"], row["t_first"], row["t_last"], row["lat"], row["lon"], row["headline"], row["explanation"], row["exercise"]) for row in placed
    ]


def marks_of_vessel(found: dict[str, Any], rows: list[dict[str, Any]]) -> list[Mark]:
    """Lines of a dossier that have a place and are no positions."""
    placed = [row for row in rows if row["kind"] != "position" and row.get("lat") is not None and row.get("lon") is not None and row["time"]]
    mark, vessel = EXERCISE_MARK if found["exercise"] else "", f"MMSI-{found['mmsi']}"
    return [
        Mark(f"{vessel}-{i}", row["time"], row.get("until") or row["time"], row["lat"], row["lon"], mark + row["kind"], row.get("what", ""), row["exercise"])
        for i, row in enumerate(placed)
    ]


def as_gpx(marks: list[Mark], name: str, caveat: str, found: dict[str, Any] | None = None) -> bytes:
    """GPX 1.1: a waypoint per mark, and the track of a dossier in segments, a new one where it was silent or crosses 180 degrees."""
    root = Xml.Element("gpx", xmlns="http://www.topografix.com/GPX/1/1", version="1.1", creator="dogwatch")
    about = Xml.SubElement(root, "metadata")
    say(about, "name", name)
    say(about, "desc", caveat)
    for mark in marks:
        point = Xml.SubElement(root, "wpt", lat=f"{mark.lat:.7f}", lon=f"{mark.lon:.7f}")
        say(point, "time", mark.last)
        say(point, "name", mark.title)
        say(point, "desc", mark.text)
    if found is not None:
        track = Xml.SubElement(root, "trk")
        say(track, "name", name)
        for part in parts_of(found["track"]):
            segment = Xml.SubElement(track, "trkseg")
            for i in part:
                point = Xml.SubElement(segment, "trkpt", lat=f"{found['track']['lat'][i]:.7f}", lon=f"{found['track']['lon'][i]:.7f}")
                say(point, "time", iso(found["track"]["t_ms"][i]))
    return Xml.tostring(root, encoding="utf-8", xml_declaration=True)


def as_cot(marks: list[Mark], caveat: str) -> bytes:
    """Cursor on Target 2.0: an event per mark, one a line, as a stream of them is sent. `opex` is always set: s- is simulated, o- is in operation."""
    return b"".join(Xml.tostring(_event(mark, caveat), encoding="utf-8") + b"\n" for mark in marks)


def _event(mark: Mark, caveat: str) -> Xml.Element:
    last = from_iso(mark.last)
    assert last is not None, "a mark has a time"
    how, opex = ("m-s", "s-exercise") if mark.exercise else ("m-f", "o-")
    said = {"version": "2.0", "uid": mark.uid, "type": SURFACE, "how": how, "opex": opex}
    event = Xml.Element("event", said | {"time": mark.last, "start": mark.first, "stale": iso(last + STALE_MS) or mark.last})
    Xml.SubElement(event, "point", lat=f"{mark.lat:.7f}", lon=f"{mark.lon:.7f}", hae=UNKNOWN, ce=UNKNOWN, le=UNKNOWN)
    detail = Xml.SubElement(event, "detail")
    say(detail, "remarks", f"{mark.title} {mark.text} {caveat}")
    return event


def as_parquet(rows: list[dict[str, Any]], columns: tuple[str, ...], caveat: str) -> bytes:
    """GeoParquet 1.1: the rows with a point each (null where there is no place); the caveat stands in the metadata of the file."""
    fields = [(name, TYPES.get(name, pa.string())) for name in columns]
    data = {name: [_cell(row.get(name), kind) for row in rows] for name, kind in fields}
    placed = [None if row.get("lat") is None or row.get("lon") is None else shapely.to_wkb(shapely.Point(row["lon"], row["lat"])) for row in rows]
    schema = pa.schema([*fields, ("geometry", pa.binary())], metadata={"geo": json.dumps(GEO), "caveat": caveat})
    out = io.BytesIO()
    parquet.write_table(pa.table({**data, "geometry": placed}, schema=schema), out, compression="zstd")
    return out.getvalue()


def _cell(value: Any, kind: pa.DataType) -> Any:
    return str(value) if value is not None and kind == pa.string() else value
