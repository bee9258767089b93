"""The safety road: what is distress, what is one incident, when it is told again, and that cuts and restarts change nothing."""

from __future__ import annotations

import itertools
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch import blob
from dogwatch.alerts import Alert, alert_from_json
from dogwatch.batch import LAT_MISSING, LON_MISSING, NAV_MISSING, T_MISSING, UNITS_PER_DEG, SafetyReport
from dogwatch.events import Event, event_from_json, to_json
from ingest import safety
from ingest.decode import DecodeState, decode
from ingest.safety import DISTRESS, TEST, URGENCY, SafetyRoad, grade_of, position_in, safety_step
from tests.decode_inputs import one, position, safety_text

T0_MS = 1_767_225_600_000
SART, MOB, EPIRB, SHIP = 970000001, 972000001, 974000001, 257000001
MAYDAY = "MAYDAY MAYDAY SOS!!!POS:32.11.10497'N,118.58.8275'E."


def report(mmsi: int = SART, **changes: object) -> SafetyReport:
    fields = {
        "t_ms": T0_MS, "mmsi": mmsi, "kind": "beacon", "msg_type": 1, "text": "", "lat": 52 * UNITS_PER_DEG, "lon": 3 * UNITS_PER_DEG, "nav": 14,
        "damaged": False, "receiver": "own", "simulated": False, "sog": 0,
    }  # fmt: skip
    return SafetyReport(**{**fields, **changes})  # type: ignore[arg-type]


def text_report(text: str, mmsi: int = SHIP, **changes: object) -> SafetyReport:
    return report(mmsi, kind="text", msg_type=14, text=text, lat=LAT_MISSING, lon=LON_MISSING, nav=NAV_MISSING, sog=1023, **changes)


def test_the_road_from_bytes_to_alert() -> None:
    batch = decode(DecodeState("own"), one(position(SART, nav=14, lat=31_190_000, lon=1_791_000, sec=60)) + b"\n", T0_MS)
    (event,), (alert,) = safety_step(SafetyRoad(), batch.safety)
    assert (event.type, event.subtype, event.state, event.version, event.t_start, event.confidence) == ("safety", "beacon", "open", 1, T0_MS, 1.0)
    assert (alert.kind, alert.level, alert.revision, alert.score, alert.score_milli, alert.contributions) == ("distress", "emergency", 1, 0.0, 0, [])
    assert alert.headline == "AIS-SART active: MMSI 970000001, 51°59.00'N 002°59.10'E, heard 1 time"
    assert alert.event_ids == [event.event_id]
    assert event_from_json(to_json(event)) == event
    assert alert_from_json(to_json(alert)) == alert


def test_mayday_text_of_an_ordinary_ship_gives_its_position() -> None:
    batch = decode(DecodeState("own"), one(safety_text(MAYDAY)) + b"\n")
    (event,), (alert,) = safety_step(SafetyRoad(), batch.safety)
    assert (event.lat, event.lon) == (pytest.approx(32.185083, abs=1e-6), pytest.approx(118.980458, abs=1e-6))
    assert (event.subtype, event.confidence, event.t_start) == ("text", 0.7, 0)
    assert (alert.kind, alert.level) == ("distress", "emergency")
    assert "Time unknown" in alert.explanation
    assert "read from the text" in alert.explanation


@pytest.mark.parametrize(
    ("text", "mmsi", "grade"),
    [
        ("SART ACTIVE", SART, DISTRESS),
        ("MOB ACTIVE", MOB, DISTRESS), ("EPIRB ACTIVE", EPIRB, DISTRESS), ("SART TEST", SART, TEST),
        ("EPIRB TEST", SHIP, None),
        ("SART ACTIVE TEST", SHIP, TEST), ("MAYDAY", SHIP, DISTRESS), ("MAYDAYMAYDAY", SHIP, DISTRESS), ("SOS", SHIP, DISTRESS), ("SOSUS ARRAY", SHIP, None),
        ("VESSEL IN DISTRESS", SHIP, DISTRESS), ("WE ARE SINKING", SHIP, DISTRESS), ("ABANDON SHIP", SHIP, DISTRESS), ("MAN  OVERBOARD", SHIP, DISTRESS),
        ("PAN PAN PAN PAN", SHIP, URGENCY), ("PAN-PAN", SHIP, URGENCY), ("PANAMA", SHIP, None), ("LATEST POSITION MAYDAY", SHIP, DISTRESS),
        ("LATEST POSITION", SHIP, None), ("GALE WARNING", SHIP, None), ("MAYDAY TEST", SHIP, TEST), ("", SART, DISTRESS), ("", SHIP, None),
    ],
)  # fmt: skip
def test_words(text: str, mmsi: int, grade: int | None) -> None:
    assert grade_of(text_report(text, mmsi)) == grade


