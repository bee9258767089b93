"""What leaves the console as a file: one vessel's dossier, and alerts, as GeoJSON, KML, CSV, GPX, CoT or GeoParquet.

May live here: the two routes, alerts as rows, what a file is called. May not: who is protected (console/protected.py), the forms of a
dossier (console/dossier.py) and of other programs (console/exchange.py), judgement.

No person stands in a file, and nobody who rescues or is rescued. An exercise is marked in the name of the file, in every row and in every
headline; a record that does not say whether it is one is refused and counted, never sent as real.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as Xml

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from console.answers import problem
from console.board import Board
from console.dossier import CAVEAT, COLUMNS, DAYS_MAX, PARTS, as_csv, as_geojson, as_kml, caveat_of, dossier, lines, safe, say
from console.exchange import as_cot, as_gpx, as_parquet, marks_of_alerts, marks_of_vessel
from console.picture import Picture
from console.protected import Protection
from dogwatch.alerts import EXERCISE_MARK, marked

FIELDS = ("alert_id", "revision", "level", "condition", "score", "t_first", "t_last", "lat", "lon", "mmsi", "headline", "explanation", "profile", "exercise")
ROWS_MAX = 20_000
MEDIA = {
    "geojson": "application/geo+json", "kml": "application/vnd.google-earth.kml+xml", "csv": "text/csv; charset=utf-8", "gpx": "application/gpx+xml",
    "cot": "text/plain; charset=utf-8", "parquet": "application/vnd.apache.parquet",
}  # fmt: skip
DOSSIERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "geojson": as_geojson,
    "kml": as_kml,
    "csv": as_csv,
    "gpx": lambda found: as_gpx(marks_of_vessel(found, lines(found)), _named(found), caveat_of(found), found),
    "cot": lambda found: as_cot(marks_of_vessel(found, lines(found)), caveat_of(found)),
    "parquet": lambda found: as_parquet(lines(found), COLUMNS, f"{_named(found)}. {caveat_of(found)}"),
}


class Files:
    """The routes. `listed`: MMSI and IMO numbers of vessels that the centre protects."""

    def __init__(self, board: Board, picture: Picture, listed: frozenset[int]) -> None:
        self._board, self._picture, self._listed = board, picture, listed

    async def vessel(self, request: Request) -> Response:
        """GET api/vessels/{mmsi}/export.{form}: the dossier as a file; 403 for who is protected."""
        form = request.path_params["form"]
        if form not in DOSSIERS:
            return _no_form(form)
        if (days := days_of(request)) is None:
            return self.no_days()
        found = await run_in_threadpool(dossier, request.path_params["mmsi"], self._picture, self._board.snapshot()[1], days=days)
        if found is None:
            return self.unheard()
        guard = self.protection()
        if reason := guard.dossier(found):
            return problem(403, f"no file is made of this vessel: {reason}", "its page shows what is known")
        made = await run_in_threadpool(DOSSIERS[form], guard.without(found, (*PARTS, "events")))
        return _file(made, form, str(found["mmsi"]), exercise=found["exercise"])

    async def alerts(self, request: Request) -> Response:
        """GET api/export.{form}?ids=: risk alerts of the board as a file, all of them or those named, without who is protected."""
        form = request.path_params["form"]
        if form not in ALERTS:
            return _no_form(form)
        wanted = {name for name in request.query_params.get("ids", "").split(",") if name}
        records = [one for one in self._board.snapshot()[1] if one["kind"] != "system" and (not wanted or one["alert_id"] in wanted)]
        rows, withheld = await run_in_threadpool(rows_of, records, self.protection())
        made = await run_in_threadpool(ALERTS[form], rows, withheld)
        return _file(made, form, "alerts", exercise=any(row["exercise"] for row in rows))

    def unheard(self) -> Response:
        """The answer about a vessel that nobody knows."""
        return problem(404, "no such vessel was heard", "api/search finds vessels by name, call sign and numbers")

    def no_days(self) -> Response:
        """The answer to days that make no sense."""
        return problem(400, "days makes no sense", f"a number up to {DAYS_MAX}")

    def protection(self) -> Protection:
        """Who is protected at this moment."""
        return Protection(self._listed, self._board.rescue_areas(), self._picture.one)


def days_of(request: Request) -> float | None:
    """For how many days back the track of a dossier is asked; None where it makes no sense."""
    try:
        days = float(request.query_params.get("days", "1"))
    except ValueError:
        return None
    return days if 0 < days <= DAYS_MAX else None


def rows_of(records: list[dict[str, Any]], guard: Protection) -> tuple[list[dict[str, Any]], int]:
    """(records of the board as rows of FIELDS, how many were left out). A record that does not say whether it is an exercise is left out too."""
    rows = [{name: one[name] for name in FIELDS} for one in records if isinstance(one.get("exercise"), bool) and not guard.alert(one)][:ROWS_MAX]
    for row in rows:
        row["headline"] = marked(row["headline"], exercise=row["exercise"])
    return rows, len(records) - len(rows)


def alerts_csv(rows: list[dict[str, Any]], withheld: int) -> bytes:
    """UTF-8 CSV: a line of caveat, a header, the rows; no cell is a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([safe(_caveat(rows, withheld))])
    writer.writerow(FIELDS)
    for row in rows:
        writer.writerow([safe(" ".join(map(str, row[name])) if name == "mmsi" else row[name]) for name in FIELDS])
    return out.getvalue().encode()


