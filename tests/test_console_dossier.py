"""The dossier of a vessel, its files, the search for it, and the description of the API."""

from __future__ import annotations

import csv
import io
import re
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient

from console import guard
from console.app import STATIC, create_app
from console.board import Board
from console.chronicle import Change, Chronicle
from console.decisions import Decisions
from console.dossier import safe
from console.openapi import BASE, document
from console.picture import Picture
from console.search import FOUND_MAX, search
from dogwatch.batch import HAS_VOYAGE
from dogwatch.events import Event, State, Subject, ZoneRelation
from tests.console_harness import CENTRE, HOSTILE, T0, alert, batch, fleet, move, names

SHIP = 198_100_005
FORMULA = "=cmd|' /C calc'!A0"


def event(kind: str, number: int = 1, *, version: int = 1, state: State = "closed", mmsi: int = SHIP) -> Event:
    return Event(
        event_id=f"{kind}{number}", version=version, state=state, type=kind, subtype="", subjects=[Subject(f"{mmsi}#0", mmsi)], mmsi=[mmsi],
        t_start=T0 - 7_200_000, t_end=T0 - 3_600_000, t_detected=T0, lat=CENTRE[0], lon=CENTRE[1],
        zones=[ZoneRelation("HARBOUR", "1", "port", "inside", 0.0)], measures={"gap_s": 3600}, evidence=[], exclusions=[], confidence=0.9,
        rule=kind, rule_version="1.0", params_hash="0", exercise=True,
    )  # fmt: skip


def known_ship() -> tuple[Board, Picture, TestClient]:
    """A ship with everything a dossier can hold; it changed its name to a formula, its destination and its draught."""
    board, picture = Board(), Picture()
    ships = fleet(12)
    said = names(ships)
    picture.update(batch(move(ships, -1200), said))
    later = said.copy()
    later["t_ms"] = T0
    later["name"][5], later["destination"][5], later["draught_dm"][5] = FORMULA.encode(), b"+ELSEWHERE", 93
    later["eta_month"][5], later["eta_day"][5] = 3, 14
    picture.update(batch(ships, later))
    again = later.copy()
    again["draught_dm"][5], again["has"] = 71, HAS_VOYAGE
    picture.update(batch(None, again))
    picture.chronicle.take([event("dark_period"), event("port_visit"), event("watchlist"), event("loitering"), event("rendezvous", state="candidate")])
    board.publish(alert(1, headline="-2+3: EXERCISE"))
    return board, picture, TestClient(create_app(board, picture, Decisions(None)))


def test_the_dossier_has_identity_and_its_history_voyage_track_alerts_and_what_was_said() -> None:
    _, _, client = known_ship()
    found = client.get(f"/api/v1/vessels/{SHIP}").json()
    assert found["identity"]["name"] == FORMULA
    assert found["identity_history"] == [{"t": "2026-01-01T00:00:00.000Z", "field": "name", "before": "TEST SHIP 5", "after": FORMULA}]
    assert [(c["field"], c["before"], c["after"]) for c in found["voyage_history"]] == [
        ("destination", "<B>NOWHERE</B>", "+ELSEWHERE"),
        ("draught_m", 9.3, 7.1),
    ], "a value heard for the first time is no change"
    assert found["voyage"] == {"destination": "+ELSEWHERE", "draught_m": 7.1, "eta": "03-14"}, "the hour was not given"
    assert len(found["track"]["t_ms"]) == 2
    assert [one["s"] for one in found["silences"]] == [1200]
    assert [one["alert_id"] for one in found["alerts"]] == [f"{1:032x}"]
    assert [len(found[part]) for part in ("gaps", "port_calls", "watchlist", "events")] == [1, 1, 1, 1]
    assert found["exercise"] is True
    assert client.get("/api/v1/vessels/123456789").status_code == 404


def test_no_person_stands_in_a_dossier_or_its_files() -> None:
    _, _, client = known_ship()
    for action, more in (("ack", {"seen_revision": 1}), ("own", {}), ("dispose", {"code": "benign_known", "reason": "Secretreason"})):
        tag = client.get(f"/api/v1/alerts/{1:032x}").headers["etag"]
        done = client.post(f"/api/v1/alerts/{1:032x}/{action}", json={"by": "Anaperson", **more}, headers={"If-Match": tag})
        assert done.status_code == 200, done.text
    for path in ("", "/export.csv", "/export.kml", "/export.geojson"):
        text = client.get(f"/api/v1/vessels/{SHIP}{path}").text
        assert "Loitering" in text or "loitering" in text, "the file is not empty"
        assert not re.search("Anaperson|Secretreason", text), path
    assert client.get(f"/api/v1/vessels/{SHIP}").json()["alerts"][0]["disposition"] == "benign_known"