@pytest.mark.parametrize(
    ("changes", "grade"),
    [
        ({"nav": 14}, DISTRESS), ({"nav": 15}, TEST), ({"nav": 15, "damaged": True}, DISTRESS), ({"nav": 0}, DISTRESS), ({"nav": 15, "msg_type": 18}, DISTRESS),
        ({"nav": 14, "mmsi": SHIP, "kind": "status14"}, DISTRESS),
    ],
)  # fmt: skip
def test_devices(changes: dict, grade: int) -> None:
    assert grade_of(report(**changes)) == grade


@pytest.mark.parametrize(
    ("text", "lat", "lon"),
    [
        (MAYDAY, 32.1850828, 118.9804583), ("POS 32.11.10497 S 118.58.8275 W", -32.1850828, -118.9804583), ("AT 51.5000N 002.2500W", 51.5, -2.25),
        ("POS: -33.5000, 151.2500", -33.5, 151.25), ("12.75 N, 45.5 E", 12.75, 45.5),
    ],
)  # fmt: skip
def test_positions_in_text(text: str, lat: float, lon: float) -> None:
    found = position_in(text)
    assert found is not None
    assert found[0] / UNITS_PER_DEG == pytest.approx(lat, abs=2e-6)
    assert found[1] / UNITS_PER_DEG == pytest.approx(lon, abs=2e-6)


@pytest.mark.parametrize("text", ["MAYDAY", "POS 32.61.10497'N,118.58.8275'E", "95.5N 10.5E", "CHANNEL 16.5", "POS: 1.5"])
def test_no_position_in_text(text: str) -> None:
    assert position_in(text) is None


def test_told_at_powers_of_two() -> None:
    road = SafetyRoad()
    told = [n for n in range(1, 1001) if safety_step(road, [report(t_ms=T0_MS + n)])[1]]
    assert told == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    assert road.counts == {"distress": 1000}


def test_a_test_is_promoted_at_once_and_never_lowered() -> None:
    road = SafetyRoad()
    _, (first,) = safety_step(road, [report(nav=15)])
    assert (first.kind, first.level) == ("test_beacon", "caution")
    assert "under test" in first.headline
    safety_step(road, [report(nav=15)])
    (event,), (second,) = safety_step(road, [report(nav=14)])
    assert (second.alert_id, second.kind, second.level, second.revision) == (first.alert_id, "distress", "emergency", 3)
    assert (event.subtype, event.version) == ("beacon", 3)
    _, (fourth,) = safety_step(road, [report(nav=15)])
    assert fourth.kind == "distress"


def test_beacon_without_position_alerts_and_the_position_is_told() -> None:
    road = SafetyRoad()
    _, (alert,) = safety_step(road, [report(lat=LAT_MISSING, lon=LON_MISSING)])
    assert alert.lat is None
    assert "no position" in alert.headline
    assert "heard by own" in alert.explanation
    safety_step(road, [report(lat=LAT_MISSING, lon=LON_MISSING)])
    _, (alert,) = safety_step(road, [report()])
    assert (alert.revision, alert.lat) == (3, 52.0)


def test_damage_is_said_and_healed() -> None:
    road = SafetyRoad()
    (event,), (alert,) = safety_step(road, [text_report("SART ACTIVE", SART, damaged=True)])
    assert alert.headline.endswith(", damaged")
    assert (event.confidence, event.quality) == (0.35, {"damaged": True})
    safety_step(road, [text_report("SART ACTIVE", SART, damaged=True)])
    (event,), (alert,) = safety_step(road, [report()])
    assert "damaged" not in alert.headline
    assert event.confidence == 1.0


