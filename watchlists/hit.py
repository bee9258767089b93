"""A hit: one vessel against one entry, with what speaks for it and against it. May hold: the order of evidence, tiers, confidence. May not: search, score.

Theory. IMO over MMSI over call sign over name. An IMO number stays with a hull for life, so an equal one confirms and a different one, right
by its check digit, is strong evidence against: a namesake is then nobody, and where MMSI or call sign agree it is
no more than a name. An MMSI goes with the flag and is given to another ship later; it counts with the name or the call sign. A name alone
says little: namesakes are daily life, and such a hit never raises anything (risk/score.py). Confidence says how sure it is that the vessel
heard is the vessel listed, as far as its own broadcast goes; a vessel can broadcast another's number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from watchlists.entry import Entry
from watchlists.flags import flags_of_mmsi
from watchlists.names import likeness
from watchlists.values import imo_could_be, mmsi_could_be, sign_could_be

Tier = Literal["confirmed_identifier", "probable", "name_only"]
TIERS: tuple[Tier, ...] = ("name_only", "probable", "confirmed_identifier")  # in rising order
# How sure, by what is equal; further fields move name-only hits a little.
IMO_AND_NAME, IMO_FORMER_NAME, IMO_ALONE, IMO_OTHER_NAME = 0.98, 0.95, 0.9, 0.85
MMSI_AND_MORE, MMSI_ALONE, MMSI_OTHER_NAME = 0.9, 0.6, 0.4
SIGN_AND_NAME, SIGN_ALONE = 0.7, 0.4
NAME = {"equal": 0.5, "cut": 0.4, "former": 0.4, "near": 0.35}
FLAG_STEP, LENGTH_STEP, OTHER_SIGN_LESS = 0.1, 0.15, 0.1
NAME_ONLY_MIN, NAME_ONLY_MAX = 0.2, 0.7
CONFLICT = 0.2
LENGTH_SLACK_M, LENGTH_SLACK_SHARE = 10, 0.1


class Vessel(NamedTuple):
    """A vessel as it tells of itself; 0 and '' where it tells nothing that can be."""

    mmsi: int
    imo: int = 0
    callsign: str = ""
    name: str = ""
    loa_m: int = 0


class Field(NamedTuple):
    """One particular, told and listed. how: 'equal', 'cut', 'near', 'former' (agree so far), or 'other'."""

    name: str
    told: str
    listed: str
    how: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A vessel that may be a listed one. `conflict`: its IMO number is another ship's."""

    entry: Entry
    tier: Tier
    confidence: float
    matched: tuple[Field, ...]
    differs: tuple[Field, ...]
    conflict: bool

    @property
    def rank(self) -> tuple[bool, int, float]:
        """The better of two hits has the larger one."""
        return (not self.conflict, TIERS.index(self.tier), self.confidence)


def vessel_of(mmsi: int, imo: int, callsign: str, name: str, loa_m: int) -> Vessel:
    """A broadcast without what can be nobody's: wrong IMO numbers, MMSIs and call signs typed in for want of one."""
    return Vessel(mmsi if mmsi_could_be(mmsi) else 0, imo if imo_could_be(imo) else 0, sign_could_be(callsign), name, loa_m)


def judge(vessel: Vessel, entry: Entry) -> Hit | None:
    """Whether a vessel may be this entry's, and how sure; None where nothing that counts agrees."""
    other_hull = vessel.imo and entry.imos and vessel.imo not in entry.imos
    if other_hull and vessel.mmsi not in entry.mmsis and vessel.callsign not in entry.callsigns:
        return None  # most namesakes end here
    fields = [field for field in (_imo(vessel, entry), _mmsi(vessel, entry), _sign(vessel, entry), _name(vessel, entry)) if field is not None]
    how = {field.name: field.how for field in fields}
    fields += [field for field in (_flag(vessel, entry), _length(vessel, entry)) if field is not None]
    matched = tuple(field for field in fields if field.how != "other")
    differs = tuple(field for field in fields if field.how == "other")
    named, conflict = how.get("name", "unknown"), how.get("imo") == "other"
    verdict = _verdict(how, named, fields)
    if verdict is None:
        return None
    tier, confidence = verdict
    return Hit(entry, tier, round(confidence, 3), matched, differs, conflict)