def alerts_geojson(rows: list[dict[str, Any]], withheld: int) -> dict[str, Any]:
    """A FeatureCollection (RFC 7946), a point per alert, null where its place is not known."""
    features = []
    for row in rows:
        point = None if row["lat"] is None or row["lon"] is None else {"type": "Point", "coordinates": [row["lon"], row["lat"]]}
        about = {name: row[name] for name in FIELDS if name not in ("lat", "lon")}
        features.append({"type": "Feature", "geometry": point, "properties": about})
    return {"type": "FeatureCollection", "features": features, "caveat": _caveat(rows, withheld), "withheld": withheld}


def alerts_kml(rows: list[dict[str, Any]], withheld: int) -> bytes:
    """KML 2.2, a mark per alert that has a place."""
    root = Xml.Element("kml", xmlns="http://www.opengis.net/kml/2.2")
    document = Xml.SubElement(root, "Document")
    say(document, "name", f"{EXERCISE_MARK if any(row['exercise'] for row in rows) else ''}alerts")
    say(document, "description", _caveat(rows, withheld))
    for row in rows:
        placemark = Xml.SubElement(document, "Placemark")
        say(placemark, "name", f"{row['headline']} ({row['level']}, {row['score']}/100)")
        say(placemark, "description", row["explanation"])
        span = Xml.SubElement(placemark, "TimeSpan")
        say(span, "begin", row["t_first"])
        say(span, "end", row["t_last"])
        if row["lat"] is not None and row["lon"] is not None:
            say(Xml.SubElement(placemark, "Point"), "coordinates", f"{row['lon']},{row['lat']}")
    return Xml.tostring(root, encoding="utf-8", xml_declaration=True)


ALERTS: dict[str, Callable[[list[dict[str, Any]], int], Any]] = {
    "geojson": alerts_geojson,
    "kml": alerts_kml,
    "csv": alerts_csv,
    "gpx": lambda rows, withheld: as_gpx(marks_of_alerts(rows), "alerts", _caveat(rows, withheld)),
    "cot": lambda rows, withheld: as_cot(marks_of_alerts(rows), _caveat(rows, withheld)),
    "parquet": lambda rows, withheld: as_parquet(rows, FIELDS, _caveat(rows, withheld)),
}


def _named(found: dict[str, Any]) -> str:
    name = (found["identity"] or {}).get("name", "")
    return f"{EXERCISE_MARK if found['exercise'] else ''}MMSI {found['mmsi']} {name}".rstrip()


def _caveat(rows: list[dict[str, Any]], withheld: int) -> str:
    mark = EXERCISE_MARK if any(row["exercise"] for row in rows) else ""
    return f"{mark}{CAVEAT} {withheld} left out: rescue, distress, or not marked." if withheld else f"{mark}{CAVEAT}"


def _no_form(form: str) -> Response:
    return problem(404, f"no such form: {form[:20]}", f"one of {', '.join(MEDIA)}")


def _file(made: Any, form: str, name: str, *, exercise: bool) -> Response:
    headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="{"exercise-" if exercise else ""}{name}.{form}"'}
    return Response(made if isinstance(made, bytes) else msgspec.json.encode(made), media_type=MEDIA[form], headers=headers)
