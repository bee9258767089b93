"""Rule profiles: which events count, how much, and from which score a person is told. TOML text in, typed rules out.

May live here: the profile's structure, its faults, its content hash, the question "does this event meet these
criteria". May not: opening files (runners/ hands down text), adding points (risk/score.py), words (risk/explain.py).

A profile is written by an analyst, so everything wrong with it is found before a vessel is judged: unknown keys,
a rule without any criterion (such a rule would fire on everything), thresholds out of order, families that are not
there. Weights are log-odds; none may be negative, because a score must never fall when a detector grows surer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from dogwatch.config import dotted, line_of, parse
from dogwatch.errors import ConfigError
from dogwatch.events import Event, ZoneRelation

NEVER_SCORED = "safety"  # distress and safety have a road of their own; no rule may read them
LIVE_STATES = ("open", "closed")
HOURS_MAX = 100_000  # eleven years: whatever is longer was mistyped
WEIGHT_MAX = 10.0  # log-odds; beyond it a single rule would be a verdict


class Criteria(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What an event must be, and what it then weighs. Every criterion that is given must hold; within a list any one will do."""

    name: str
    weight: float  # log-odds
    behaviours: list[str] = []  # event types
    subtypes: list[str] = []
    zone_ids: list[str] = []  # inside, near or crossing one of these zones
    zone_kinds: list[str] = []
    mids: list[int] = []  # flag: first three digits of any subject's MMSI (maritime identification digits)
    ship_types: list[int] = []
    at_least: dict[str, float] = {}  # measure of the event -> smallest value that counts
    at_most: dict[str, float] = {}

    def given(self) -> bool:
        """Whether there is any criterion at all."""
        return any((self.behaviours, self.subtypes, self.zone_ids, self.zone_kinds, self.mids, self.ship_types, self.at_least, self.at_most))

    def met(self, event: Event) -> bool:
        """Whether an event meets all given criteria. A measure that the event does not state is not met."""
        lists = (
            (self.behaviours, (event.type,)),
            (self.subtypes, (event.subtype,)),
            (self.zone_ids, (zone.id for zone in event.zones)),
            (self.zone_kinds, (zone.kind for zone in event.zones)),
            (self.mids, (int(f"{mmsi:09d}"[:3]) for mmsi in event.mmsi)),
            (self.ship_types, (subject.ship_type for subject in event.subjects)),
        )
        return (
            all(not wanted or _any_in(found, wanted) for wanted, found in lists)
            and all((value := reading(event, name)) is not None and value >= limit for name, limit in self.at_least.items())
            and all((value := reading(event, name)) is not None and value <= limit for name, limit in self.at_most.items())
        )


class Rule(Criteria, kw_only=True):
    """An event that meets the criteria adds `weight` * confidence * decay to its family. The first rule that fits counts."""

    family: str
    min_confidence: float | None = None


class Context(Criteria, kw_only=True):
    """A circumstance that adds its weight once per case when any counted event meets the criteria.

    Of contexts with one `group` only the heaviest adds: they are different signs of the same circumstance.
    """

    group: str = ""
    text: str


