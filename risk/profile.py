"""Rule profiles: which events count, how much, and from which score a person is told. TOML text in, typed rules out.

May live here: the profile's structure, its faults, its content hash. May not: opening files (runners/ hands down text), criteria (risk/criteria.py),
how files lie over each other (risk/inherit.py), adding points (risk/score.py), words (risk/explain.py, risk/plain.py).

A profile is written by an analyst, so everything wrong with it is found before a vessel is judged: unknown keys,
a rule without any criterion (such a rule would fire on everything), thresholds out of order, families that are not
there. Weights are log-odds; none may be negative, because a score must never fall when a detector grows surer.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Annotated, Any, TypeVar

import msgspec

from dogwatch.config import Fault, refuse, structure_faults
from dogwatch.events import Event
from risk.criteria import Where, contradictions, validity_faults
from risk.inherit import Layer, merge

NEVER_SCORED = "safety"  # distress and safety have a road of their own; no rule may read them
LIVE_STATES = ("open", "closed")
HOURS_MAX = 100_000  # eleven years: whatever is longer was mistyped
_Asked = TypeVar("_Asked", bound=Where)
WEIGHT_MAX = 10.0  # log-odds; beyond it a single rule would be a verdict


class Criteria(Where, kw_only=True):
    """What an event must be, and what it then weighs."""

    name: str
    weight: float  # log-odds
    unless: list[Where] = msgspec.field(default_factory=list)  # who meets any of these does not meet the rule

    def met(self, event: Event) -> bool:
        """Whether an event meets all given criteria and none of the exceptions."""
        return Where.met(self, event) and not any(where.met(event) for where in self.unless)


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


class Exclusion(Where, kw_only=True):
    """An event that meets the criteria never counts, whatever the rules say."""

    name: str
    text: str  # why: a reader of the profile must be able to judge it


class Budget(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """How many new alerts the watch can take: what a back-test is judged by (EEMUA 191: about one in ten minutes)."""

    alerts_per_operator_hour: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 6.0
    operators: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1


class Family(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Kindred behaviours: together they add at most `cap`; what is over fades by half each `half_life_h`."""

    cap: float
    half_life_h: float


