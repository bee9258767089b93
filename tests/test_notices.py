"""Safety notices: told once, ended once, withdrawn where needed, never scored, and bounded in a flood."""

import msgspec
import pytest

from dogwatch.alerts import alert_from_json
from dogwatch.events import Event, Subject, event_id, to_json
from ingest.notices import ACTIVE_MAX, WHAT, Notices, notice_step


def event(subtype="drift", *, number=1, version=1, state="open", t=1_767_225_600_000, **more):
    mmsi = 211_000_000 + number
    facts = {"lat": 54.5, "lon": 10.4, "reason": "", "exercise": False} | more
    return Event(
        event_id=event_id("safety", [f"{mmsi}#0"], t, subtype, "1.0"), version=version, state=state, type="safety", subtype=subtype,
        subjects=[Subject(f"{mmsi}#0", mmsi, name="LARK")], mmsi=[mmsi], t_start=t, t_end=None, t_detected=t + 1000 * version, zones=[], measures={},
        evidence=[], exclusions=[], confidence=0.5, rule=subtype, rule_version="1.0", params_hash="", **facts,
    )  # fmt: skip


@pytest.mark.parametrize("subtype", sorted(WHAT))
def test_each_kind_is_told_quietly_and_never_scored(subtype):
    (alert,) = notice_step(Notices(), [event(subtype)])
    assert (alert.kind, alert.level, alert.condition, alert.score_milli, alert.contributions) == ("notice", "caution", "active", 0, [])
    assert "LARK" in alert.headline
    assert alert.innocent
    assert alert_from_json(to_json(alert)) == alert
    assert ("navigational advice" in alert.explanation) == (subtype == "collision_risk")


def test_updates_say_nothing_and_the_end_is_told():
    notices = Notices()
    versions = [event(version=1), event(version=2), event(version=3, state="closed"), event(version=4, state="closed")]
    assert [(a.revision, a.condition) for a in notice_step(notices, versions)] == [(1, "active"), (3, "cleared")]


def test_what_is_suppressed_later_is_withdrawn_and_what_was_never_shown_is_not():
    notices = Notices()
    assert not notice_step(notices, [event(state="candidate", reason="suppressed: role")])
    assert notice_step(notices, [event(version=2)])
    (alert,) = notice_step(notices, [event(version=3, state="candidate", reason="suppressed: sar_context")])
    assert (alert.condition, alert.reason) == ("retracted", "suppressed: sar_context")


def test_distress_and_other_types_are_left_to_their_own_roads():
    other = event("beacon")
    anomaly = msgspec.structs.replace(event(), type="anomaly")
    assert not notice_step(Notices(), [other, anomaly])


def test_a_flood_becomes_one_notice_and_hides_no_other_kind():
    notices = Notices()
    alerts = notice_step(notices, [event(number=k) for k in range(ACTIVE_MAX + 100)])
    assert len(alerts) == ACTIVE_MAX + 7
    assert len({a.alert_id for a in alerts}) == ACTIVE_MAX + 1
    assert "64 more" in alerts[-1].headline
    assert notice_step(notices, [event("aground", number=500)])


def test_an_exercise_says_so():
    assert notice_step(Notices(), [event(exercise=True)])[0].headline.startswith("EXERCISE")


def test_saved_and_loaded_it_goes_on():
    notices = Notices()
    notice_step(notices, [event(number=k) for k in range(ACTIVE_MAX + 3)])
    loaded = Notices.from_sections(notices.to_sections())
    assert loaded.to_sections() == notices.to_sections()
    assert notice_step(loaded, [event(number=1, version=2, state="closed")])[0].condition == "cleared"
