"""The score of a case: additive log-odds in whole milli-logits. May live here: points, caps, decay, levels, the counterfactual.

May not: words (risk/explain.py), what belongs to a case (risk/cases.py), any memory. `assess` is a function of the
profile and of the events that live now, of nothing else: so taking an event back restores the earlier score exactly,
and no order of arrival can leave a trace.

    score = base + sum over families min(cap, sum over episodes max(weight * confidence * decay)) + contexts + corroboration + odd

- Decay: an event that is over loses half of its points each half-life, by event time: `as_of` is the newest detection
  among the living events of the case, never a clock.
- Episode: what is one deed seen twice counts once. Loitering that lies inside a rendezvous of the same vessel, and a
  crossing inferred from a dark period, are absorbed: the strongest of the episode carries its points, in the family of
  the absorbing event; the others are listed with none. Who absorbs whom depends on type, vessels and time, never on
  confidence: otherwise a detector that grows surer could lower a score.
- Cap: members of a family over its cap show proportional shares, rounded by largest remainder, so that the points still
  sum exactly.
- Confidence below the minimum: listed, no points, no context.
- Quiet: what never escalates (a watchlist hit by name alone: namesakes are daily life) adds its points behind the others of its family, but
  no context and no corroboration, and the level is that of the score without it.
- Odd: a model of normal traffic (risk/normality.py), where one is loaded, adds for the oddest motion that the counted events state, by its rank among
  vessels that were kept out of the fit; never more than 15 % of what it and the behaviours add together, so that nothing comes of it alone.
- Lent: what stands as long as it stands (a watchlist hit) counts in every case of its vessel, without moving `as_of`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from dogwatch.alerts import Level
from dogwatch.events import Event
from risk.normality import Normality, Oddity
from risk.profile import Context, Levels, Profile, Rule

ABSORBED_BY = {("loitering", ""): "rendezvous", ("zone", "inferred_cross"): "dark"}  # (type, subtype or any) -> type that explains it
QUIET = frozenset({("watchlist", "name_only")})  # (type, subtype) that never escalate
COVER_SHARE_MIN = 0.5  # share of the absorbed event's time that the absorbing one must cover
ODD_WEIGHT = 0.5  # log-odds of the oddest motion there is
ODD_FROM = 0.95  # motion that is less odd than that of one vessel in twenty adds nothing
ODD_PERCENT_MAX = 15  # of all that behaviours and oddness add
ODD_HALF_LIFE_MS = 24 * 3_600_000
DECAY_DIGITS = 9  # rounded, so that C libraries that differ in the last bit agree


@dataclass(slots=True)
class Line:
    """One event in a score. `points` after cap and absorption; `raw` before; `head` the event whose episode it belongs to."""

    event: Event
    rule: Rule
    family: str
    head: str
    raw: int
    points: int
    counted: bool  # confidence reaches the minimum
    age_ms: int

    @property
    def quiet(self) -> bool:
        """Whether it is of a kind that never escalates."""
        return (self.event.type, self.event.subtype) in QUIET

    @property
    def speaks(self) -> bool:
        """Whether it counts for contexts and corroboration."""
        return self.counted and not self.quiet


@dataclass(slots=True)
class Card:
    """A score with its parts: `base + contexts + corroboration + lines + odd_points` sum exactly to `score_milli`."""

    base: int
    contexts: list[tuple[Context, int]]
    corroboration: int
    lines: list[Line]  # strongest first
    score_milli: int
    level: Level | None
    model: str = ""  # content hash of the model of normal traffic; '' without one
    odd: Oddity | None = None  # the motion that it points at
    odd_points: int = 0


Judged = dict[str, tuple[Rule, list[Context]]]  # event id -> the rule by which it counts, the contexts that it meets


def judge(profile: Profile, live: list[Event]) -> Judged:
    """What the profile says of each event by itself. Every event must meet a rule."""
    found: Judged = {}
    for event in live:
        rule = profile.rule_for(event)
        assert rule is not None, "a live event meets a rule"
        found[event.event_id] = (rule, [context for context in profile.contexts if context.met(event)])
    return found


def assess(profile: Profile, live: list[Event], judged: Judged | None = None, as_of_ms: int | None = None, normality: Normality | None = None) -> Card:
    """Score the living events of one case; their order does not matter. `judged` saves judging them again; `as_of_ms`: of the case's own events."""
    live = sorted(live, key=lambda event: event.event_id)
    judged = judge(profile, live) if judged is None else judged
    lines = _lines(profile, live, judged, max((event.t_detected for event in live), default=0) if as_of_ms is None else as_of_ms)
    families: dict[str, list[Line]] = {}
    for line in lines:
        families.setdefault(line.family, []).append(line)
    for name, members in families.items():
        room = milli(profile.families[name].cap)
        for part in ([line for line in members if not line.quiet], [line for line in members if line.quiet]):
            shares = cap_shares([line.points for line in part], room)
            for line, share in zip(part, shares, strict=True):
                line.points = share
            room -= sum(shares)
    contexts = _contexts(profile, [context for line in lines if line.speaks for context in judged[line.event.event_id][1]])
    kinds = {line.family for line in lines if line.speaks}
    corroboration = milli(profile.corroboration.weight) if len(kinds) >= profile.corroboration.families_min else 0
    base = milli(profile.base)
    odd, odd_points = _odd(normality, lines)
    score = base + sum(points for _, points in contexts) + corroboration + sum(line.points for line in lines) + odd_points
    lines.sort(key=lambda line: (-line.points, -line.raw, line.event.event_id))
    loud = score - sum(line.points for line in lines if line.quiet)
    model = normality.content_hash if normality is not None else ""
    return Card(base, contexts, corroboration, lines, score, level_of(profile.levels, loud), model, odd, odd_points)