class Levels(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """From which score (milli-logits) a case is shown, and how loudly. 'emergency' is not reached by any score."""

    caution_milli: int
    warning_milli: int
    alarm_milli: int


class Corroboration(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """Added once when a case shows behaviours of at least `families_min` families: chance coincidence is unlikely."""

    weight: float = 0.0
    families_min: int = 2


class CaseLimits(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """What belongs together (risk/cases.py), and how much a case may hold before the next one begins."""

    gap_h: float = 6.0
    distance_nm: float = 50.0
    span_h: float = 72.0
    events_max: int = 64
    vessels_max: int = 16


class Profile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True, dict=True):  # dict: for what is picked out once
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
    valid_from: str = ""  # for people and reports: a profile that has run out is said, never dropped in silence
    valid_until: str = ""
    contexts: list[Context] = []
    exclusions: list[Exclusion] = []
    budget: Budget = Budget()
    corroboration: Corroboration = Corroboration()
    case: CaseLimits = CaseLimits()
    detectors: dict[str, Any] = {}  # parameters that runners/ hands to tracks/; not read here

    @property
    def content_hash(self) -> str:
        """64-bit hex of the content: comments, spaces and the order of keys do not change it."""
        return blake2b(msgspec.json.encode(self, order="sorted"), digest_size=8).hexdigest()

    def rule_for(self, event: Event) -> Rule | None:
        """The first rule whose criteria the event meets; None where an exclusion takes it."""
        exclusions, rules = self._asked_of(event.type)
        return None if exclusions and _first_met(exclusions, event) else _first_met(rules, event)

    def could_count(self, event_type: str) -> bool:
        """Whether any rule could ever fit an event of this type (its other fields may change during its life)."""
        return event_type != NEVER_SCORED and bool(self._asked_of(event_type)[1])

    @cached_property
    def _by_type(self) -> dict[str, tuple[list[Exclusion], list[Rule]]]:
        return {}

    def _asked_of(self, event_type: str) -> tuple[list[Exclusion], list[Rule]]:
        """Exclusions and rules that may fit events of a type, in their order: each version of an event asks, and most rules speak of other behaviours."""
        if event_type not in self._by_type:
            self._by_type[event_type] = _speaking(self.exclusions, event_type), _speaking(self.rules, event_type)
        return self._by_type[event_type]


def _speaking(items: Sequence[_Asked], event_type: str) -> list[_Asked]:
    return [item for item in items if not item.behaviours or event_type in item.behaviours]


def _first_met(items: Sequence[_Asked], event: Event) -> _Asked | None:
    """The first of them that an event meets; those of another subtype are not called."""
    subtype = event.subtype
    for item in items:
        if (not item.subtypes or subtype in item.subtypes) and item.met(event):
            return item
    return None


def load_profile(text: str, *, file: str, below: Sequence[Layer] = (), others: Callable[[dict[str, Any]], Iterable[Fault]] | None = None) -> Profile:
    """A profile from TOML text. `file` is only named in messages.

    `below`: the files that it extends, the oldest first. `others`: faults of tables that are not read here (the detectors').
    Raises ConfigError: the fault, or all of them in one message, each with file and line.
    """
    merged = merge([*below, Layer.of(text, file)])
    wrong = [*structure_faults(merged.plain, Profile), *(others(merged.plain) if others else ())]
    if wrong or merged.faults:
        refuse(merged.faults + [merged.located(fault) for fault in (*wrong, *_faults_of_the_rest(merged.plain, wrong))])
    profile = msgspec.convert(merged.plain, Profile)
    looks = (_faults_of_head, _faults_of_rules, _faults_of_order, _faults_of_reach)
    refuse([merged.located(fault) for look in looks for fault in look(profile)])
    return profile


def _faults_of_the_rest(plain: dict[str, Any], wrong: Sequence[Fault]) -> Iterable[Fault]:
    """Where some tables cannot be read: faults of the rules, contexts and exclusions that can, so that they are not told one look later."""
    spoilt = {path[:2] for path, _, _ in wrong}
    kinds: tuple[tuple[str, type[Rule | Context | Exclusion]], ...] = (("rules", Rule), ("contexts", Context), ("exclusions", Exclusion))
    for table, kind in kinds:
        for index, item in enumerate(plain.get(table, ()) if (table,) not in spoilt else ()):
            if (table, index) not in spoilt:
                yield from _faults_of_criteria((table, index), msgspec.convert(item, kind))
                if kind is Rule and isinstance(plain.get("families"), dict) and item["family"] not in plain["families"]:
                    yield _no_family(index, item["family"], plain["families"])
    if not any(path[:1] == ("levels",) for path in spoilt) and "levels" in plain:
        yield from _faults_of_levels(msgspec.convert(plain["levels"], Levels))


def _faults_of_levels(levels: Levels) -> Iterable[Fault]:
    steps = msgspec.structs.asdict(levels)
    for lower, upper in itertools.pairwise(steps):
        if steps[lower] >= steps[upper]:
            what = f"levels are not in rising order: {lower} is {steps[lower]}, {upper} is {steps[upper]}"
            yield ("levels", upper), what, "caution_milli < warning_milli < alarm_milli"


def _no_family(index: int, name: str, families: Iterable[str]) -> Fault:
    return ("rules", index, "family"), f"no family '{name}'", "known: " + ", ".join(sorted(families))


def _faults_of_head(profile: Profile) -> Iterable[Fault]:
    levels = profile.levels
    if not profile.name.isascii() or not profile.name.replace("-", "").isalnum():
        yield ("name",), f"'{profile.name}' is no profile name", "use letters, digits and '-'"
    yield from _faults_of_levels(levels)
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
    for key, what, remedy in validity_faults(profile.valid_from, profile.valid_until):
        yield (key,), what, remedy


def _faults_of_rules(profile: Profile) -> Iterable[Fault]:
    if not profile.rules:
        yield ("rules",), "the profile has no rule", "add a [[rules]] table"
    seen: set[str] = set()
    tables: tuple[tuple[str, Sequence[Rule | Context | Exclusion]], ...] = (
        ("rules", profile.rules), ("contexts", profile.contexts), ("exclusions", profile.exclusions),
    )  # fmt: skip
    for kind, items in tables:
        for index, item in enumerate(items):
            path = (kind, index)
            if not item.name or item.name in seen:
                yield (*path, "name"), f"the name '{item.name}' is taken or empty", "give each rule, context and exclusion its own name"
            seen.add(item.name)
            yield from _faults_of_criteria(path, item)
    for index, rule in enumerate(profile.rules):
        if rule.family not in profile.families:
            yield _no_family(index, rule.family, profile.families)
        if rule.min_confidence is not None:
            yield from _faults_of_confidence(("rules", index, "min_confidence"), rule.min_confidence)


def _faults_of_criteria(path: tuple[str | int, ...], item: Rule | Context | Exclusion) -> Iterable[Fault]:
    if not item.given():
        does = "would take everything out" if isinstance(item, Exclusion) else "would fire on everything"
        yield path, f"'{item.name}' has no criterion: it {does}", "add behaviours, subtypes, zones or measures"
    for key, what, remedy in contradictions(item):
        yield (*path, key), what, remedy
    if NEVER_SCORED in item.behaviours:
        yield (*path, "behaviours"), "distress and safety are never scored", f"remove '{NEVER_SCORED}'"
    if isinstance(item, Exclusion):
        return
    if not 0 <= item.weight <= WEIGHT_MAX:
        yield (*path, "weight"), f"weight {item.weight} is not in 0-{WEIGHT_MAX:g}", "weights are log-odds and never negative"
    for where in item.unless:
        if not where.given():
            yield (*path, "unless"), f"an exception of '{item.name}' has no criterion: the rule would never fire", "add criteria, or remove it"
        elif where.covers(item):
            yield (*path, "unless"), f"'{item.name}' would never fire: its exception takes all that it asks for", "narrow the exception"
        for _, what, remedy in contradictions(where):
            yield (*path, "unless"), what, remedy


def _faults_of_order(profile: Profile) -> Iterable[Fault]:
    """Rules and contexts that no event reaches, because an exclusion or a rule above takes all that they ask for."""
    for index, exclusion in enumerate(profile.exclusions):
        for item in (*profile.rules, *profile.contexts) if exclusion.given() else ():
            if exclusion.covers(item):
                what = f"'{item.name}' would never fire: the exclusion '{exclusion.name}' takes all that it asks for"
                yield ("exclusions", index), what, "narrow the exclusion, or remove one of the two"
    for index, rule in enumerate(profile.rules):
        above = next((other for other in profile.rules[:index] if other.given() and not other.unless and other.covers(rule)), None)
        if above is not None:
            yield ("rules", index), f"'{rule.name}' is never reached: '{above.name}' above takes all that it asks for", "put the special rule first"


def _faults_of_reach(profile: Profile) -> Iterable[Fault]:
    """A caution line above all that can come together: nothing would ever be told. (The model of normal traffic counts for nothing: it must not decide.)"""
    groups: dict[str, float] = {}
    for context in profile.contexts:
        group = context.group or context.name
        groups[group] = max(context.weight, groups.get(group, 0.0))
    caps = sum(family.cap for name, family in profile.families.items() if any(rule.family == name for rule in profile.rules))
    most = 1000 * (profile.base + caps + sum(groups.values()) + profile.corroboration.weight)
    if most < profile.levels.caution_milli:
        remedy = "lower it, or raise weights and caps"
        yield ("levels", "caution_milli"), f"no case reaches caution: base, caps, contexts and corroboration together make {most:.0f}", remedy


def _faults_of_confidence(path: tuple[str | int, ...], value: float) -> Iterable[Fault]:
    if not 0 <= value <= 1:
        yield path, f"confidence {value} is not in 0-1", "give a share such as 0.3"