def test_no_cell_of_a_csv_is_a_formula() -> None:
    _, picture, client = known_ship()
    for start in "=+-@\t\r":
        picture.chronicle.changed(SHIP, Change(T0, "name", f"{start}before", f" {start}after"))
    answer = client.get(f"/api/v1/vessels/{SHIP}/export.csv")
    assert answer.headers["content-disposition"] == f'attachment; filename="exercise-{SHIP}.csv"'
    rows = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert rows[0][0].startswith("EXERCISE. ")
    table = [dict(zip(rows[1], row, strict=True)) for row in rows[2:]]
    assert {row["exercise"] for row in table} == {"yes"}
    cells = [cell for row in rows for cell in row if cell]
    texts = [cell for cell in cells if not re.fullmatch(r"-?\d+(\.\d+)?", cell)]
    assert not [cell for cell in texts if cell.lstrip()[:1] in ("=", "+", "-", "@") or cell[0] in "\t\r"]
    assert f"'{FORMULA}" in cells
    assert safe("BREST;=cmd|' /C calc'!A0; -2") == "BREST;'=cmd|' /C calc'!A0; '-2", "many a spreadsheet cuts at semicolons"
    assert safe("one, -3; two") == "one, -3; two"
    assert sum(cell.startswith("'") for cell in cells) >= 14
    assert {"position", "change", "silence", "alert", "dark_period", "port_visit", "watchlist", "loitering"} == {row["kind"] for row in table}


def test_kml_and_geojson_carry_the_mark_and_escape_what_was_heard() -> None:
    board, picture, client = known_ship()
    picture.chronicle.changed(SHIP, Change(T0, "name", HOSTILE, HOSTILE))
    kml = client.get(f"/api/v1/vessels/{SHIP}/export.kml")
    space = "{http://www.opengis.net/kml/2.2}"
    titles = [node.text or "" for node in Xml.fromstring(kml.content).iter(f"{space}name")]
    assert len(titles) >= 6
    assert all(title.startswith("EXERCISE: ") for title in titles)
    board.publish(alert(2, headline=HOSTILE, explanation=HOSTILE))
    for path in (f"vessels/{SHIP}/export.kml", "export.kml"):
        words = [node.text or "" for node in Xml.fromstring(client.get(f"/api/v1/{path}").content).iter(f"{space}description")]
        assert any("&lt;" in one for one in words)
        assert not any("<" in one for one in words), "a description is HTML to whoever shows it"
    told = client.get(f"/api/v1/vessels/{SHIP}/export.geojson").json()
    assert told["exercise"] is True
    assert all(one["properties"]["exercise"] is True for one in told["features"])
    assert client.get(f"/api/v1/vessels/{SHIP}/export.exe").status_code == 404


def test_a_track_over_the_date_line_is_cut() -> None:
    board, picture = Board(), Picture()
    ship = fleet(1)
    for i, lon in enumerate((179.8, 179.9, -179.9, -179.8)):
        ship["lon"], ship["t_ms"] = round(lon * 600_000), T0 + i * 60_000
        picture.update(batch(ship))
    told = TestClient(create_app(board, picture, Decisions(None))).get(f"/api/v1/vessels/{int(ship['mmsi'][0])}/export.geojson").json()
    lines = told["features"][0]["geometry"]["coordinates"]
    assert [[round(lon, 1) for lon, _ in line] for line in lines] == [[179.8, 179.9], [-179.9, -179.8]]


@pytest.mark.parametrize("mmsi", [970_010_001, 111_232_501])
def test_rescue_has_a_page_but_no_file(mmsi: int) -> None:
    picture = Picture()
    ship = fleet(1)
    ship["mmsi"] = mmsi
    picture.update(batch(ship))
    client = TestClient(create_app(Board(), picture, Decisions(None)))
    assert client.get(f"/api/v1/vessels/{mmsi}").status_code == 200
    assert client.get(f"/api/v1/vessels/{mmsi}/export.csv").status_code == 403


def test_a_chronicle_is_bounded_per_vessel_and_as_a_whole() -> None:
    chronicle = Chronicle(of_one_max=5, all_max=20)
    for i in range(100):
        chronicle.changed(1, Change(i, "name", "a", "b"))
    for mmsi in range(2, 10):
        for i in range(5):
            chronicle.changed(mmsi, Change(i, "name", "a", "b"))
    assert [len(chronicle.changes(mmsi)) for mmsi in range(1, 10)] == [0, 0, 0, 0, 0, 5, 5, 5, 5]
    chronicle.take([event("loitering", version=v) for v in (1, 2, 3)])
    assert [one.version for one in chronicle.events(SHIP)] == [3], "the newest version replaces the one before"


