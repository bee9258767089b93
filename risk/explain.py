"""What an alert says: headline, explanation, innocent explanations, counterfactual. May live here: sentences for the watch.

May not: points or grouping. The words state what was observed against which threshold, what was tested and did not
explain it, and what innocent reasons remain. They never say what a vessel meant to do: risk is not guilt. Nothing here
names a person; vessels are named by MMSI, which the reader can check.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from dogwatch.alerts import Contribution, marked
from dogwatch.events import Event, Evidence
from dogwatch.times import clock_text, duration_text
from risk.cases import Record
from risk.criteria import reading
from risk.profile import Profile
from risk.score import ODD_FROM, Card, Line, score_of_100
from risk.words import NOTHING_FOUND, condition, exclusion, label, number, plain_reason, quantity, tested

BELT_NM = 12.0  # the default border is the outer limit of the 12-mile belt
COAST_CAP_NM = 60.0  # the geography measures no farther than this
LINE_SLACK_NM = 0.15  # rounding of the two distances that must agree before the line is named
NOT_GUILT = "This is what was observed, not what was meant: risk is not guilt, and a person decides."
KEY_EVIDENCE = {
    "dark": ("gap_s", "silence_s", "p_silence"),
    "rendezvous": ("duration_s", "distance_m_median"),
    "loitering": ("duration_s",),
    "position_anomaly": ("implied_kn", "jump_nm", "turns", "receiver_distance_nm"),
    "identity": ("distance_nm", "overlap_s"),
    "zone": ("gap_s",),
    "infra": ("distance_nm", "duration_s"),
    "watchlist": ("imo", "mmsi", "callsign", "name"),
}
INNOCENT = {
    "dark": [
        "transmitter or antenna fault, or power saved in port approach",
        "shadow of land or of a larger hull, or radio conditions that ended",
        "AIS switched off lawfully by the master because of a threat (IMO resolution A.917(22) as amended)",
    ],
    "rendezvous": [
        "crew change, pilot, supplies, spare parts or bunkering",
        "help for a vessel in difficulty",
        "fishing vessels that work together",
        "two vessels that wait for the same berth, or a position error of one of them",
    ],
    "loitering": [
        "waiting for a berth, for orders or for daylight",
        "repairs, or engine trouble",
        "fishing, survey or work at sea",
        "heaving-to in bad weather, or an anchorage that is not on the map",
    ],
    "position_anomaly": [
        "interference with satellite navigation from outside: the vessel is then a victim, not a suspect",
        "a faulty receiver or antenna on board, or reports that were stored and came late",
        "two vessels with one number by mistake",
    ],
    "identity": [
        "a typing error, or a transponder set up wrongly after a refit",
        "a number used again after a sale or a change of flag",
        "a transponder of one vessel lent to another, a spare set, or a fleet on one number by ignorance",
    ],
    "zone": [
        "innocent passage, or shelter from weather",
        "a line on the map that is coarser than the one at sea",
        "a poor place for reception rather than a silence",
    ],
    "infra": [
        "engine trouble, or an anchor let go in an emergency",
        "work on the cable itself, survey, pilotage or waiting",
        "current or wind that slows the vessel",
    ],
    "watchlist": [
        "a namesake, or a number typed wrongly on board",
        "an MMSI or a call sign given to another ship after a sale or a change of flag",
        "another vessel that broadcasts the particulars of the listed one",
        "an old entry, or one about the time before a sale",
    ],
}
INNOCENT_OTHER = ["an error of the sender's equipment or of the reception"]

OTHERS_TOLD_MAX = 2  # in a headline: beyond that it is no longer read at a glance
EVENTS_TOLD_MAX = 5  # in an explanation: the others stand among the contributions


def headline(lines: list[Line], *, exercise: bool) -> str:
    """One sentence: the strongest event with its place and vessels, then what else counts in the case. `lines` strongest first."""
    lead = lines[0].event
    text = f"{_phrase(lead)}{_comma(_place(lead))}: {_vessels(lead)}"
    if lead.type == "dark":
        text += f", last seen {clock_text(lead.t_start)}"
    others = list(dict.fromkeys(_lower(_phrase(line.event)) + _with(line.event, lead) for line in lines[1:] if line.points))
    if others:
        text += "; also: " + "; ".join(others[:OTHERS_TOLD_MAX])
    if len(others) > OTHERS_TOLD_MAX:
        text += f"; and {len(others) - OTHERS_TOLD_MAX} more"
    return marked(text, exercise=exercise)


def explanation(profile: Profile, card: Card, gone: list[Record]) -> str:
    """Paragraphs, one per line: each event with its conditions, what was tested, the data, and the sum."""
    paragraphs = [paragraph for line in card.lines[:EVENTS_TOLD_MAX] for paragraph in _event_paragraphs(line)]
    if len(card.lines) > EVENTS_TOLD_MAX:
        paragraphs.append(f"{len(card.lines) - EVENTS_TOLD_MAX} further events of this case stand among the contributions.")
    for record in gone:
        reason = plain_reason(record.event.reason) or "no longer counted"
        paragraphs.append(f"Withdrawn: {_lower(_phrase(record.event))} from {clock_text(record.event.t_start)} ({reason}); it adds nothing to the score.")
    paragraphs.append(f"Score {score_of_100(card.score_milli):g} of 100 by profile '{profile.title}': {card.level or 'no alert'} ({_steps(profile)}).")
    paragraphs.append(NOT_GUILT)
    return "\n".join(paragraphs)


def _steps(profile: Profile) -> str:
    """Where each level begins, because 24 of 100 looks like little."""
    limits = zip(("caution", "warning", "alarm"), msgspec.structs.astuple(profile.levels), strict=True)
    return ", ".join(f"{name} from {score_of_100(limit):g}" for name, limit in limits)


def innocent(lines: list[Line]) -> list[str]:
    """Innocent explanations that the data do not exclude, each once, in the order of the events."""
    found: dict[str, None] = {}
    for line in lines:
        for text in INNOCENT.get(line.event.type, INNOCENT_OTHER):
            found[text] = None
    return list(found)


def counterfactual_text(card: Card, decisive: tuple[Event, Card] | None) -> str:
    """Which single observation decides, and what the case would be without it."""
    if decisive is None:
        return f"No single observation decides: without any one of them this would still be {_article(card.level or 'no alert')}."
    event, without = decisive
    rest = _article(without.level) if without.level else "below any alert"
    return (
        f"Without '{_lower(_phrase(event))}' this would be {rest} (score {score_of_100(without.score_milli):g} instead of {score_of_100(card.score_milli):g})."
    )


def contributions(profile: Profile, card: Card) -> list[Contribution]:
    """The summands of the score, base, contexts and normality first; their points sum exactly to `score_milli`."""
    rows = [base_contribution(card.base)]
    rows += [Contribution(f"context: {context.name}", points, text=context.text) for context, points in card.contexts]
    if card.corroboration:
        kinds = sorted({line.family for line in card.lines if line.speaks})
        rows.append(Contribution("context: corroboration", card.corroboration, text=f"behaviours of {len(kinds)} kinds in one case: {', '.join(kinds)}"))
    rows.append(_normality_contribution(card))
    for line in card.lines:
        key = _key_evidence(line.event)
        rows.append(
            Contribution(
                name=f"{line.event.type} {line.event.subtype}".strip(),
                points=line.points,
                event_id=line.event.event_id,
                observed=key.observed if key else None,
                threshold=key.threshold if key else None,
                text=_contribution_text(profile, line, key),
            )
        )
    assert sum(row.points for row in rows) == card.score_milli, "points sum exactly to the score"
    return rows


def _normality_contribution(card: Card) -> Contribution:
    """What the model of normal traffic adds, or why it adds nothing: never left out, so that nobody takes its silence for a finding."""
    if not card.model:
        return Contribution("normality", 0, text="no model of normal traffic is loaded: nothing is added")
    if card.odd is None:
        return Contribution("normality", 0, text=f"model {card.model} knows too little of this place, or the events state no motion: nothing is added")
    odd = card.odd
    text = f"{odd.kind} of {odd.mmsi} there, against vessels of its kind and size (model {card.model})"
    text += "; at most 15 % of what is added, and never an alert by itself" if card.odd_points else "; not odd, or long over: nothing is added"
    return Contribution("normality", card.odd_points, odd.event_id, round(odd.quantile, 3), ODD_FROM, text)


def base_contribution(points: int) -> Contribution:
    """The summand that every case starts with."""
    return Contribution("base", points, text="where every case starts in this profile")


def _contribution_text(profile: Profile, line: Line, key: Evidence | None) -> str:
    text = f"{_phrase(line.event)} by rule {line.event.rule} {line.event.rule_version}, confidence {number(line.event.confidence)}"
    if key is not None:
        text += f": {condition(key)}"
    if not line.counted:
        return text + "; not counted, the confidence is below the profile's minimum"
    if line.quiet:
        text += "; a name alone changes no level, brings no context and corroborates nothing"
    if line.points == line.raw:
        return text + (f"; over for {duration_text(line.age_ms / 1000)}" if line.age_ms else "")
    if line.points == 0 and line.raw:
        return text + "; part of an episode that is already counted"
    return text + f"; its share, because '{line.family}' adds at most {number(profile.families[line.family].cap)} log-odds"


def _event_paragraphs(line: Line) -> list[str]:
    event = line.event
    facts = "; ".join(condition(item) for item in event.evidence) or "no conditions stated"
    until = f" to {clock_text(event.t_end)}" if event.t_end is not None else ", still going on"
    rows = [
        f"{_phrase(event)} (from {clock_text(event.t_start)}{until}; rule {event.rule} {event.rule_version}, confidence {number(event.confidence)}): {facts}."
    ]
    looked = [tested(item.name) for item in event.exclusions if item.effect == "none" and item.result in NOTHING_FOUND]
    rest = [exclusion(item) for item in event.exclusions if item.effect == "none" and item.result not in NOTHING_FOUND]
    doubts = [exclusion(item) for item in event.exclusions if item.effect != "none"]
    if rest:
        rows.append("Tested and no reason to dismiss: " + "; ".join(rest) + ".")
    if looked:
        rows.append("Looked for and not found: " + ", ".join(looked) + ".")
    if doubts:
        rows.append("Casts doubt, and lowers the confidence: " + "; ".join(doubts) + ".")
    rows.append(_data_sentence(event))
    return rows


def _data_sentence(event: Event) -> str:
    """What the judgement rests on: coverage first, because silence means nothing where nobody would be heard."""
    coverage = reading(event, "coverage_p")
    if coverage is None:
        coverage_value = event.quality.get("coverage_p")
        coverage = coverage_value if isinstance(coverage_value, int | float) else None
    parts = ["coverage there not stated" if coverage is None else f"of the reports sent there {coverage:.0%} are normally heard"]
    parts += [f"{label(name)} {quantity(name, value)}" for name, value in event.quality.items() if name != "coverage_p" and value is not None]
    return "Data: " + "; ".join(parts) + "."


def _key_evidence(event: Event) -> Evidence | None:
    for name in KEY_EVIDENCE.get(event.type, ()):
        for item in event.evidence:
            if item.name == name:
                return item
    return event.evidence[0] if event.evidence else None


def _phrase(event: Event) -> str:
    """'Silent for 41 min where others were heard': the behaviour in a few words, without place and vessel."""
    return PHRASES.get(event.type, _other_phrase)(event)


def _lasting(event: Event, *names: str) -> str:
    seconds = next((value for name in names if (value := reading(event, name)) is not None), None)
    if seconds is None:
        seconds = ((event.t_detected if event.t_end is None else event.t_end) - event.t_start) / 1000
    return duration_text(max(0.0, seconds))


def _dark_phrase(event: Event) -> str:
    again = ", then heard again" if event.subtype == "reappeared" else " where others were heard"
    return f"Silent for {_lasting(event, 'gap_s', 'silence_s')}{again}"


def _rendezvous_phrase(event: Event) -> str:
    lasting = _lasting(event, "duration_s")
    if event.subtype == "dark_partner":
        return f"Slowed down for {lasting} as if to meet a partner that nobody heard"
    return f"Two vessels close together {'under way' if event.subtype == 'under_way' else 'and slow'} for {lasting}"


def _loitering_phrase(event: Event) -> str:
    return f"Slow without progress for {_lasting(event, 'duration_s')}"


POSITION_PHRASES = {
    "jump": "Position jumped farther than the vessel can sail",
    "circle": "Position runs in circles that the vessel does not steer",
    "on_land": "Position on land",
    "offset": "Position shifted from where the vessel must be",
    "geometry": "Position beyond the reach of the receiver that heard it",
    "simulated": "Track too smooth to be sailed",
}
IDENTITY_PHRASES = {
    "dup_mmsi": "Two vessels send one MMSI",
    "bad_mmsi": "MMSI that nobody can have been given",
    "imo_conflict": "IMO number of another vessel or of none",
    "static_change": "Identity changed at sea",
    "mmsi_handover": "One MMSI falls silent and another begins at the same place",
    "class_conflict": "Messages that this kind of transmitter does not send",
}
ZONE_PHRASES = {
    "enter": "Entered a zone",
    "exit": "Left a zone",
    "cross_line": "Crossed a line",
    "inferred_cross": "Crossed a line while nobody heard it",
    "approach": "Heads for a line or zone",
}
INFRA_PHRASES = {
    "anchor_drag": "Drags its anchor near a cable or pipeline",
    "over_cable": "Stopped over a cable or pipeline",
    "cable_approach": "Slow and about to be over a cable or pipeline",
}


def _watchlist_phrase(event: Event) -> str:
    """The list with its version, the entry, what agrees and what does not: a watchlist hit is never told without them."""
    told = event.measures
    what = {"confirmed_identifier": "On watchlist", "probable": "Probably on watchlist"}.get(event.subtype, "Named like an entry of watchlist")
    matched, differs = (", ".join(label(name) for name in str(told.get(which) or "").split(", ") if name) for which in ("matched", "differs"))
    against = f"; against it: {differs}" if differs else ""
    dated = f" of {told['list_from']}" if told.get("list_from") else ""
    return f"{what} {told.get('list')} (version {told.get('list_version')}{dated}, entry {told.get('entry')}, by {matched}{against})"


def _phrase_of(table: dict[str, str]) -> Callable[[Event], str]:
    return lambda event: table.get(event.subtype) or _other_phrase(event)


def _other_phrase(event: Event) -> str:
    text = f"{event.type} {event.subtype}".replace("_", " ").strip()
    return text[:1].upper() + text[1:]


PHRASES: dict[str, Callable[[Event], str]] = {
    "dark": _dark_phrase,
    "rendezvous": _rendezvous_phrase,
    "loitering": _loitering_phrase,
    "position_anomaly": _phrase_of(POSITION_PHRASES),
    "identity": _phrase_of(IDENTITY_PHRASES),
    "zone": _phrase_of(ZONE_PHRASES),
    "infra": _phrase_of(INFRA_PHRASES),
    "watchlist": _watchlist_phrase,
}


def _place(event: Event) -> str:
    """'3.2 nm from the 12-mile line', 'inside the 12-mile belt, 7.9 nm off the coast', or nothing where no distance is stated.

    A deed at a cable is told by the corridor as it is drawn: which one it is decides who is called. So is a crossing by
    its line or zone, and whatever happens inside a drawn area (a reserve, a wind farm) by that area.
    """
    if event.type == "infra" and (corridors := [zone.id for zone in event.zones if zone.kind == "corridor"]):
        return f"at {corridors[0]}"
    coast = reading(event, "coast_distance_nm")
    off = "" if coast is None else f"more than {COAST_CAP_NM:g} nm off the coast" if coast >= COAST_CAP_NM else f"{number(round(coast, 1))} nm off the coast"
    if event.type == "zone" and event.zones:
        line = event.zones[0]
        return f"{number(round(line.distance_nm, 1))} nm from {line.id}" if line.distance_nm else line.id + _comma(off)
    area = next((f"in {zone.id}" for zone in event.zones if zone.kind == "area" and zone.relation == "inside"), "")
    return area + (_comma(off) if area else _seaward(event, coast, off))


def _seaward(event: Event, coast: float | None, off: str) -> str:
    """How a place stands to the nearest border or watch zone, or off the coast where that tells more."""
    watch = reading(event, "watch_distance_nm")
    if watch is None or (watch > 0 and coast is not None and coast >= COAST_CAP_NM):
        return off
    if watch > 0:
        is_belt = coast is not None and abs(max(0.0, coast - BELT_NM) - watch) <= LINE_SLACK_NM
        line = f"the {BELT_NM:g}-mile line" if is_belt else "the nearest border or watch zone"
        return f"{number(round(watch, 1))} nm from {line}"
    where = "inside a border or watch zone" if coast is None or coast > BELT_NM else f"inside the {BELT_NM:g}-mile belt"
    return f"{where}, {off}" if event.type == "dark" and off else off or where


def _vessels(event: Event) -> str:
    if not event.mmsi:
        return "no vessel named"
    names = [f"{mmsi:09d}" for mmsi in event.mmsi]
    return f"MMSI {names[0]}" if len(names) == 1 else f"MMSI {', '.join(names[:-1])} and {names[-1]}"


def _with(event: Event, lead: Event) -> str:
    """The vessels of an event that the headline has not named yet."""
    fresh = msgspec.structs.replace(event.whole(), mmsi=[mmsi for mmsi in event.mmsi if mmsi not in lead.mmsi])
    return f" ({_vessels(fresh)})" if fresh.mmsi else ""


def _lower(text: str) -> str:
    """The first letter small, but for what is written in capitals: 'MMSI', 'IMO'."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _comma(text: str) -> str:
    return f", {text}" if text else ""


def _article(level: str) -> str:
    return level if level == "no alert" else f"{'an' if level == 'alarm' else 'a'} {level}"
