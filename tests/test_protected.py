"""Who rescues and who is rescued stands in no file: neither under an own number nor as company. And no file passes an exercise off as real."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
import shapely
from pyarrow import parquet
from starlette.testclient import TestClient

from console.app import create_app
from console.board import Board
from console.decisions import Decisions
from console.files import ALERTS, rows_of
from console.openapi import READS
from console.picture import Picture
from console.protected import PREFIXES, TYPES, Protection
from dogwatch.alerts import EXERCISE_MARK
from dogwatch.errors import InputError
from dogwatch.events import Event, Subject
from runners.protected_list import protected_numbers
from tests.console_harness import CENTRE, T0, alert, batch, distress, fleet, move, names

SHIP = 198_100_005  # ordinary, near the middle of the fleet
FORMS = ("geojson", "kml", "csv", "gpx", "cot", "parquet")
BEACON, NAMED, RESCUER, MEDIC, SEEKER = 970_010_001, 198_100_001, 198_100_002, 198_100_003, 198_100_004
NAMED_IMO = 198_100_006  # its IMO number is on the list
PROTECTED = (BEACON, NAMED, RESCUER, MEDIC, SEEKER, NAMED_IMO)
AREA = (CENTRE[0] + 2.0, CENTRE[1] + 2.0)
IMO = 9_074_729


def event(number: int, mmsi: list[int], place: tuple[float, float] = CENTRE, *, exercise: bool = False) -> Event:
    return Event(
        event_id=f"e{number}", version=1, state="closed", type="rendezvous", subtype="", subjects=[Subject(f"{one}#0", one) for one in mmsi], mmsi=mmsi,
        t_start=T0 - 7_200_000 + number, t_end=T0 - 3_600_000, t_detected=T0, lat=place[0], lon=place[1], zones=[], measures={}, evidence=[],
        exclusions=[], confidence=0.9, rule="rendezvous", rule_version="1.0", params_hash="0", exercise=exercise,
    )  # fmt: skip


def sea(*, exercise: bool = False) -> tuple[Board, Picture, TestClient]:
    """A ship that met everybody who is protected, each in its own way, and one stranger."""
    board, picture = Board(), Picture()
    ships = fleet(12)
    said = names(ships)
    at = {int(mmsi): i for i, mmsi in enumerate(ships["mmsi"])}
    said["ship_type"] = 70
    said["ship_type"][at[RESCUER]], said["ship_type"][at[MEDIC]] = TYPES
    said["imo"][at[NAMED_IMO]] = IMO
    ships["lat"][at[SEEKER]], ships["lon"][at[SEEKER]] = (round(value * 600_000) for value in AREA)
    for minutes in (-20, -10, 0):
        picture.update(batch(move(ships, minutes * 60), said))
    ships["lat"][at[SEEKER]], ships["lon"][at[SEEKER]] = (round(value * 600_000) for value in AREA)
    ships["t_ms"] = T0 + 1000
    picture.update(batch(ships))
    for number, other in enumerate((*PROTECTED, 198_100_007)):
        picture.chronicle.take([event(number, [SHIP, other], exercise=exercise)])
        subjects = [Subject(f"{one}#0", one, "", f"NAME{one}") for one in (SHIP, other)]
        board.publish(alert(number + 1, mmsi=SHIP, subjects=subjects, headline=f"Met NAME{other}", explanation=f"with NAME{other}", exercise=exercise))
    board.publish(alert(50, mmsi=SHIP, headline="Slow INSIDE", lat=AREA[0], lon=AREA[1], exercise=exercise))
    board.publish(alert(51, mmsi=198_100_007, headline="Slow NAME198100007", exercise=exercise))
    board.publish(distress(60, mmsi=BEACON, event_ids=["beacon-1"], lat=AREA[0], lon=AREA[1], exercise=exercise))
    client = TestClient(create_app(board, picture, Decisions(None), protected=frozenset({NAMED, IMO})))
    return board, picture, client


def exports() -> list[str]:
    """Every address under which the API gives a file, of the description that a test holds against the routes; the ordinary ship where one is named."""
    found = [path for path in READS if "{form}" in path]
    assert len(found) >= 2, "no export was found: nothing would be tested"
    return ["/api/v1" + path.replace("{mmsi}", str(SHIP)).replace("{form}", form) for path in found for form in FORMS]


@pytest.mark.parametrize("address", exports())
def test_nobody_who_is_protected_stands_in_any_file(address: str) -> None:
    _, _, client = sea()
    answer = client.get(address)
    assert answer.status_code == 200
    told = _told(address.rsplit(".", 1)[1], answer.content)
    for mmsi in PROTECTED:
        assert str(mmsi) not in told, f"{mmsi} leaks"
    assert "INSIDE" not in told
    assert "beacon" not in told
    assert "NAME198100007" in told, "the stranger is no secret"
    assert "left out" in told


def _told(form: str, body: bytes) -> str:
    """All that a file says, as text."""
    if form != "parquet":
        return body.decode()
    table = parquet.read_table(io.BytesIO(body))
    return f"{table.to_pylist()} {table.schema.metadata}"


@pytest.mark.parametrize("mmsi", PROTECTED)
@pytest.mark.parametrize("form", FORMS)
def test_no_file_is_made_of_who_is_protected(mmsi: int, form: str) -> None:
    _, picture, client = sea()
    if mmsi == BEACON:
        ship = fleet(1)
        ship["mmsi"] = BEACON
        picture.update(batch(ship))
    refused = client.get(f"/api/v1/vessels/{mmsi}/export.{form}")
    assert (refused.status_code, refused.json()["error"][:34]) == (403, "no file is made of this vessel: " + refused.json()["error"][32:34])
    assert client.get(f"/api/v1/vessels/{mmsi}").status_code == 200


@pytest.mark.parametrize("prefix", PREFIXES)
def test_each_kind_of_number_is_protected(prefix: int) -> None:
    guard = Protection(frozenset(), (), lambda mmsi: None)
    assert guard.vessel(prefix * 1_000_000 + 232_501)
    assert not guard.vessel(prefix * 100_000 + 10_001)  # an ordinary number that only contains it


def test_a_track_has_no_piece_of_a_rescue_area_and_the_area_opens_again_when_a_person_ends_it() -> None:
    board, picture, client = sea()
    ship = fleet(1)
    ship["mmsi"] = SHIP
    for minutes in range(12):
        ship["lat"], ship["lon"] = round((AREA[0] - 0.1 + 0.02 * minutes) * 600_000), round(AREA[1] * 600_000)
        ship["t_ms"] = T0 + (2 + minutes) * 60_000
        picture.update(batch(ship))

    def latitudes() -> list[float]:
        told = list(csv.reader(io.StringIO(client.get(f"/api/v1/vessels/{SHIP}/export.csv").text)))
        return [float(row[3]) for row in told[2:] if row[0] == "position" and float(row[3]) > CENTRE[0] + 1]

    inside = [lat for lat in latitudes() if abs(lat - AREA[0]) * 60 <= 5]
    assert latitudes(), "the ways in and out are there"
    assert not inside
    board.health({"rescues": {"beacon-1": "beacon"}})
    board.end_rescue(f"{60:032x}", by="Ana", role="supervisor", reason="a hoax", op_revision=0, event_ms=T0)
    assert [lat for lat in latitudes() if abs(lat - AREA[0]) * 60 <= 5]


def test_an_area_that_the_detectors_opened_protects_without_a_call() -> None:
    board, _, client = sea()
    assert client.get(f"/api/v1/vessels/{SHIP}/export.csv").status_code == 200
    board.health({"rescue_places": {"assist-1": (*CENTRE, 50 * 1852.0)}})
    assert client.get(f"/api/v1/vessels/{SHIP}/export.csv").status_code == 403


def _marks(form: str, body: bytes) -> list[bool]:
    """Whether each thing that a file tells is marked as an exercise."""
    if form == "geojson":
        told = json.loads(body)
        return [one["properties"]["exercise"] is True for one in told["features"]]
    if form == "kml":
        space = "{http://www.opengis.net/kml/2.2}"
        return [(one.findtext(f"{space}name") or "").startswith(EXERCISE_MARK) for one in Xml.fromstring(body).iter(f"{space}Placemark")]
    if form == "gpx":
        space = "{http://www.topografix.com/GPX/1/1}"
        told = [one for kind in ("wpt", "trk") for one in Xml.fromstring(body).iter(f"{space}{kind}")]
        return [(one.findtext(f"{space}name") or "").startswith(EXERCISE_MARK) for one in told]
    if form == "cot":
        return [(one.get("opex"), one.get("how")) == ("s-exercise", "m-s") for one in map(Xml.fromstring, body.splitlines())]
    if form == "parquet":
        return [one is True for one in parquet.read_table(io.BytesIO(body))["exercise"].to_pylist()]
    head, columns, *rows = csv.reader(io.StringIO(body.decode()))
    return [head[0].startswith("EXERCISE"), *(row[columns.index("exercise")] == "yes" for row in rows)]


@pytest.mark.parametrize("address", exports())
def test_no_file_passes_an_exercise_off_as_real(address: str) -> None:
    form = address.rsplit(".", 1)[1]
    _, _, client = sea(exercise=True)
    answer = client.get(address)
    marks = _marks(form, answer.content)
    assert len(marks) > 1
    assert all(marks)
    assert answer.headers["content-disposition"].startswith('attachment; filename="exercise-')


@pytest.mark.parametrize("form", FORMS)
def test_one_marked_row_among_real_ones_marks_itself_and_the_file(form: str) -> None:
    board, _, client = sea()
    board.publish(alert(70, mmsi=198_100_008, headline="Drill", exercise=True))
    answer = client.get(f"/api/v1/export.{form}")
    marks = _marks(form, answer.content)
    assert any(marks)
    assert 'filename="exercise-' in answer.headers["content-disposition"]
    if form != "csv":
        assert marks.count(True) == 1


@pytest.mark.parametrize("flag", [None, "false", 0])
def test_a_record_without_the_flag_is_refused_and_counted(flag: Any) -> None:
    board, _, _ = sea()
    (record,) = (one for one in board.snapshot()[1] if one["alert_id"] == f"{7:032x}")
    broken = {**record, "exercise": flag}
    if flag is None:
        del broken["exercise"]
    guard = Protection(frozenset(), (), lambda mmsi: None)
    rows, withheld = rows_of([record, broken], guard)
    assert (len(rows), withheld) == (1, 1)
    for form, make in ALERTS.items():
        made = make(rows, withheld)
        assert "1 left out" in (json.dumps(made) if isinstance(made, dict) else _told(form, made))


def test_alerts_are_chosen_by_id_and_no_cell_is_a_formula() -> None:
    board, _, client = sea()
    board.publish(alert(71, mmsi=198_100_008, headline="=cmd|' /C calc'!A0", explanation="+1"))
    rows = list(csv.reader(io.StringIO(client.get(f"/api/v1/export.csv?ids={71:032x}").text)))
    assert len(rows) == 3
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)
    assert client.get("/api/v1/export.docx").status_code == 404


def test_the_list_of_protected_vessels_is_read_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "protected.txt"
    file.write_text("# rescue organisations\n211591640 a ship\nIMO9074729; another\n\n")
    assert protected_numbers(str(file)) == {211_591_640, 9_074_729}
    assert protected_numbers("") == frozenset()
    file.write_text("211591640\nOCEAN ANGEL\n")
    with pytest.raises(InputError, match=r"protected.txt:2: no MMSI"):
        protected_numbers(str(file))
    with pytest.raises(InputError):
        protected_numbers(str(tmp_path / "missing"))


def test_the_seas_of_these_tests_have_everybody() -> None:
    board, picture, _ = sea()
    for mmsi in PROTECTED[1:]:
        assert picture.one(mmsi), mmsi
    assert np.isclose(picture.one(SEEKER)["position"]["lat"], AREA[0], atol=0.01)  # type: ignore[index]
    assert len(board.snapshot()[1]) == len(PROTECTED) + 4


def test_a_form_for_other_programs_says_what_it_must() -> None:
    board, _, client = sea()
    board.publish(alert(72, mmsi=198_100_008, headline="<b>& \x1b", exercise=False, t_first=T0 - 60_000, t_last=T0))
    address = f"/api/v1/export.{{}}?ids={72:032x}"
    event = Xml.fromstring(client.get(address.format("cot")).content)
    assert (event.get("type"), event.get("how"), event.get("opex"), event.get("uid")) == ("a-u-S-X", "m-f", "o-", f"{72:032x}")
    assert [event.get(name) for name in ("start", "time", "stale")] == ["2025-12-31T23:59:00.000Z", "2026-01-01T00:00:00.000Z", "2026-01-01T00:20:00.000Z"]
    assert (event.findtext("detail/remarks") or "").startswith("<b>& \ufffd")
    waypoint = Xml.fromstring(client.get(address.format("gpx")).content).find("{http://www.topografix.com/GPX/1/1}wpt")
    assert waypoint is not None
    assert (float(waypoint.get("lat", "")), float(waypoint.get("lon", ""))) == CENTRE
    table = parquet.read_table(io.BytesIO(client.get(address.format("parquet")).content))
    assert json.loads(table.schema.metadata[b"geo"])["columns"]["geometry"]["encoding"] == "WKB"
    (row,) = table.to_pylist()
    assert (shapely.from_wkb(row["geometry"]).coords[0], row["mmsi"], row["exercise"]) == (CENTRE[::-1], [198_100_008], False)