def test_two_places_are_two_incidents_and_a_drifting_one_stays_one() -> None:
    road = SafetyRoad()
    step = UNITS_PER_DEG // 60  # one mile of latitude
    safety_step(road, [report(lat=52 * UNITS_PER_DEG + i * step // 2) for i in range(60)])
    assert len(road.incidents[SART]) == 1
    _, alerts = safety_step(road, [report(lat=42 * UNITS_PER_DEG)])
    assert len(road.incidents[SART]) == 2
    assert alerts[0].revision == 1
    assert len({i.event_id for i in road.incidents[SART]}) == 2


def test_a_fast_beacon_says_so_and_status_14_of_a_ship_is_doubted() -> None:
    _, (alert,) = safety_step(SafetyRoad(), [report(sog=120)])
    assert "moving at 12.0 kn" in alert.explanation
    (event,), (alert,) = safety_step(SafetyRoad(), [report(SHIP, kind="status14")])
    assert alert.headline.startswith("Ship reports status 14")
    assert (event.subtype, event.confidence) == ("status14", 0.3)
    assert alert.innocent


def test_urgency_exercise_and_unknown_words() -> None:
    road = SafetyRoad()
    events, alerts = safety_step(road, [text_report("GALE WARNING"), text_report("PAN PAN", simulated=True), text_report("PAN PAN")])
    assert [(a.kind, a.level, a.exercise) for a in alerts] == [("distress", "alarm", True), ("distress", "alarm", False)]
    assert events[0].exercise
    assert [a.headline.startswith("EXERCISE: ") for a in alerts] == [True, False]
    assert road.counts == {"text_without_distress": 1, "urgency": 2}


def test_a_beacon_that_is_heard_on_is_told_again_every_ten_minutes() -> None:
    road = SafetyRoad()
    _, alerts = safety_step(road, [report(970000001, t_ms=T0_MS + minute * 60_000) for minute in range(100)])
    gaps = [(b.t_last - a.t_last) // 60_000 for a, b in itertools.pairwise(alerts)]
    assert max(gaps) == 10
    assert len(alerts) < 20


def test_a_flood_does_not_hide_the_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety, "INCIDENTS_MAX", 100)
    road = SafetyRoad()
    flood = [report(970000000 + i % 500, lat=i * 1000, t_ms=T0_MS + i) for i in range(2000)]
    real = report(972123456, t_ms=T0_MS + 700)
    _, alerts = safety_step(road, [*flood[:700], real, *flood[700:]])
    assert any(a.mmsi == [972123456] for a in alerts)
    assert sum(len(mine) for mine in road.incidents.values()) <= 100
    assert road.counts["forgotten"] > 0


def told(reports: list[SafetyReport], cuts: list[int]) -> tuple[list[Event], list[Alert], bytes]:
    road = SafetyRoad()
    events: list[Event] = []
    alerts: list[Alert] = []
    for start, end in zip([0, *cuts], [*cuts, len(reports)]):
        more_events, more_alerts = safety_step(road, reports[start:end])
        events += more_events
        alerts += more_alerts
        road = SafetyRoad.from_sections(blob.unpack(blob.pack(road.to_sections(), schema=1), schema=1))
    return events, alerts, blob.pack(road.to_sections(), schema=1)


@given(st.integers(0, 10_000), st.lists(st.integers(0, 120), max_size=6))
@settings(max_examples=60)
def test_cuts_and_restarts_change_nothing(seed: int, cuts: list[int]) -> None:
    rng = random.Random(seed)
    reports = [
        rng.choice(
            [
                report(rng.choice([SART, MOB]), nav=rng.choice([14, 15]), lat=rng.choice([LAT_MISSING, rng.randrange(52, 54) * UNITS_PER_DEG]), t_ms=T0_MS + i),
                text_report(rng.choice(["SART TEST", "MAYDAY 51.5N 2.5E", "HELLO"]), rng.choice([SART, SHIP]), damaged=rng.random() < 0.3, t_ms=T_MISSING),
            ]
        )
        for i in range(120)
    ]
    whole = told(reports, [])
    assert told(reports, sorted(cuts)) == whole
    versions = [(a.alert_id, a.revision) for a in whole[1]]
    assert len(set(versions)) == len(versions)
    assert msgspec.json.encode(whole[1][0])


def test_sart_in_the_long_recording_is_two_incidents(shared_data) -> None:
    data = shared_data("nmea-opencpn/Go_to_Guernesey.txt").read_bytes()
    batch = decode(DecodeState("own"), data, final=True)
    _, alerts = safety_step(SafetyRoad(), batch.safety)
    assert len(batch.safety) == 11
    assert len({a.alert_id for a in alerts}) == 2
    assert {a.level for a in alerts} == {"emergency"}
