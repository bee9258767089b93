"""Measures and conditions in plain words. May live here: names, units and comparisons as a watch reads them. May not: scores.

A detector names its numbers with the unit last (`gap_s`, `distance_m_median`), so that a name unknown here still reads
well; the table only gives better words to the ones that are seen each day.
"""

from __future__ import annotations

import re

from dogwatch.events import Evidence, Exclusion, Value
from dogwatch.times import duration_text

LABELS = {
    "gap_s": "silent for",
    "silence_s": "silent for",
    "p_silence": "chance that a working transmitter is not heard for so long",
    "coverage_p": "share of reports normally heard there",
    "coverage_share": "share of reports normally heard there",
    "duration_s": "duration",
    "distance_m": "distance between the two",
    "distance_m_median": "median distance between the two",
    "distance_m_max": "largest distance between the two",
    "speed_kn_median": "median speed",
    "speed_kn_max": "highest speed",
    "coast_distance_nm": "distance to the coast",
    "watch_distance_nm": "distance to the nearest border or watch zone",
    "implied_kn": "speed that the way made would need",
    "unexplained_s": "time that the way made does not explain",
    "fast_share": "share of the time when it was not slow",
    "radius_nm": "radius of the area",
    "speed_kn_mean": "mean speed",
    "net_over_path": "way made good over way sailed",
    "path_nm": "way sailed",
    "reports_real": "real reports",
    "reports_each": "reports of each",
    "reports_1h": "reports in the hour before",
    "slow_report_share": "share of slow reports",
    "jump_nm": "distance of the jump",
    "receiver_distance_nm": "distance from the receiver",
    "beyond_reach_s": "beyond its reach for",
    "reach_nm": "way it could have made meanwhile",
    "overlap_s": "both heard for",
    "listened_min_1h": "minutes heard of the hour before",
    "changed_while_silent": "changed while it was silent",
    "peers": "other vessels nearby",
    "peers_heard_share": "share of them heard meanwhile",
    "blocks_listened": "5-minute spans listened",
    "imo": "IMO number",
    "mmsi": "MMSI",
    "callsign": "call sign",
    "approach_m": "distance between the two before",
    "beyond_nm": "distance beyond the line",
    "cable_distance_nm": "distance to the cable or pipeline",
    "check_digit_right": "check digit of the IMO number right",
    "contacts": "times both were seen near each other",
    "course_off_share": "share of reports whose course is not the way made",
    "course_reversed_reports": "reports with a course against the way made",
    "course_reversed_s": "course against the way made for",
    "course_reversed_share": "share of reports with a course against the way made",
    "buckets_unknown": "10-minute spans in which it was not heard",
    "data_share": "share of the expected reports heard",
    "duration_s_upper": "duration",
    "eta_s": "time until it is there",
    "fields_changed": "particulars changed",
    "heading_s": "headed there for",
    "inbound_s": "time to the line on its last course",
    "inland_nm": "distance inland",
    "interpolated_share": "share of the time filled in between reports",
    "list": "list",
    "off_line_m": "scatter about a smooth line",
    "off_m": "distance from where it anchored",
    "off_reckoned_nm": "distance from where the first would be",
    "parting_m": "distance between the two after",
    "receivers": "receivers that heard it",
    "reports_a": "reports of the one",
    "reports_b": "reports of the other",
    "reports_there": "reports from there",
    "residual_share": "scatter about the circle",
    "signs": "signs that they are two",
    "silent_between_s": "silent before it for",
    "silent_s": "nobody heard between them for",
    "size_off_m": "difference in length",
    "smooth_s": "smooth for",
    "speed_kn_higher": "speed of the faster one",
    "speed_kn_lower": "speed of the slower one",
    "speed_loss_share": "share of its speed lost",
    "start_uncertain_s": "start known to within",
    "station_reports": "reports of a kind that only a shore station sends",
    "steady_s": "steady for",
    "still_s": "stopped for",
    "anchored_s": "reports itself anchored for",
    "idle_s": "slow above it for",
    "together_s": "both heard for",
    "transit_kn": "speed before it slowed down",
    "transit_s": "under way before for",
    "turns": "full turns",
}
YES_OR_NO = {"check_digit_right"}  # told as a number because a threshold is one
TESTS = {
    "role": "work that explains it",
    "doubts": "several small doubts",
    "ais_partner": "partner heard by AIS",
    "one_hull": "two transmitters on one hull",
    "two_hulls": "two hulls with one number",
    "gnss_area": "area in which positions fail",
    "to_and_fro": "sailing to and fro",
    "untrue_position": "position that cannot be true",
    "both_anchored_or_moored": "both anchored or moored",
    "port_mask": "port mask",
    "weather_stop": "others that stop for the weather",
    "gale_meanwhile": "gale meanwhile",
    "stale_copies": "old reports sent again",
    "ducting": "radio heard unusually far",
    "common_cause": "others that fell silent together",
    "fading": "reception that fades there",
    "warming_up": "reception not yet learned",
    "clock_offset": "clock that is wrong",
    "stuck_sensor": "sensor that is stuck",
}  # what was tested, where the detector's name does not say it
EVENT_ID = re.compile(r":? ?\b[0-9a-f]{32}\b")
NOTHING_FOUND = ("no", "none")
OPERATORS = {">=": "at least", ">": "more than", "<=": "at most", "<": "less than", "==": "exactly", "=": "exactly", "!=": "other than", "in": "one of"}
LISTED = {
    "is": "",
    "begins": ", cut after 20 letters",
    "like": ", nearly the same",
    "was": ", a former one",
}  # how a particular that is told stands to the listed one
STATISTICS = {"median", "min", "max", "mean", "p95", "upper", "lower", "higher", "end"}
UNITS = {"m": " m", "nm": " nm", "kn": " kn", "deg": "°", "h": " h", "km": " km", "min": " min"}