def test_a_vessel_is_found_by_each_of_its_names_the_closest_first() -> None:
    picture = Picture()
    ships = fleet(12)
    said = names(ships)
    said["name"][:4] = [b"AURORA", b"AURORA BOREALIS", b"GRAND AURORA", b"NORA"]
    said["callsign"][4], said["imo"][5] = b"AUR0RA", 9_074_729
    picture.update(batch(ships, said))
    first = int(ships["mmsi"][0])
    assert [one["mmsi"] - first for one in picture.search("aurora")] == [0, 1, 2]
    assert [one["mmsi"] - first for one in picture.search("AUR0RA")] == [4]
    assert [one["mmsi"] - first for one in picture.search("9074729")] == [5]
    assert [one["mmsi"] - first for one in picture.search(str(first + 7))] == [7]
    assert len(picture.search("198100")) == 12
    assert picture.search("a") == []
    assert picture.search("NO SUCH SHIP") == []
    assert picture.search("aurora")[0] == {"mmsi": first, "name": "AURORA", "callsign": "TEST1", "imo": None, "on_map": True}


@pytest.mark.parametrize("seed", range(4))
def test_a_search_finds_what_a_look_at_every_vessel_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    statics = np.zeros(400, [("mmsi", "<u4"), ("imo", "<u4"), ("callsign", "S7"), ("name", "S34")])
    statics["mmsi"] = np.sort(rng.choice(np.arange(100_000_000, 100_009_000), 400, replace=False))
    statics["imo"] = rng.integers(0, 2, 400) * rng.integers(9_000_000, 9_000_500, 400)
    for name, width in (("callsign", 7), ("name", 34)):
        statics[name] = ["".join(rng.choice(list("AB1 "), int(rng.integers(0, width + 1)))).encode() for _ in range(400)]
    for query in ("AB", "A1B", "1000", "100001", "9000", "BA B", "B" * 6, str(statics["mmsi"][7])):
        wanted = {
            int(row["mmsi"])
            for row in statics
            if query in row["name"].decode()
            or query in row["callsign"].decode()
            or (query.isdigit() and (str(row["mmsi"]).startswith(query) or (row["imo"] and str(row["imo"]).startswith(query))))
        }
        found = search(query, statics["mmsi"][::2], statics)
        assert len(found) == min(FOUND_MAX, len(wanted)), query
        assert set(found) <= wanted


def routes() -> dict[str, set[str]]:
    """Path -> methods of everything under the versioned API."""
    (mount,) = [route for route in create_app(Board(), Picture(), Decisions(None)).routes if isinstance(route, Mount) and route.path == BASE]
    found: dict[str, set[str]] = {}
    for route in mount.routes:
        assert isinstance(route, Route | WebSocketRoute)
        path = route.path.replace(":int}", "}")
        found.setdefault(path, set()).update({m.lower() for m in route.methods or () if m != "HEAD"} if isinstance(route, Route) else {"get"})
    return found


def test_the_description_of_the_api_is_the_api() -> None:
    said = TestClient(create_app(Board(), Picture(), Decisions(None))).get(f"{BASE}/openapi.json").json()
    assert said == document()
    assert {path: set(entry) for path, entry in said["paths"].items()} == routes()
    for path, entry in said["paths"].items():
        for operation in entry.values():
            named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))
            assert operation["summary"]
            assert {"200", "429"} <= set(operation["responses"])


def test_every_address_that_the_page_asks_is_versioned_and_described() -> None:
    patterns = [re.compile(re.sub(r"{\w+}", r"[^/?]+", path)) for path in document()["paths"]]
    asked = set()
    for script in STATIC.glob("*.mjs"):
        for quoted in re.findall(r"['`](?:\.?/)?(api/[^'`\s]*)['`]", re.sub(r"\$\{[^}]*\}", "1", script.read_text())):
            asked.add(quoted)
            assert quoted.startswith("api/v1/"), f"{script.name}: {quoted}"
            path = quoted.removeprefix("api/v1").split("?")[0]
            assert any(pattern.fullmatch(path) for pattern in patterns), f"{script.name}: {quoted}"
    assert len(asked) >= 9


def test_reads_have_a_limit_per_address_and_health_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "READS_PER_WINDOW_MAX", 5)
    client = TestClient(create_app(Board(), Picture(), Decisions(None)))
    assert [client.get(f"{BASE}/info").status_code for _ in range(6)] == [200] * 5 + [429]
    refused = client.get(f"{BASE}/alerts")
    assert refused.headers["retry-after"] == "10"
    assert refused.json()["remedy"] == "wait 10 s"
    assert client.get("/healthz").status_code == 200