class Family(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Kindred behaviours: together they add at most `cap`; what is over fades by half each `half_life_h`."""

    cap: float
    half_life_h: float


class Levels(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """From which score (milli-logits) a case is shown, and how loudly. 'emergency' is not reached by any score."""

    caution_milli: int
    warning_milli: int
    alarm_milli: int


class Corroboration(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Added once when a case shows behaviours of at least `families_min` families: chance coincidence is unlikely."""

    weight: float = 0.0
    families_min: int = 2


class CaseLimits(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What belongs together (risk/cases.py), and how much a case may hold before the next one begins."""

    gap_h: float = 6.0
    distance_nm: float = 50.0
    span_h: float = 72.0
    events_max: int = 64
    vessels_max: int = 16


class Profile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One set of rules, as a person wrote it. `name` is its identity, `content_hash` its content."""

    name: str
    title: str
    owner: str
    version: str
    base: float
    levels: Levels
    families: dict[str, Family]
    rules: list[Rule]
    description: str = ""
    min_confidence: float = 0.0
    states: list[str] = msgspec.field(default_factory=lambda: list(LIVE_STATES))
    contexts: list[Context] = []
    corroboration: Corroboration = Corroboration()
    case: CaseLimits = CaseLimits()
    detectors: dict[str, Any] = {}  # parameters that runners/ hands to tracks/; not read here

    @property
    def content_hash(self) -> str:
        """64-bit hex of the content: comments, spaces and the order of keys do not change it."""
        return blake2b(msgspec.json.encode(self, order="sorted"), digest_size=8).hexdigest()

    def rule_for(self, event: Event) -> Rule | None:
        """The first rule whose criteria the event meets."""
        return next((rule for rule in self.rules if rule.met(event)), None)

    def could_count(self, event_type: str) -> bool:
        """Whether any rule could ever fit an event of this type (its other fields may change during its life)."""
        return event_type != NEVER_SCORED and any(not rule.behaviours or event_type in rule.behaviours for rule in self.rules)


def load_profile(text: str, *, file: str) -> Profile:
    """A profile from TOML text. `file` is only named in messages.

    Raises ConfigError: the first structural fault alone, or all faults of meaning in one message, each with file and line.
    """
    profile = parse(text, Profile, file=file)
    faults = [
        ConfigError(what, file=file, line=line_of(text, path), key=dotted(path), remedy=remedy)
        for path, what, remedy in [*_faults_of_head(profile), *_faults_of_rules(profile)]
    ]
    if not faults:
        return profile
    if len(faults) == 1:
        raise faults[0]
    first = faults[0]
    raise ConfigError(f"{len(faults)} faults:\n" + "\n".join(str(fault) for fault in faults), file=file, line=first.line, key=first.key)


def reading(event: Event, name: str) -> float | None:
    """A number that the event states: from its measures, else its evidence, else (distances) its zone relations."""
    value = event.measures.get(name)
    if value is None:
        value = next((item.observed for item in event.evidence if item.name == name), None)
    if value is None and name == "watch_distance_nm":
        value = min((_nearness_nm(zone) for zone in event.zones), default=None)
    return None if value is None or isinstance(value, str | bool) else float(value)


Fault = tuple[tuple[str | int, ...], str, str]  # key path, what is wrong, remedy


def _faults_of_head(profile: Profile) -> Iterable[Fault]:
    levels = profile.levels
    if not profile.name.isascii() or not profile.name.replace("-", "").isalnum():
        yield ("name",), f"'{profile.name}' is no profile name", "use letters, digits and '-'"
    if not levels.caution_milli < levels.warning_milli < levels.alarm_milli:
        yield ("levels", "warning_milli"), "levels are not in rising order", "caution_milli < warning_milli < alarm_milli"
    if not math.isfinite(profile.base):
        yield ("base",), f"base {profile.base} is no number", "give log-odds, such as -4.0"
    elif round(1000 * profile.base) >= levels.caution_milli:
        yield ("base",), "the base alone reaches caution: every vessel would be an alert", "lower base or raise levels.caution_milli"
    for name, family in profile.families.items():
        if not 0 < family.cap <= WEIGHT_MAX:
            yield ("families", name, "cap"), f"cap {family.cap} is not in 0-{WEIGHT_MAX:g}", "give log-odds, such as 2.0"
        if not 0 < family.half_life_h < HOURS_MAX:
            yield ("families", name, "half_life_h"), f"half-life is not in 0-{HOURS_MAX} h", "give hours, such as 72"
    for state in profile.states:
        if state not in LIVE_STATES:
            yield ("states",), f"state '{state}' never counts", "choose from " + ", ".join(LIVE_STATES)
    if not profile.states:
        yield ("states",), "no event state counts", "choose from " + ", ".join(LIVE_STATES)
    for name, number in msgspec.structs.asdict(profile.case).items():
        if not 0 < number < HOURS_MAX:
            yield ("case", name), f"is not in 0-{HOURS_MAX}", "leave it out for the default"
    if not 0 <= profile.corroboration.weight <= WEIGHT_MAX:
        yield ("corroboration", "weight"), f"weight is not in 0-{WEIGHT_MAX:g}", "weights are log-odds and never negative"
    yield from _faults_of_confidence(("min_confidence",), profile.min_confidence)


def _faults_of_rules(profile: Profile) -> Iterable[Fault]:
    if not profile.rules:
        yield ("rules",), "the profile has no rule", "add a [[rules]] table"
    seen: set[str] = set()
    tables: tuple[tuple[str, Sequence[Criteria]], ...] = (("rules", profile.rules), ("contexts", profile.contexts))
    for kind, items in tables:
        for index, item in enumerate(items):
            path = (kind, index)
            if not item.name or item.name in seen:
                yield (*path, "name"), f"the name '{item.name}' is taken or empty", "give each rule and context its own name"
            seen.add(item.name)
            if not item.given():
                yield path, f"'{item.name}' has no criterion: it would fire on everything", "add behaviours, subtypes, zones or measures"
            if not 0 <= item.weight <= WEIGHT_MAX:
                yield (*path, "weight"), f"weight {item.weight} is not in 0-{WEIGHT_MAX:g}", "weights are log-odds and never negative"
            if NEVER_SCORED in item.behaviours:
                yield (*path, "behaviours"), "distress and safety are never scored", f"remove '{NEVER_SCORED}'"
    for index, rule in enumerate(profile.rules):
        if rule.family not in profile.families:
            yield ("rules", index, "family"), f"no family '{rule.family}'", "known: " + ", ".join(sorted(profile.families))
        if rule.min_confidence is not None:
            yield from _faults_of_confidence(("rules", index, "min_confidence"), rule.min_confidence)


def _faults_of_confidence(path: tuple[str | int, ...], value: float) -> Iterable[Fault]:
    if not 0 <= value <= 1:
        yield path, f"confidence {value} is not in 0-1", "give a share such as 0.3"


def _nearness_nm(zone: ZoneRelation) -> float:
    return zone.distance_nm if zone.relation == "near" else 0.0


def _any_in(found: Iterable[Any], wanted: list[Any]) -> bool:
    return any(item in wanted for item in found)