def _verdict(how: dict[str, str], named: str, fields: list[Field]) -> tuple[Tier, float] | None:
    agrees, same_sign = named not in ("other", "unknown"), how.get("callsign") == "equal"
    same_mmsi = how.get("mmsi") == "equal"
    if how.get("imo") == "equal":
        if named == "former":
            return "confirmed_identifier", IMO_FORMER_NAME
        if agrees or same_mmsi:
            return "confirmed_identifier", IMO_AND_NAME
        return "confirmed_identifier", IMO_OTHER_NAME if named == "other" else IMO_ALONE
    if how.get("imo") == "other":
        return "name_only", CONFLICT
    if same_mmsi:
        if agrees or same_sign:
            return "probable", MMSI_AND_MORE
        return "probable", MMSI_OTHER_NAME if named == "other" else MMSI_ALONE
    if same_sign and agrees:
        return "probable", SIGN_AND_NAME
    if same_sign:
        return "name_only", SIGN_ALONE
    if not agrees:
        return None
    confidence = _of_name(named, fields)
    return ("name_only", min(NAME_ONLY_MAX, confidence)) if confidence >= NAME_ONLY_MIN else None


def _of_name(named: str, fields: list[Field]) -> float:
    """How sure a name alone makes, with flag, length and call sign beside it."""
    confidence = NAME[named]
    for field in fields:
        if field.name == "flag":
            confidence += -FLAG_STEP if field.how == "other" else FLAG_STEP if field.how == "equal" else 0.0
        elif field.name == "length":
            confidence += -LENGTH_STEP if field.how == "other" else LENGTH_STEP
        elif field.name == "callsign":
            confidence -= OTHER_SIGN_LESS
    return confidence


def _imo(vessel: Vessel, entry: Entry) -> Field | None:
    if not vessel.imo or not entry.imos:
        return None
    same = vessel.imo in entry.imos
    return Field("imo", str(vessel.imo), str(vessel.imo if same else entry.imos[0]), "equal" if same else "other")


def _mmsi(vessel: Vessel, entry: Entry) -> Field | None:
    if not vessel.mmsi or not entry.mmsis:
        return None
    same = vessel.mmsi in entry.mmsis
    return Field("mmsi", str(vessel.mmsi), str(vessel.mmsi if same else entry.mmsis[0]), "equal" if same else "other")


def _sign(vessel: Vessel, entry: Entry) -> Field | None:
    if not vessel.callsign or not entry.callsigns:
        return None
    same = vessel.callsign in entry.callsigns
    return Field("callsign", vessel.callsign, vessel.callsign if same else entry.callsigns[0], "equal" if same else "other")


def _name(vessel: Vessel, entry: Entry) -> Field | None:
    """The best likeness over all names; a former one agrees less."""
    if not vessel.name:
        return None
    loose = bool(vessel.imo and vessel.imo in entry.imos) or bool(vessel.mmsi and vessel.mmsi in entry.mmsis)
    best: Field | None = None
    for names, former in ((entry.names, False), (entry.former, True)):
        for listed in names:
            how = likeness(vessel.name, listed, loose=loose)
            if how == "unknown":
                continue
            found = Field("name", vessel.name, listed, "former" if former and how != "other" else how)
            if best is None or _ORDER.index(found.how) > _ORDER.index(best.how):
                best = found
    return best


_ORDER = ("other", "former", "near", "cut", "equal")


def _flag(vessel: Vessel, entry: Entry) -> Field | None:
    told = flags_of_mmsi(vessel.mmsi)
    if not told or not (entry.flags or entry.former_flags):
        return None
    for listed, how in ((entry.flags, "equal"), (entry.former_flags, "former")):
        if same := [code for code in told if code in listed]:
            return Field("flag", same[0], same[0], how)
    return Field("flag", told[0], entry.flags[0], "other") if entry.flags else None


def _length(vessel: Vessel, entry: Entry) -> Field | None:
    if not vessel.loa_m or not entry.length_m:
        return None
    near = abs(vessel.loa_m - entry.length_m) <= max(LENGTH_SLACK_M, LENGTH_SLACK_SHARE * entry.length_m)
    return Field("length", f"{vessel.loa_m} m", f"{entry.length_m} m", "near" if near else "other")
