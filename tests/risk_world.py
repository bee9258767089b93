"""Events made by hand for the tests of risk/: builders, hypothesis strategies, the shipped profiles."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from dogwatch.alerts import Alert
from dogwatch.events import Event, Evidence, Exclusion, Subject, ZoneRelation, event_id, event_order, to_json
from risk.profile import Profile
from risk.step import RiskState, risk_step
from runners.rules import read_profile

PROFILES = Path(__file__).resolve().parent.parent / "profiles"
T0_MS = 1_767_225_600_000  # 2026-01-01T00:00Z
MIN_MS = 60_000
HOUR_MS = 3_600_000


@cache
def shipped(name: str = "border") -> Profile:
    return read_profile(name)


def make(
    kind: str,
    mmsi: list[int],
    start_min: int = 0,
    *,
    subtype: str = "",
    version: int = 1,
    state: str = "open",
    detected_min: int | None = None,
    end_min: int | None = None,
    confidence: float = 0.8,
    lat: float | None = 50.0,
    lon: float | None = -1.0,
    coast_nm: float = 15.0,
    exercise: bool = False,
    reason: str = "",
) -> Event:
    """One event version; times in minutes after T0, lasting from start to detection (or end)."""
    subtype = subtype or {"dark": "suspicious", "rendezvous": "ais_pair"}.get(kind, "")
    detected_min = start_min + 45 if detected_min is None else detected_min
    lasting_s = 60.0 * ((detected_min if end_min is None else end_min) - start_min)
    keys = [f"{m}#0" for m in mmsi]
    start_ms = T0_MS + start_min * MIN_MS
    watch_nm = max(0.0, coast_nm - 12.0)
    evidence = [Evidence("duration_s", lasting_s, ">=", 1800.0, 0.5, True), Evidence("distance_m_median", 212.0, "<=", 500.0, 0.5, True)]
    if kind == "dark":
        evidence = [Evidence("gap_s", lasting_s, ">=", 1800.0, 0.5, True), Evidence("p_silence", 2e-5, "<=", 1e-4, 0.8, True)]
    return Event(
        event_id=event_id(kind, keys, start_ms, kind, "1.0"),
        version=version,
        state=state,  # type: ignore[arg-type]  # a plain str from a strategy
        type=kind,
        subtype=subtype,
        subjects=[Subject(key, m, name=f"VESSEL {m % 10}", ship_type=70) for key, m in zip(keys, mmsi, strict=True)],
        mmsi=list(mmsi),
        t_start=start_ms,
        t_end=None if end_min is None else T0_MS + end_min * MIN_MS,
        t_detected=T0_MS + detected_min * MIN_MS,
        lat=lat,
        lon=lon,
        zones=[ZoneRelation("belt-24nm", "v", "contiguous_zone", "inside", 0.0)] if coast_nm <= 24 else [],
        measures={"duration_s" if kind != "dark" else "gap_s": lasting_s, "coast_distance_nm": coast_nm, "watch_distance_nm": watch_nm},
        evidence=evidence,
        exclusions=[Exclusion("port_mask", "outside", None, "none"), Exclusion("queue", "2 others within 3 nm", 2, "doubt")],
        confidence=confidence,
        rule=kind,
        rule_version="1.0",
        params_hash="0" * 16,
        reason=reason,
        exercise=exercise,
        quality={"coverage_p": 0.93, "receivers": 2},
    )


@st.composite
def lives(draw: st.DrawFn) -> list[Event]:
    """All versions of one event: raised, perhaps revised, closed, suppressed or retracted."""
    kind = draw(st.sampled_from(["dark", "rendezvous", "loitering"]))
    fleet = [257000001, 257000002, 512000003, 512000004]
    mmsi = draw(st.lists(st.sampled_from(fleet), min_size=1 + (kind == "rendezvous"), max_size=1 + (kind == "rendezvous"), unique=True))
    start = draw(st.integers(0, 80)) * 12
    coast_nm, lat = draw(st.sampled_from([4.0, 15.0, 40.0])), draw(st.sampled_from([50.0, 50.4, 51.5, None]))
    detected, versions = start + draw(st.integers(15, 60)), []
    states = draw(st.lists(st.sampled_from(["candidate", "open", "open", "closed", "retracted"]), min_size=1, max_size=3))
    for version, state in enumerate(states, 1):
        versions.append(
            make(
                kind,
                sorted(mmsi),
                start,
                version=version,
                state=state,
                detected_min=detected,
                end_min=detected - 5 if state == "closed" else None,
                confidence=draw(st.sampled_from([0.1, 0.5, 0.62, 0.8, 0.99])),
                lat=lat,
                coast_nm=coast_nm,
                reason="late data" if state == "retracted" else "",
            )
        )
        if state == "retracted":
            break
        detected += draw(st.integers(1, 90))
    return versions


def histories(max_size: int = 7) -> st.SearchStrategy[list[Event]]:
    """The versions of several events with distinct ids, in the order of events.ndjson."""
    unique = st.lists(lives(), min_size=1, max_size=max_size, unique_by=lambda versions: versions[0].event_id)
    return unique.map(lambda found: sorted((event for versions in found for event in versions), key=event_order))


def run(profile: Profile, events: list[Event], state: RiskState | None = None) -> tuple[RiskState, list[Alert]]:
    """One step over all events."""
    state = RiskState.new(profile) if state is None else state
    return state, risk_step(state, events, max((event.t_detected for event in events), default=T0_MS))


def newest(alerts: list[Alert]) -> dict[str, Alert]:
    """The last revision of each alert."""
    return {alert.alert_id: alert for alert in sorted(alerts, key=lambda alert: alert.revision)}


def as_bytes(alerts: list[Alert]) -> bytes:
    return b"\n".join(to_json(alert) for alert in alerts)
