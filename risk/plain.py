"""A profile in plain words: what each rule asks for, what it weighs, when somebody is told. May live here: those sentences.

May not: scores of cases (risk/explain.py), files. Whoever has to answer for a rule must be able to read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from dogwatch.times import duration_text
from risk.criteria import Where
from risk.profile import Context, Exclusion, Profile, Rule
from risk.score import QUIET, level_of, milli, score_of_100
from risk.words import label, number, quantity

BEHAVIOURS_SAID = {
    "dark": "silence",
    "rendezvous": "a meeting",
    "loitering": "waiting",
    "position_anomaly": "a position in doubt",
    "gnss_area": "an area in which positions fail",
    "identity": "an identity in doubt",
    "zone": "crossing of a line or zone",
    "infra": "a deed at a cable or pipeline",
    "anomaly": "unusual motion",
    "port_visit": "a call at a port",
    "watchlist": "a hit on a watchlist",
}
SUBTYPES_SAID = {
    "candidate": "too short to count yet",
    "suspicious": "where others were heard",
    "within_range": "with a border within its reach",
    "reappeared": "that has ended",
    "ais_pair": "of two that both send",
    "under_way": "under way",
    "dark_partner": "with a partner that nobody heard",
    "jump": "a jump",
    "offset": "shifted from where the vessel must be",
    "on_land": "ashore",
    "circle": "circles that nobody steers",
    "geometry": "out of the receiver's reach",
    "simulated": "a track too smooth to be sailed",
    "dup_mmsi": "two vessels with one MMSI",
    "bad_mmsi": "an MMSI that nobody can have",
    "imo_conflict": "an IMO number of another vessel or of none",
    "static_change": "name or numbers changed at sea",
    "mmsi_handover": "one MMSI that goes on where another ends",
    "class_conflict": "messages that such a transmitter does not send",
    "enter": "entered",
    "exit": "left",
    "inside_last_known": "inside when last heard",
    "cross_line": "a line crossed",
    "inferred_cross": "a line crossed while nobody heard it",
    "approach": "headed into a zone",
    "speed": "speed",
    "course": "course",
    "place": "place",
    "displaced": "places are false",
    "lost": "no place at all",
    "over_cable": "stopped above it",
    "cable_approach": "slow and about to be above it",
    "anchor_drag": "anchor dragged",
    "confirmed_identifier": "by IMO number",
    "probable": "by MMSI, or by call sign and name",
    "name_only": "by name alone",
}
TRADES = (  # below this AIS type: ITU-R M.1371, table of ship types
    (20, "of no stated kind"), (30, "wing in ground"), (31, "fishing"), (33, "towing"), (34, "dredging or working under water"), (35, "diving"),
    (36, "military"), (37, "sailing"), (38, "a pleasure craft"), (40, "of no stated kind"), (50, "a fast craft"), (51, "a pilot"),
    (52, "for search and rescue"), (53, "a tug"), (54, "a port tender"), (55, "against pollution"), (56, "of the law"), (58, "of a local kind"),
    (59, "a medical transport"), (60, "not of a party to a conflict"), (70, "a passenger ship"), (80, "a cargo ship"), (90, "a tanker"),
    (1000, "of another kind"),
)  # fmt: skip


def slug(name: str) -> str:
    """'silent near the border' -> 'silent-near-the-border': a rule's name as one writes it on a command line."""
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")


def profile_text(profile: Profile) -> list[str]:
    """The whole profile: a head, the levels, then every rule, context and exclusion."""
    lines = [f"{profile.title} ({profile.name} {profile.version}), answered for by {profile.owner}{_validity(profile.valid_from, profile.valid_until)}."]
    lines += [profile.description] if profile.description else []
    limits = zip(("caution", "warning", "alarm"), msgspec.structs.astuple(profile.levels), strict=True)
    shown = ", ".join(f"{name} from {score_of_100(limit):g} of 100" for name, limit in limits)
    lines.append(f"A case about which nothing speaks stands at {score_of_100(milli(profile.base)):g} of 100. {shown[:1].upper()}{shown[1:]}.")
    budget = profile.budget
    lines.append(f"Alert budget: {number(budget.alerts_per_operator_hour)} new alerts an hour for each of {budget.operators} at the desk.")
    if profile.corroboration.weight:
        lines.append(f"{profile.corroboration.families_min} kinds of behaviour in one case add {number(profile.corroboration.weight)} once.")
    items: list[Rule | Context | Exclusion] = [*profile.rules, *profile.contexts, *profile.exclusions]
    return lines + [line for item in items for line in ("", *rule_text(profile, item))]


