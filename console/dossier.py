"""The dossier of one vessel: everything this console knows of it, on one page and as files.

May live here: what belongs in it, and its forms (GeoJSON, KML, CSV). May not: keeping (chronicle, history, picture, board), HTTP, judgement.

No person stands in it: who owned, acknowledged or closed an alert, and in what words, stays in the watch log. What of it may leave as a
file says console/protected.py. Text from the air is hostile: KML is escaped by the library that writes it, a CSV cell that a spreadsheet would
take for a formula gets an apostrophe. RFC 7946 tracks are cut at 180 degrees.
"""

from __future__ import annotations

import csv
import html
import io
import re
from typing import Any
from xml.etree import ElementTree as Xml

from console.memory import DAY_MS, SILENCE_MS
from console.picture import Picture
from dogwatch.alerts import EXERCISE_MARK
from dogwatch.events import to_plain
from dogwatch.times import iso

DAYS_MAX = 60
POINTS_MAX = 32_000  # a day at one in ten seconds, and all that is kept of sixty
GAPS_MAX = 500
CAVEAT = "AIS as received: approximate, incomplete, possibly false. An indication to look at, not proof. Not for navigation or legal use."
PARTS = {"gaps": ("dark_period",), "port_calls": ("port_visit",), "watchlist": ("watchlist",)}  # the rest are `events`
ALERT_FIELDS = ("alert_id", "kind", "level", "condition", "score", "headline", "t_first", "t_last", "lat", "lon", "mmsi", "subjects", "exercise")
COLUMNS = ("kind", "time", "until", "lat", "lon", "sog_kn", "cog_deg", "what", "before", "after", "exercise")
CUT = re.compile(r"([;\t]\s*)(?=[=+\-@])")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def dossier(mmsi: int, picture: Picture, records: list[dict[str, Any]], *, days: float = 1.0) -> dict[str, Any] | None:
    """The dossier of a vessel, ready for JSON; None where it was never heard and no alert names it.

    records: the board's, of any vessel; days: how far back its track goes, as far as positions are kept.
    """
    now, chronicle = picture.one(mmsi), picture.chronicle
    alerts = [_alert(one) for one in records if mmsi in one["mmsi"] or any(who["mmsi"] == mmsi for who in one["subjects"])]
    told = [to_plain(one) for one in chronicle.events(mmsi)]
    until_ms = picture.until_ms
    (track,) = picture.history.tracks([mmsi], until_ms - round(days * DAY_MS), until_ms, points_max=POINTS_MAX)
    if now is None and not alerts and not told and not track["t_ms"]:
        return None
    changes = [_change(one.t_ms, one.field, one.before, one.after) for one in chronicle.changes(mmsi)]
    known = {part for types in PARTS.values() for part in types}
    return {
        "mmsi": mmsi,
        **(now or {"identity": None, "voyage": None, "position": None}),
        "exercise": picture.exercise or picture.memory.exercise(mmsi) or any(one["exercise"] for one in (*alerts, *told)),
        "caveat": CAVEAT,
        "as_of": iso(until_ms) if until_ms else None,
        "days": days,
        "known_from_ms": min((one for one in (picture.history.begins_ms, picture.memory.begins_ms) if one is not None), default=None),
        "identity_history": [one for one in changes if one["field"] not in ("destination", "draught_m")],
        "voyage_history": [one for one in changes if one["field"] in ("destination", "draught_m")],
        "track": track,
        "silences": _silences(track),
        "alerts": sorted(alerts, key=lambda one: one["t_last"], reverse=True),
        **{name: [one for one in told if one["type"] in types] for name, types in PARTS.items()},
        "events": [one for one in told if one["type"] not in known],
    }


def _alert(record: dict[str, Any]) -> dict[str, Any]:
    closed = record["disposition"]
    return {**{name: record[name] for name in ALERT_FIELDS}, "disposition": closed["code"] if closed else None}


def _change(t_ms: int, field: str, before: Any, after: Any) -> dict[str, Any]:
    if field == "draught_dm":
        field, before, after = "draught_m", before / 10, after / 10
    return {"t": iso(t_ms), "field": field, "before": before, "after": after}


