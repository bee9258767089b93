"""Measures and conditions in plain words. May live here: names, units and comparisons as a watch reads them. May not: scores.

A detector names its numbers with the unit last (`gap_s`, `distance_m_median`), so that a name unknown here still reads
well; the table only gives better words to the ones that are seen each day.
"""

from __future__ import annotations

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
    "fast_share": "share of the time at speed",
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
}
OPERATORS = {">=": "at least", ">": "more than", "<=": "at most", "<": "less than", "==": "exactly", "=": "exactly", "!=": "other than", "in": "one of"}
LISTED = {
    "is": "",
    "begins": ", cut after 20 letters",
    "like": ", nearly the same",
    "was": ", a former one",
}  # how a particular that is told stands to the listed one
STATISTICS = {"median", "min", "max", "mean", "p95"}
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
    text = f"{label(item.name)} {quantity(item.name, item.observed)}"
    if item.op in LISTED:
        return f"{text} (on the list: {item.threshold}{LISTED[item.op]})"
    if item.threshold is not None:
        text += f" (threshold: {OPERATORS.get(item.op, item.op)} {quantity(item.name, item.threshold)})"
    return text if item.passed else text + ", not met"


def exclusion(item: Exclusion) -> str:
    """'port or anchorage mask: outside'."""
    text = f"{item.name.replace('_', ' ')}: {item.result.replace('_', ' ')}"
    if item.effect == "none" or item.observed is None or isinstance(item.observed, bool) or str(item.observed) == item.result:
        return text
    return f"{text} ({quantity(item.name, item.observed)})"
