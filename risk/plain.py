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
from risk.score import milli, score_of_100
from risk.words import label, number, quantity


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
        lines = [f"{slug(item.name)}: a circumstance. Counts once in a case with {fits}.", f"Meaning: {item.text}.", f"Adds {number(item.weight)} log-odds."]
    else:
        family = profile.families[item.family]
        least = profile.min_confidence if item.min_confidence is None else item.min_confidence
        lines = [
            f"{slug(item.name)}: counts {fits}.",
            f"Adds up to {number(item.weight)} log-odds, times the confidence"
            + (f" (nothing below {number(least)})" if least else "")
            + f"; with all of '{item.family}' together at most {number(family.cap)}.",
            f"When it is over it loses half of its points every {duration_text(family.half_life_h * 3600)}.",
        ]
        alone = milli(profile.base) + min(milli(item.weight), milli(family.cap))
        lines.append(f"Alone, fully sure and in no circumstance, a case then stands at {score_of_100(alone):g} of 100.")
    lines += [f"Not counted: {'; '.join(_asks(where))}." for where in item.unless]
    return lines


def _asks(where: Where) -> Iterator[str]:
    """Each criterion as a phrase."""
    what = _any(name.replace("_", " ") for name in where.behaviours)
    kinds = _any(name.replace("_", " ") for name in where.subtypes)
    yield f"{what or 'any behaviour'}{f' ({kinds})' if kinds else ''}"
    if where.zone_kinds or where.zone_subkinds:
        yield f"in, near or across a zone of kind {_any([*where.zone_kinds, *where.zone_subkinds]).replace('_', ' ')}"
    if where.zone_ids:
        yield f"in, near or across {_any(where.zone_ids)}"
    if where.mids:
        yield f"a vessel with country digits {_any(map(str, where.mids))}"
    if where.ship_types:
        yield f"a vessel of AIS type {_any(map(str, where.ship_types))}"
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


def _validity(begin: str, end: str) -> str:
    return (f", valid from {begin}" if begin else "") + (f", valid until {end}" if end else "")


def _any(names: Iterable[str]) -> str:
    listed = list(names)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} or {listed[-1]}" if listed else ""
