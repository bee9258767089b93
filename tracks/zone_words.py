"""What events of zones say: measures, evidence, innocent explanations. May hold: words of a crossing and of an approach. May not: decide that there is one."""

from __future__ import annotations

from dogwatch.events import Evidence, Exclusion, Value
from dogwatch.late import LateEvent
from tracks import episodes as ep
from tracks.zone_follow import ENTER
from tracks.zone_steps import Limit, Steps, Told, Who

TYPE, RULE_VERSION = "zone", "1.1"
TYPES_PASSENGER = tuple(range(60, 70))
UNDOUBTED, DOUBTED = (ep.checked("untrue_position", doubted, suppress=True) for doubted in (False, True))
UNDECLARED = Exclusion("declared_destination", "unknown", None, "none")


def crossing_words(who: Who, told: Told, limit: Limit, sense: str) -> tuple[dict[str, Value], list[Evidence], list[Exclusion]]:
    """Measures, evidence and exclusions of any crossing."""
    gap_s, beyond_nm = told.step_s, told.beyond_nm
    margin_s = gap_s - told.limit_s if told.gap else told.limit_s - gap_s
    measures: dict[str, Value] = {"speed_kn": told.speed_kn, "gap_s": gap_s, "beyond_nm": beyond_nm, "error_nm": limit.error_told_nm, "sense": sense}
    evidence = [
        Evidence("gap_s", gap_s, ">=" if told.gap else "<=", told.limit_s, margin_s, margin_s >= 0.0),
        Evidence("beyond_nm", beyond_nm, ">=", 0.0, beyond_nm, beyond_nm >= 0.0),
    ]
    return measures, evidence, _exclusions(who, told, limit)


def crossing_quality(told: Told) -> dict[str, Value]:
    """How well a crossing was seen."""
    return {"gap_s": told.step_s, "interpolated_share": 1.0}


class CrossingWords:
    """Writes what the plain events of a tick say (dogwatch/late.py), when somebody reads it."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps

    def write(self, event: LateEvent) -> None:
        """As `Writer.write`."""
        i, steps = event.row, self.steps
        who, told, sense = steps.who(i), steps.numbers(i), "in" if steps.kinds[i] == ENTER else "out"
        event.subjects, event.quality = [who.subject], crossing_quality(told)
        event.measures, event.evidence, event.exclusions = crossing_words(who, told, steps.limits[i], sense)
        if who.destination:
            event.measures["destination"] = who.destination


class ApproachWords:
    """Writes what an approach says, when somebody reads it."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps

    def write(self, event: LateEvent) -> None:
        """As `Writer.write`."""
        rule, who, row, told = self.steps.rule, self.steps.who(event.row), self.steps.row(event.row), self.steps.numbers(event.row)
        since_s = (row.t_ms - row.from_ms) / 1000.0
        event.subjects, event.quality = [who.subject], {}
        event.measures = {"eta_s": ep.tidy("s", row.eta_s), "distance_nm": told.beyond_nm, "speed_kn": told.speed_kn, "heading_s": ep.tidy("s", since_s)}
        event.evidence = [
            ep.at_most("eta_s", row.eta_s, rule.approach_s),
            ep.at_least("speed_kn", row.speed_kn, rule.approach_kn_min),
            ep.at_least("heading_s", since_s, rule.approach_hold_s),
        ]
        passenger = ep.checked("passenger_ship", who.ship_type in TYPES_PASSENGER, who.ship_type, suppress=True)
        event.exclusions = [passenger, DOUBTED if who.doubted else UNDOUBTED]


def _exclusions(who: Who, told: Told, limit: Limit) -> list[Exclusion]:
    """What could be wrong with a crossing, and whether the vessel had said that it was coming. What is tested of all and seldom so is made once."""
    return [
        Exclusion("within_position_error", "yes" if told.near else "no", told.beyond_nm, "doubt" if told.near else "none"),
        DOUBTED if who.doubted else UNDOUBTED,
        _declared(who.destination, limit.owner) if who.destination else UNDECLARED,
    ]


def _declared(destination: str | None, owner: str) -> Exclusion:
    """Does the declared destination (UN/LOCODE: two letters of the country first) lie with the owner of the zone (as a country code)?"""
    country = destination[:2].upper() if destination and destination[:2].isalpha() and len(destination.replace(" ", "")) == 5 else ""
    if not country or len(owner) != 2:
        return Exclusion("declared_destination", "unknown", destination, "none")
    return Exclusion("declared_destination", "there" if country == owner.upper() else "elsewhere", destination, "none")