def level_of(levels: Levels, score_milli: int) -> Level | None:
    """The level that a score reaches, None below caution. No score reaches 'emergency'."""
    if score_milli >= levels.alarm_milli:
        return "alarm"
    if score_milli >= levels.warning_milli:
        return "warning"
    return "caution" if score_milli >= levels.caution_milli else None


def score_of_100(score_milli: int) -> float:
    """The score as people read it: the logistic of the log-odds, 0-100, one decimal."""
    return round(100 / (1 + math.exp(-score_milli / 1000)), 1)


def milli(log_odds: float) -> int:
    """Log-odds in whole milli-logits, halves upwards (round() would send them to the even neighbour: not monotone in steps of one)."""
    return math.floor(1000 * log_odds + 0.5)


def cap_shares(points: list[int], cap: int) -> list[int]:
    """Shares of points (all >= 0) that sum to min(cap, their sum): proportional, rounded by largest remainder, ties to the earlier."""
    total = sum(points)
    if total <= cap:
        return list(points)
    shares = [value * cap // total for value in points]
    remainders = [value * cap % total for value in points]
    for index in sorted(range(len(points)), key=lambda i: (-remainders[i], i))[: cap - sum(shares)]:
        shares[index] += 1
    return shares


def counterfactual(
    profile: Profile, live: list[Event], card: Card, as_of_ms: int | None = None, normality: Normality | None = None
) -> tuple[Event, Card] | None:
    """The one observation without which the level would be lower, with the score then; the costliest if several would do.

    An observation is a whole episode: taking away a rendezvous takes the waiting inside it along.
    """
    best: tuple[Event, Card] | None = None
    judged = judge(profile, live)
    for line in (line for line in card.lines if line.points):
        episode = {other.event.event_id for other in card.lines if other.head == line.head}
        without = assess(profile, [event for event in live if event.event_id not in episode], judged, as_of_ms, normality)
        if without.level != card.level and (best is None or without.score_milli < best[1].score_milli):
            best = (line.event, without)
    return best


def _odd(normality: Normality | None, lines: list[Line]) -> tuple[Oddity | None, int]:
    """The motion that the model finds oddest among the events that count, with its points; (None, 0) where it says nothing."""
    if normality is None:
        return None, 0
    best: tuple[float, float, str, Oddity] | None = None
    for line in lines:
        oddity = normality.oddest(line.event) if line.speaks else None
        if oddity is not None:
            strength = max(0.0, oddity.quantile - ODD_FROM) / (1 - ODD_FROM) * round(0.5 ** (line.age_ms / ODD_HALF_LIFE_MS), DECAY_DIGITS)
            if best is None or (strength, oddity.quantile, oddity.event_id) > best[:3]:
                best = (strength, oddity.quantile, oddity.event_id, oddity)
    if best is None:
        return None, 0
    room = sum(line.points for line in lines if not line.quiet) * ODD_PERCENT_MAX // (100 - ODD_PERCENT_MAX)
    return best[3], min(milli(ODD_WEIGHT * best[0]), room)


def _contexts(profile: Profile, met: list[Context]) -> list[tuple[Context, int]]:
    """The contexts that apply, with their points; of one group only the heaviest (the first of equals)."""
    names, found = {context.name for context in met}, dict[str, Context]()
    for context in profile.contexts:
        group = context.group or context.name
        if context.name in names and (group not in found or context.weight > found[group].weight):
            found[group] = context
    return [(context, milli(context.weight)) for context in found.values()]


def _lines(profile: Profile, live: list[Event], judged: Judged, as_of_ms: int) -> list[Line]:
    """A line per event, points set by episode (the strongest carries all), not yet by cap."""
    lines = []
    for event in live:
        rule, head = judged[event.event_id][0], _head(event, live, as_of_ms).event_id
        age_ms = 0 if event.state == "open" else max(0, as_of_ms - _end_ms(event, as_of_ms))
        raw, counted = _raw_points(profile, rule, event, age_ms)
        lines.append(Line(event, rule, judged[head][0].family, head, raw, 0, counted, age_ms))
    strongest: dict[str, Line] = {}
    for line in lines:
        if line.head not in strongest or line.raw > strongest[line.head].raw:
            strongest[line.head] = line
    for line in strongest.values():
        line.points = line.raw
    return lines


def _raw_points(profile: Profile, rule: Rule, event: Event, age_ms: int) -> tuple[int, bool]:
    minimum = profile.min_confidence if rule.min_confidence is None else rule.min_confidence
    if event.confidence < minimum:
        return 0, False
    half_life_ms = profile.families[rule.family].half_life_h * 3_600_000
    decay = round(0.5 ** (age_ms / half_life_ms), DECAY_DIGITS)
    return milli(rule.weight * min(1.0, max(0.0, event.confidence)) * decay), True


def _head(event: Event, live: list[Event], as_of_ms: int) -> Event:
    """The event that absorbs this one, or itself."""
    wanted = ABSORBED_BY.get((event.type, event.subtype)) or ABSORBED_BY.get((event.type, ""))
    if wanted is None:
        return event
    duration_ms = max(1, _end_ms(event, as_of_ms) - event.t_start)
    best, best_cover_ms = event, 0
    for other in live:
        if other.type != wanted or not set(other.mmsi) & set(event.mmsi):
            continue
        cover_ms = min(_end_ms(event, as_of_ms), _end_ms(other, as_of_ms)) - max(event.t_start, other.t_start)
        if cover_ms >= COVER_SHARE_MIN * duration_ms and cover_ms > best_cover_ms:
            best, best_cover_ms = other, cover_ms
    return best


def _end_ms(event: Event, as_of_ms: int) -> int:
    return as_of_ms if event.t_end is None else event.t_end
