"""The safety road: a distress signal becomes an alert at once, without watermark, score or queue.

May live here: the words that mean distress, incidents and their counts, the event and alert of an incident. May not: decoding,
confirmation, smoothing, rate limits, scores, and closing: only a person closes an incident.

Reports are grouped into incidents, one per MMSI and place (within 2 nm of where it was heard last; a report without position joins
the vessel's latest incident), so that a flood of false beacons cannot hide the real one and a repeating beacon stays one
line. An incident is told again (a new revision) when it begins, when it gets more serious, when its first position or first
undamaged sentence comes, when its count reaches 2, 4, 8, 16 ... and ten minutes after it was last told: bounded, and the same however the input is cut.

Classes: test < urgency < distress. A test never lowers what was distress before. What fools it: hoaxes, mis-set transponders.
What it misses: 406 MHz-only beacons, text in words not listed here.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any

from dogwatch.alerts import Alert, alert_id, marked
from dogwatch.batch import LAT_MAX, LAT_MISSING, LON_MAX, LON_MISSING, NAV_MISSING, SOG_MISSING, T_MISSING, UNITS_PER_DEG, SafetyReport
from dogwatch.events import Event, Evidence, Subject, event_id
from dogwatch.geo import NM_M, degrees_minutes, great_circle_m

RULE, RULE_VERSION = "safety", "1.0"
PROFILE = "safety"
GROUP_NM = 2.0  # about 1 nm of cell with slack for a drifting beacon between two sentences
RETELL_MS = 600_000  # event time: a beacon that is heard on is told again with its new place
INCIDENTS_MAX = 20_000  # remembered; the one heard longest ago is forgotten first, its alert stands
PLACES_MAX = 100  # of one MMSI: a forger's, no beacon is in so many
RECEIVERS_SHOWN = 8
MOVING_KN = 5.0  # faster than a liferaft or a person drifts
TEST, URGENCY, DISTRESS = range(3)
CLASS_NAMES = ("test", "urgency", "distress")
DEVICE_NAMES = {970: "AIS-SART", 972: "Man-overboard device", 974: "EPIRB-AIS"}
CONFIDENCE = {"beacon": 1.0, "text": 0.7, "status14": 0.3}
STATUS_SART = 14  # navigational status "AIS-SART is active", ITU-R M.1371-5, table 45

DISTRESS_WORDS = re.compile(r"\b((?:MAYDAY)+|SOS|DISTRESS|SINKING|ABANDON|MAN OVERBOARD|(?:SART|MOB|EPIRB) ACTIVE)\b")
URGENCY_WORDS = re.compile(r"\b(PAN[ -]PAN)\b")
TEST_WORDS = re.compile(r"\b(TEST)\b")
DEGREES_MINUTES = re.compile(r"(\d{1,2})\.(\d{1,2}\.\d+)'?\s*([NS])[\s,;/]*(\d{1,3})\.(\d{1,2}\.\d+)'?\s*([EW])")
DECIMAL_DEGREES = re.compile(r"(?<![\d.])(\d{1,2}\.\d+)\s*([NS])[\s,;/]*(\d{1,3}\.\d+)\s*([EW])")
SIGNED_DEGREES = re.compile(r"POS\w*[:=\s]\s*([+-]?\d{1,2}\.\d{2,})[\s,;/]+([+-]?\d{1,3}\.\d{2,})(?![\d.])")


@dataclass(slots=True)
class Incident:
    """What is known of one distress signal: plain values only, so that it can be packed."""

    mmsi: int
    ordinal: int
    exercise: bool
    kind: str  # of the report that made the class what it is
    grade: int
    event_id: str
    revision: int
    count: int
    t_first: int
    t_last: int
    t_told: int  # t_last of the latest revision
    lat: int
    lon: int
    position_from: str  # "fix", "text" or ""
    text: str
    nav: int
    msg_type: int
    sog: int
    damaged: bool  # every sentence so far was
    heard: int  # order of the latest report, for forgetting
    receivers: list[str] = field(default_factory=list)


class SafetyRoad:
    """All incidents of one picture. Not thread-safe."""

    def __init__(self) -> None:
        self.incidents: dict[int, list[Incident]] = {}
        self.counts: dict[str, int] = {}
        self._size = 0
        self._heard = 0

    def to_sections(self) -> dict[str, Any]:
        """Named sections for `dogwatch.blob.pack`; equal states give equal bytes."""
        ordered = [asdict(incident) for mmsi in sorted(self.incidents) for incident in self.incidents[mmsi]]
        return {"incidents": ordered, "counts": dict(sorted(self.counts.items())), "heard": self._heard}

    @classmethod
    def from_sections(cls, sections: dict[str, Any]) -> SafetyRoad:
        """The state that `to_sections` described."""
        road = cls()
        for plain in sections["incidents"]:
            incident = Incident(**plain)
            road.incidents.setdefault(incident.mmsi, []).append(incident)
            road._size += 1
        road.counts, road._heard = dict(sections["counts"]), sections["heard"]
        return road

    def _count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1


def safety_step(road: SafetyRoad, reports: list[SafetyReport]) -> tuple[list[Event], list[Alert]]:
    """Take reports in arrival order; returns the event and the alert of every incident that has something new to say."""
    events: list[Event] = []
    alerts: list[Alert] = []
    for report in reports:
        grade = grade_of(report)
        if grade is None:
            road._count("text_without_distress")
            continue
        if report.damaged and report.kind == "status14":  # four bits of an ordinary ship's damaged report (forensic decoding) are no call for help
            road._count("status14_damaged")
            continue
        road._count(CLASS_NAMES[grade])
        if report.damaged:
            road._count("damaged")
        incident = _take(road, report, grade)
        if incident is not None:
            incident.revision += 1
            events.append(_event(incident))
            alerts.append(_alert(incident))
    return events, alerts


def grade_of(report: SafetyReport) -> int | None:
    """TEST, URGENCY or DISTRESS; None for safety text that is none of them."""
    device = report.mmsi // 1_000_000 in DEVICE_NAMES
    if report.kind == "text":
        words = " ".join(report.text.upper().split())
        alarming = device or DISTRESS_WORDS.search(words) is not None
        if TEST_WORDS.search(words) and (alarming or URGENCY_WORDS.search(words)):
            return TEST
        if alarming:
            return DISTRESS
        return URGENCY if URGENCY_WORDS.search(words) else None
    # One flipped bit turns status 14 into 15: a damaged sentence is never believed to be a test.
    if device and report.msg_type <= 3 and report.nav == NAV_MISSING and not report.damaged:
        return TEST
    return DISTRESS


def position_in(text: str) -> tuple[int, int] | None:
    """Latitude and longitude in 1/600000 degree that a text names: degrees.minutes.decimals, or decimal degrees."""
    words = text.upper()
    if found := DEGREES_MINUTES.search(words):
        lat, lon = int(found[1]) + float(found[2]) / 60, int(found[4]) + float(found[5]) / 60
        south, west = found[3] == "S", found[6] == "W"
        if float(found[2]) >= 60 or float(found[5]) >= 60:
            return None
    elif found := DECIMAL_DEGREES.search(words):
        lat, lon, south, west = float(found[1]), float(found[3]), found[2] == "S", found[4] == "W"
    elif found := SIGNED_DEGREES.search(words):
        lat, lon, south, west = float(found[1]), float(found[2]), False, False
    else:
        return None
    units = round((-lat if south else lat) * UNITS_PER_DEG), round((-lon if west else lon) * UNITS_PER_DEG)
    return units if abs(units[0]) <= LAT_MAX and abs(units[1]) <= LON_MAX else None


def _place(report: SafetyReport) -> tuple[int, int, str]:
    if report.lat != LAT_MISSING and report.lon != LON_MISSING:
        return report.lat, report.lon, "fix"
    named = position_in(report.text) if report.text else None
    return (*named, "text") if named else (LAT_MISSING, LON_MISSING, "")


def _find(road: SafetyRoad, report: SafetyReport, lat: int, lon: int) -> Incident | None:
    """The incident that a report belongs to: the nearest within GROUP_NM; without a position on either side, the latest."""
    mine = road.incidents.get(report.mmsi, [])
    real = [] if report.simulated else [i for i in mine if not i.exercise]  # a call that was real before the exercise began goes on as one
    found = _nearest(real, lat, lon)
    return _nearest([i for i in mine if i.exercise], lat, lon) if found is None and report.exercise else found


def _nearest(incidents: list[Incident], lat: int, lon: int) -> Incident | None:
    if lat == LAT_MISSING:
        return max(incidents, key=lambda i: i.heard, default=None)
    placed = [(_apart_nm(i.lat, i.lon, lat, lon), i.ordinal, i) for i in incidents if i.lat != LAT_MISSING]
    near = [entry for entry in placed if entry[0] <= GROUP_NM]
    if near:
        return min(near)[2]
    return max((i for i in incidents if i.lat == LAT_MISSING), key=lambda i: i.heard, default=None)


def _apart_nm(lat1: int, lon1: int, lat2: int, lon2: int) -> float:
    degrees = (lat1 / UNITS_PER_DEG, lon1 / UNITS_PER_DEG, lat2 / UNITS_PER_DEG, lon2 / UNITS_PER_DEG)
    return great_circle_m(*degrees) / NM_M


def _take(road: SafetyRoad, report: SafetyReport, grade: int) -> Incident | None:
    """Put a report into its incident; returns the incident if it has to be told (again)."""
    lat, lon, position_from = _place(report)
    t_ms = 0 if report.t_ms == T_MISSING else report.t_ms
    incident = _find(road, report, lat, lon)
    road._heard += 1
    tell = incident is None
    if incident is None:
        incident = _open(road, report, grade, t_ms)
    before = (incident.grade, incident.lat == LAT_MISSING, incident.damaged)
    incident.count += 1
    incident.heard = road._heard
    incident.t_last = max(incident.t_last, t_ms)
    incident.damaged = incident.damaged and report.damaged
    if grade > incident.grade or (grade == incident.grade and CONFIDENCE[report.kind] > CONFIDENCE[incident.kind]):
        incident.grade, incident.kind, incident.msg_type = grade, report.kind, report.msg_type
    if report.nav != NAV_MISSING:
        incident.nav = report.nav
    if report.sog != SOG_MISSING:
        incident.sog = report.sog
    if report.text and (not incident.text or not report.damaged):
        incident.text = report.text
    if position_from and not (position_from == "text" and incident.position_from == "fix"):
        incident.lat, incident.lon, incident.position_from = lat, lon, position_from
    if report.receiver not in incident.receivers and len(incident.receivers) < RECEIVERS_SHOWN:
        incident.receivers.append(report.receiver)
    tell |= before != (incident.grade, incident.lat == LAT_MISSING, incident.damaged)
    tell |= incident.count & (incident.count - 1) == 0 or incident.t_last - incident.t_told >= RETELL_MS
    if tell:
        incident.t_told = incident.t_last
    return incident if tell else None


def _open(road: SafetyRoad, report: SafetyReport, grade: int, t_ms: int) -> Incident:
    if road._size >= INCIDENTS_MAX:
        _forget(road, sorted((i for mine in road.incidents.values() for i in mine), key=lambda i: i.heard)[: INCIDENTS_MAX // 10 + 1])
    if len(road.incidents.get(report.mmsi, [])) >= PLACES_MAX:
        _forget(road, [min(road.incidents[report.mmsi], key=lambda i: i.heard)])
    mine = road.incidents.setdefault(report.mmsi, [])
    ordinal = mine[-1].ordinal + 1 if mine else 0
    identity = event_id("safety", [f"{report.mmsi}#{ordinal}"], t_ms, RULE, RULE_VERSION)
    incident = Incident(
        mmsi=report.mmsi, ordinal=ordinal, exercise=report.exercise, kind=report.kind, grade=grade, event_id=identity, revision=0, count=0,
        t_first=t_ms, t_last=t_ms, t_told=t_ms, lat=LAT_MISSING, lon=LON_MISSING, position_from="", text="", nav=NAV_MISSING, msg_type=report.msg_type,
        sog=SOG_MISSING, damaged=report.damaged, heard=0,
    )  # fmt: skip
    mine.append(incident)
    road._size += 1
    return incident


def _forget(road: SafetyRoad, old: list[Incident]) -> None:
    for incident in old:
        mine = road.incidents[incident.mmsi]
        mine.remove(incident)
        if not mine:
            del road.incidents[incident.mmsi]
        road._size -= 1
        road._count("forgotten")


def _confidence(incident: Incident) -> float:
    return round(CONFIDENCE[incident.kind] * (0.5 if incident.damaged else 1.0), 2)


def _degrees(incident: Incident) -> tuple[float | None, float | None]:
    if incident.lat == LAT_MISSING:
        return None, None
    return round(incident.lat / UNITS_PER_DEG, 6), round(incident.lon / UNITS_PER_DEG, 6)


def _subject(incident: Incident) -> Subject:
    return Subject(key=f"{incident.mmsi}#{incident.ordinal}", mmsi=incident.mmsi, role="caller")


def _event(incident: Incident) -> Event:
    lat, lon = _degrees(incident)
    if incident.kind == "text":
        evidence = Evidence("text", incident.text, "contains", "distress words", None, True)
    elif incident.kind == "beacon":
        evidence = Evidence("mmsi_prefix", incident.mmsi // 1_000_000, "in", "970, 972, 974", None, True)
    else:
        evidence = Evidence("status", incident.nav, "==", STATUS_SART, None, True)
    return Event(
        event_id=incident.event_id, version=incident.revision, state="open", type="safety",
        subtype="test" if incident.grade == TEST else incident.kind,
        subjects=[_subject(incident)], mmsi=[incident.mmsi], t_start=incident.t_first, t_end=None, t_detected=incident.t_last, lat=lat, lon=lon,
        zones=[], measures=_measures(incident), evidence=[evidence], exclusions=[], confidence=_confidence(incident),
        rule=RULE, rule_version=RULE_VERSION, params_hash="", exercise=incident.exercise, quality={"damaged": incident.damaged},
    )  # fmt: skip


def _measures(incident: Incident) -> dict[str, Any]:
    return {
        "class": CLASS_NAMES[incident.grade],
        "count": incident.count,
        "text": incident.text or None,
        "status": None if incident.nav == NAV_MISSING else incident.nav,
        "speed_kn": None if incident.sog == SOG_MISSING else incident.sog / 10,
        "position_from": incident.position_from or None,
        "receivers": ", ".join(incident.receivers),
        "time_known": incident.t_first > 0,
    }


def _alert(incident: Incident) -> Alert:
    lat, lon = _degrees(incident)
    test = incident.grade == TEST
    return Alert(
        alert_id=alert_id(PROFILE, [incident.mmsi], incident.event_id), revision=incident.revision, kind="test_beacon" if test else "distress",
        condition="active", level="caution" if test else ("alarm" if incident.grade == URGENCY else "emergency"), score=0.0, score_milli=0,
        contributions=[], event_ids=[incident.event_id], mmsi=[incident.mmsi], subjects=[_subject(incident)], t_first=incident.t_first,
        t_last=incident.t_last, lat=lat, lon=lon, headline=_headline(incident), explanation=_explanation(incident),
        innocent=_innocent(incident), counterfactual="", profile=PROFILE, profile_hash="", exercise=incident.exercise,
    )  # fmt: skip


def _headline(incident: Incident) -> str:
    device = DEVICE_NAMES.get(incident.mmsi // 1_000_000)
    if incident.grade == TEST:
        what = f"{device or 'Distress text'} under test"
    elif incident.kind == "status14":
        what = "Ship reports status 14 (AIS-SART active)"
    elif device:
        what = f"{device} active"
    else:
        what = f"{'Urgency' if incident.grade == URGENCY else 'Distress'} text"
    lat, lon = _degrees(incident)
    where = "no position" if lat is None or lon is None else degrees_minutes(lat, lon)
    heard = f"heard {incident.count} time{'' if incident.count == 1 else 's'}"
    words = f'"{incident.text}", ' if incident.kind == "text" and incident.text else ""
    text = f"{what}: MMSI {incident.mmsi:09d}, {words}{where}, {heard}{', damaged' if incident.damaged else ''}"
    return marked(text, exercise=incident.exercise)


def _explanation(incident: Incident) -> str:
    parts = [f"{CLASS_NAMES[incident.grade].capitalize()} signal, type {incident.msg_type} message, taken up at once and never scored."]
    if incident.text:
        parts.append(f'Text: "{incident.text}".')
    if incident.position_from == "text":
        parts.append("The position is read from the text.")
    elif not incident.position_from:
        parts.append(f"No position is known; heard by {', '.join(incident.receivers)}.")
    if incident.damaged:
        parts.append("The sentence arrived damaged: every detail may be wrong.")
    if incident.sog != SOG_MISSING and incident.sog >= 10 * MOVING_KN:
        parts.append(f"It reports that it is moving at {incident.sog / 10:.1f} kn.")
    if incident.t_first == 0:
        parts.append("Time unknown: the recording carries none.")
    return " ".join(parts)


def _innocent(incident: Incident) -> list[str]:
    if incident.kind == "status14":
        return ["a mis-set transponder: status 14 chosen by mistake"]
    if incident.kind == "text":
        return ["a hoax, or an exercise that does not say so"]
    return ["a device switched on by mistake, or under test without saying so"]