def rule_text(profile: Profile, item: Rule | Context | Exclusion) -> list[str]:
    """One rule, context or exclusion in a few sentences."""
    fits = "; ".join(_asks(item))
    if isinstance(item, Exclusion):
        return [f"{slug(item.name)}: never counts {fits}.", f"Why: {item.text}."]
    if isinstance(item, Context):
        lines = [f"{slug(item.name)}: a circumstance. Counts once in a case with {fits}.", f"Meaning: {item.text}.", f"Adds {number(item.weight)} (log-odds)."]
    else:
        family = profile.families[item.family]
        least = profile.min_confidence if item.min_confidence is None else item.min_confidence
        lines = [
            f"{slug(item.name)}: counts {fits}.",
            f"Adds up to {number(item.weight)} (log-odds), times the confidence"
            + (f" (nothing below {number(least)})" if least else "")
            + f"; with all of '{item.family}' together at most {number(family.cap)}.",
            f"When it is over it loses half of its points every {duration_text(family.half_life_h * 3600)}.",
        ]
        lines.append(_worth(profile, item))
    lines += [f"Not counted: {'; '.join(_asks(where))}." for where in item.unless]
    return lines


def _worth(profile: Profile, rule: Rule) -> str:
    """What comes of it when nothing else happens: without a circumstance, and in each that could go with it."""
    if rule.behaviours and rule.subtypes and {(kind, subtype) for kind in rule.behaviours for subtype in rule.subtypes} <= QUIET:
        return "It never changes a level, whatever else there is: a name alone is no evidence."
    alone = milli(profile.base) + min(milli(rule.weight), milli(profile.families[rule.family].cap))
    told = [f"{_level(profile, alone)} ({score_of_100(alone):g} of 100)"]
    for context in profile.contexts:
        apart = context.behaviours and rule.behaviours and not set(context.behaviours) & set(rule.behaviours)
        if not apart and not any(where.covers(rule) for where in context.unless):
            more = alone + milli(context.weight)
            told.append(f"in '{context.name}' {_level(profile, more)} ({score_of_100(more):g})")
    return f"By itself and fully sure: {', '.join(told)}."


def _level(profile: Profile, score_milli: int) -> str:
    """'a warning', or 'no alert'."""
    level = level_of(profile.levels, score_milli)
    return f"{'an' if level == 'alarm' else 'a'} {level}" if level else "no alert"


def _asks(where: Where) -> Iterator[str]:
    """Each criterion as a phrase."""
    what = _any(name.replace("_", " ") for name in where.behaviours)
    kinds = _any(name.replace("_", " ") for name in where.subtypes)
    yield f"{what or 'any behaviour'}{f' ({kinds})' if kinds else ''}{_that_is(where)}"
    if where.zone_kinds or where.zone_subkinds:
        yield f"in, near or across a zone of kind {_any([*where.zone_kinds, *where.zone_subkinds]).replace('_', ' ')}"
    if where.zone_ids:
        yield f"in, near or across {_any(where.zone_ids)}"
    if where.mids:
        yield f"a vessel with country digits {_any(map(str, where.mids))}"
    if where.ship_types:
        yield f"a vessel that says it is {_any(dict.fromkeys(_trade(one) for one in where.ship_types))} (AIS type {_numbers(where.ship_types)})"
    if where.loa_m_min is not None or where.loa_m_max is not None:
        low = "" if where.loa_m_min is None else f" at least {number(where.loa_m_min)} m"
        high = "" if where.loa_m_max is None else f" at most {number(where.loa_m_max)} m"
        yield f"a vessel of{' and'.join(part for part in (low, high) if part)} length"
    if where.watchlists:
        yield f"on watchlist {_any(where.watchlists)}"
    if where.hours_utc:
        yield f"between {where.hours_utc[0]:02d} and {where.hours_utc[1]:02d} h UTC"
    if where.weekdays:
        yield f"on {_any(where.weekdays)}"
    if where.months:
        yield f"in month {_any(map(str, where.months))}"
    for name, limit in where.at_least.items():
        yield f"{label(name)} at least {quantity(name, limit)}"
    for name, limit in where.at_most.items():
        yield f"{label(name)} at most {quantity(name, limit)}"
    if where.valid_from or where.valid_until:
        yield _validity(where.valid_from, where.valid_until).removeprefix(", ")


def _that_is(where: Where) -> str:
    """', that is silence: where others were heard or that has ended': the names of the rules in the words of the watch."""
    what = _any(BEHAVIOURS_SAID[name] for name in where.behaviours)
    kinds = _any(SUBTYPES_SAID[name] for name in where.subtypes)
    said = ": ".join(part for part in (what, kinds) if part)
    return f", that is {said}" if said else ""


def _trade(ship_type: int) -> str:
    return next(name for below, name in TRADES if ship_type < below)


def _numbers(found: list[int]) -> str:
    """'30, 36-37': runs of numbers as people write them."""
    runs: list[list[int]] = []
    for one in sorted(set(found)):
        if runs and one == runs[-1][-1] + 1:
            runs[-1].append(one)
        else:
            runs.append([one])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _validity(begin: str, end: str) -> str:
    return (f", valid from {begin}" if begin else "") + (f", valid until {end}" if end else "")


def _any(names: Iterable[str]) -> str:
    listed = list(names)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} or {listed[-1]}" if listed else ""