def _silences(track: dict[str, Any]) -> list[dict[str, Any]]:
    """Spans of at least SILENCE_MS without a kept position; no judgement whether anybody could have heard it."""
    times: list[int] = track["t_ms"]
    found: list[dict[str, Any]] = []
    for i in range(1, len(times)):
        if times[i] - times[i - 1] >= SILENCE_MS:
            found.append(
                {"from": iso(times[i - 1]), "to": iso(times[i]), "s": (times[i] - times[i - 1]) // 1000, "lat": track["lat"][i - 1], "lon": track["lon"][i - 1]}
            )
    return found[-GAPS_MAX:]


def lines(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The dossier as rows of COLUMNS by time: positions, changes, alerts, events, silences."""
    track = found["track"]
    rows: list[dict[str, Any]] = []
    for i, t_ms in enumerate(track["t_ms"]):
        rows.append({"kind": "position", "time": iso(t_ms), **{name: track[name][i] for name in ("lat", "lon", "sog_kn", "cog_deg")}})
    for one in found["identity_history"] + found["voyage_history"]:
        rows.append({"kind": "change", "time": one["t"], "what": one["field"], "before": one["before"], "after": one["after"]})
    for one in found["silences"]:
        rows.append({"kind": "silence", "time": one["from"], "until": one["to"], "lat": one["lat"], "lon": one["lon"], "what": f"{one['s']} s"})
    for one in found["alerts"]:
        what = f"{one['level']}, {one['condition']}: {one['headline'].removeprefix(EXERCISE_MARK)}"
        rows.append({"kind": "alert", "time": one["t_first"], "until": one["t_last"], "lat": one["lat"], "lon": one["lon"], "what": what})
    for one in (event for name in (*PARTS, "events") for event in found[name]):
        what = " ".join(part for part in (one["subtype"], *one["zones"], "(retracted)" if one["state"] == "retracted" else "") if part)
        rows.append({"kind": one["type"], "time": one["t_start"], "until": one["t_end"], "lat": one["lat"], "lon": one["lon"], "what": what})
    for row in rows:
        row["exercise"] = found["exercise"]
    return sorted(rows, key=lambda row: (row["time"] or "", row["kind"]))


def as_csv(found: dict[str, Any]) -> bytes:
    """UTF-8 CSV: a line of caveat, a header, `lines`; no cell is a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([safe(f"{'EXERCISE. ' if found['exercise'] else ''}MMSI {found['mmsi']}. {caveat_of(found)}")])
    writer.writerow(COLUMNS)
    for row in lines(found):
        writer.writerow([safe(row.get(name)) for name in COLUMNS])
    return out.getvalue().encode()


def safe(value: Any) -> Any:
    """A CSV cell that no spreadsheet takes for a formula: text that begins like one gets an apostrophe, and so does what begins like one behind
    a semicolon or tab, at which many a spreadsheet cuts. Numbers stay numbers."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, str):
        return value
    value = CUT.sub(r"\1'", value)
    return "'" + value if value.lstrip(" \n").startswith(FORMULA) else value


def as_geojson(found: dict[str, Any]) -> dict[str, Any]:
    """A FeatureCollection (RFC 7946): the track, cut at 180 degrees and with its times, and every other line that has a place."""
    features: list[dict[str, Any]] = []
    parts = parts_of(found["track"])
    if parts:
        times = [[iso(found["track"]["t_ms"][i]) for i in part] for part in parts]
        geometry: dict[str, Any] = {"type": "MultiLineString", "coordinates": [_places(found["track"], part) for part in parts]}
        features.append({"type": "Feature", "geometry": geometry, "properties": {**_about(found), "kind": "track", "times": times}})
    for row in lines(found):
        if row["kind"] != "position":
            placed = row.get("lat") is not None and row.get("lon") is not None
            point = {"type": "Point", "coordinates": [row["lon"], row["lat"]]} if placed else None
            features.append({"type": "Feature", "geometry": point, "properties": {name: value for name, value in row.items() if name not in ("lat", "lon")}})
    return {"type": "FeatureCollection", "features": features, **_about(found), "caveat": caveat_of(found)}


def as_kml(found: dict[str, Any]) -> bytes:
    """KML 2.2: the track as lines, every other line that has a place as a mark with its time."""
    root = Xml.Element("kml", xmlns="http://www.opengis.net/kml/2.2")
    document = Xml.SubElement(root, "Document")
    mark = EXERCISE_MARK if found["exercise"] else ""
    about = _about(found)
    say(document, "name", f"{mark}MMSI {found['mmsi']} {about['name']}")
    say(document, "description", caveat_of(found))
    for part in parts_of(found["track"]):
        placemark = Xml.SubElement(document, "Placemark")
        say(placemark, "name", f"{mark}track")
        span = Xml.SubElement(placemark, "TimeSpan")
        say(span, "begin", iso(found["track"]["t_ms"][part[0]]))
        say(span, "end", iso(found["track"]["t_ms"][part[-1]]))
        say(Xml.SubElement(placemark, "LineString"), "coordinates", " ".join(f"{lon},{lat}" for lon, lat in _places(found["track"], part)))
    for row in lines(found):
        if row["kind"] == "position" or row.get("lat") is None or row.get("lon") is None:
            continue
        placemark = Xml.SubElement(document, "Placemark")
        say(placemark, "name", f"{mark}{row['kind']}")
        say(placemark, "description", row.get("what", ""))
        say(Xml.SubElement(placemark, "TimeStamp"), "when", row["time"])
        say(Xml.SubElement(placemark, "Point"), "coordinates", f"{row['lon']},{row['lat']}")
    return Xml.tostring(root, encoding="utf-8", xml_declaration=True)


def say(parent: Xml.Element, name: str, text: str | None) -> None:
    """A child element with words; what XML cannot carry, or a terminal would obey, becomes U+FFFD. A description is HTML to whoever shows KML: it gets text."""
    words = "".join(c if c.isprintable() else "\ufffd" for c in text or "")
    Xml.SubElement(parent, name).text = html.escape(words, quote=False) if name == "description" else words


def caveat_of(found: dict[str, Any]) -> str:
    """The caveat, and how much stays out of the file because others are protected."""
    withheld = found.get("withheld", 0)
    return f"{CAVEAT} {withheld} lines about rescue are left out." if withheld else CAVEAT


def _about(found: dict[str, Any]) -> dict[str, Any]:
    return {"mmsi": found["mmsi"], "name": (found["identity"] or {}).get("name", ""), "exercise": found["exercise"]}


def _places(track: dict[str, Any], part: list[int]) -> list[list[float]]:
    return [[track["lon"][i], track["lat"][i]] for i in part]


def parts_of(track: dict[str, Any]) -> list[list[int]]:
    """Indices of the track in pieces of at least two positions: a new one where it crosses 180 degrees or was silent."""
    parts: list[list[int]] = [[]]
    for i, t_ms in enumerate(track["t_ms"]):
        apart = i and (abs(track["lon"][i] - track["lon"][i - 1]) > 180 or t_ms - track["t_ms"][i - 1] >= SILENCE_MS)
        if apart:
            parts.append([])
        parts[-1].append(i)
    return [part for part in parts if len(part) > 1]
