"""The slow, obvious twin of risk/score.py: exact fractions, one formula, no shared code with it but the profile."""

from __future__ import annotations

from fractions import Fraction

from dogwatch.events import Event
from risk.profile import Profile


def naive_score(profile: Profile, live: list[Event]) -> float:
    """The score in log-odds, without rounding to points (so within half a milli per event of the real one)."""
    as_of = max(event.t_detected for event in live)
    sums: dict[str, Fraction] = {}
    counted = []
    for event in live:
        head = head_of(event, live, as_of)
        if head is not event:
            continue
        episode = [other for other in live if head_of(other, live, as_of) is head]
        family = profile.rule_for(head).family
        sums[family] = sums.get(family, Fraction(0)) + max(value(profile, member, as_of) for member in episode)
        counted += [(member, family) for member in episode if member.confidence >= profile.min_confidence]
    total = Fraction(profile.base) + sum(min(Fraction(profile.families[name].cap), subtotal) for name, subtotal in sums.items())
    total += sum(Fraction(context.weight) for context in profile.contexts if any(context.met(event) for event, _ in counted))
    if len({family for _, family in counted}) >= profile.corroboration.families_min:
        total += Fraction(profile.corroboration.weight)
    return float(total)


def head_of(event: Event, live: list[Event], as_of: int) -> Event:
    """Loitering at least half covered by a rendezvous of the same vessel belongs to it."""
    if event.type != "loitering":
        return event
    end = as_of if event.t_end is None else event.t_end
    best, best_cover = event, 0
    for other in sorted(live, key=lambda other: other.event_id):
        if other.type == "rendezvous" and set(other.mmsi) & set(event.mmsi):
            cover = min(end, as_of if other.t_end is None else other.t_end) - max(event.t_start, other.t_start)
            if 2 * cover >= max(1, end - event.t_start) and cover > best_cover:
                best, best_cover = other, cover
    return best


def value(profile: Profile, event: Event, as_of: int) -> Fraction:
    """weight * confidence * decay of one event."""
    if event.confidence < profile.min_confidence:
        return Fraction(0)
    rule = profile.rule_for(event)
    age_h = 0.0 if event.state == "open" else max(0, as_of - event.t_end) / 3_600_000
    return Fraction(rule.weight) * Fraction(event.confidence) * Fraction(2.0 ** -(age_h / profile.families[rule.family].half_life_h))