def label(name: str) -> str:
    """'distance_m_median' -> 'median distance between the two'; a name not in the table loses its unit and its underscores."""
    if name in LABELS:
        return LABELS[name]
    steps = [step for step in name.split("_") if step not in UNITS and step != "s"]
    return " ".join(steps) or name


def quantity(name: str, value: Value) -> str:
    """A value with the unit that its name carries: ('gap_s', 2460) -> '41 min', ('p_silence', 0.0002) -> '1 in 5,000'."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value.replace("_", " ")
    if name == "p_silence":
        return chance(value)
    steps = name.split("_")
    unit = next((step for step in reversed(steps) if step not in STATISTICS or (step == "min" and step == steps[-1] and len(steps) == 1)), "")
    if unit == "s":
        return duration_text(value)
    if name.endswith("_share"):
        return f"{number(round(100 * value, 2))}%"
    return number(value) + UNITS.get(unit, "")


def number(value: float) -> str:
    """'1,900', '7.9', '0.04': no more digits than a watch needs."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


def chance(probability: float) -> str:
    """'1 in 5,000'; certainty and impossibility are never claimed."""
    if probability >= 0.1:
        return f"{probability:.2f}"
    if probability < 1e-6:
        return "less than 1 in 1,000,000"
    return f"1 in {float(f'{1 / probability:.1e}'):,.0f}"


def condition(item: Evidence) -> str:
    """'silent for 41 min (threshold: at least 30 min)'."""
    if item.name in YES_OR_NO:
        return f"{label(item.name)}: {'yes' if item.observed else 'no'}"
    text = f"{label(item.name)} {quantity(item.name, item.observed)}"
    if item.op in LISTED:
        return f"{text} (on the list: {item.threshold}{LISTED[item.op]})"
    if item.threshold is not None:
        text += f" (threshold: {OPERATORS.get(item.op, item.op)} {quantity(item.name, item.threshold)})"
    return text if item.passed else text + ", not met"


def tested(name: str) -> str:
    """'ducting' -> 'radio heard unusually far': what a detector looked for."""
    return TESTS.get(name, name.replace("_", " "))


def exclusion(item: Exclusion) -> str:
    """'port or anchorage: outside'."""
    text = f"{tested(item.name)}: {item.result.replace('_', ' ')}"
    if item.effect == "none" or not item.observed or isinstance(item.observed, bool) or str(item.observed) == item.result:
        return text
    return f"{text} ({quantity(item.name, item.observed)})"


def plain_reason(reason: str) -> str:
    """'crossed: 8d39...' -> 'crossed': why an event was taken back, without the event ids that only a program can use."""
    return EVENT_ID.sub("", reason)
