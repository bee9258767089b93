"""Scenes of identity: who a ship says it is, when that is not so, and honest changes that look alike. May hold: clones, changed and broken particulars.

Nothing new is on the air: a set is a set. Two sets with one number are two ships or one (`Ship.hull`); a set that takes over where another
falls silent, on the same plan, is the same ship under another identity.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from dogwatch.geo import NM_M, great_circle_m
from sim.area import place_at
from sim.identity import Identity, imo_number
from sim.motion import Plan, offset
from sim.scene import TRIES, Behaviour, Fact, Range, Scene, Stage, Underway, any_flag, moored_place, pick
from sim.sea import Point
from sim.ship import BASE, CLASS_A, CLASS_B, NAV_MOORED, Ship

TOLD_S = 360.0  # particulars are sent every six minutes: by then a change has been told
DARK_S = 900.0  # a silence that long is a dark period as well
UNALLOTTED = (*range(290, 300), *range(390, 400), *range(690, 700), *range(780, 800))  # country digits that the ITU has given to nobody
PLACEHOLDERS = (123456789, 111111111, 987654321)


class ClonedMmsi(Underway, kw_only=True):
    """Two ships far apart use one MMSI; with `whole` the second also copies name, call sign and size."""

    apart_nm: Range = (15.0, 45.0)
    whole: bool = True

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Each goes its own way."""
        return _cloned(self, stage, rng, self.apart_nm, whole=self.whole, turn_deg=float(rng.uniform(0, 360)))


class CloneNearby(Underway, kw_only=True):
    """Two ships a few miles apart use one MMSI, going the same way."""

    apart_nm: Range = (1.0, 5.0)
    whole: bool = False

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Side by side, as far apart as said."""
        return _cloned(self, stage, rng, self.apart_nm, whole=self.whole, turn_deg=0.0)


class IdentityChange(Underway, kw_only=True):
    """A ship at sea takes another name, call sign and size under the same MMSI, while it is silent or (`silent_s` 0) while it talks."""

    silent_s: Range = (0.0, 2700.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """One hull on one way, two sets of particulars."""
        at_s, silent_s = pick(rng, self.at_s), pick(rng, self.silent_s)
        _, (plan,) = stage.at_sea(self, rng, lambda at: [self.way(stage, rng, at, at_s)])
        before = stage.trader(rng, plan)
        other = stage.trader(rng, plan).identity
        size = float(rng.choice([0.65, 0.75, 1.3, 1.4]))
        now = replace(before.identity, name=other.name, callsign=other.callsign, loa_m=before.identity.loa_m * size, beam_m=before.identity.beam_m * size)
        ships = [_until(before, at_s), _from(now, CLASS_A, plan, at_s + silent_s)]
        cause = f"calls itself {now.name}, before {before.identity.name}" + (f", after {silent_s / 60:.0f} min of silence" if silent_s else "")
        end_s = at_s + silent_s + TOLD_S
        fact = Fact(
            "identity", "static_change", ships, at_s, end_s, cause, *place_at(plan, at_s), scored=self.scored, measures={"silent_s": round(silent_s, 1)}
        )
        return Scene(ships, [fact, *_dark(ships[:1], plan, at_s, at_s + silent_s, "silent while it changes its name")])


class MmsiHandover(Underway, kw_only=True):
    """A ship at sea stops transmitting and soon appears under another MMSI, name and call sign: the same hull."""

    silent_s: Range = (120.0, 5400.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """One hull on one way, two identities of one size."""
        at_s, silent_s = pick(rng, self.at_s), pick(rng, self.silent_s)
        _, (plan,) = stage.at_sea(self, rng, lambda at: [self.way(stage, rng, at, at_s)])
        before = stage.trader(rng, plan)
        old, other = before.identity, stage.trader(rng, plan).identity
        now = replace(other, ship_type=old.ship_type, loa_m=old.loa_m, beam_m=old.beam_m, draught_m=old.draught_m)
        ships = [_until(before, at_s), _from(now, CLASS_A, plan, at_s + silent_s)]
        cause = f"{old.mmsi} falls silent and goes on as {now.mmsi} after {silent_s / 60:.0f} min"
        place, measures = place_at(plan, at_s), {"silent_s": round(silent_s, 1)}
        fact = Fact("identity", "mmsi_handover", ships, at_s, at_s + silent_s, cause, *place, scored=self.scored, measures=measures)
        return Scene(ships, [fact, *_dark(ships[:1], plan, at_s, stage.until_s, "goes on under another number")])


class BadMmsi(Underway, kw_only=True):
    """A ship under a number that nobody was given: country digits of no country, or a placeholder that nobody replaced."""

    fault: Literal["country", "placeholder", "any"] = "any"

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """An ordinary ship on its way."""
        at_s = pick(rng, self.at_s)
        _, (plan,) = stage.at_sea(self, rng, lambda at: [self.way(stage, rng, at, at_s)])
        country = self.fault == "country" or (self.fault == "any" and rng.uniform() < 0.7)
        mmsi = int(rng.choice(UNALLOTTED)) * 1_000_000 + 900_000 + int(rng.integers(100_000)) if country else int(rng.choice(PLACEHOLDERS))
        ship = stage.trader(rng, plan)
        ship.identity = replace(ship.identity, mmsi=mmsi)
        cause = f"{mmsi}: {'no country has these digits' if country else 'a placeholder'}"
        return Scene([ship], [Fact("identity", "bad_mmsi", [ship], 0.0, stage.until_s, cause, *place_at(plan, 0.0), scored=self.scored)])


class ImoConflict(Underway, kw_only=True):
    """An IMO number whose check digit is wrong, or one number on two ships."""

    fault: Literal["check_digit", "shared", "any"] = "any"
    apart_nm: Range = (4.0, 30.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Ordinary ships on their ways."""
        shared = self.fault == "shared" or (self.fault == "any" and rng.uniform() < 0.5)
        number = imo_number(480_000 + int(rng.integers(20_000)))
        if shared:
            plans, _ = _two_ways(self, stage, rng, self.apart_nm, float(rng.uniform(0, 360)))
            cause = f"IMO {number} on two ships"
        else:
            at_s = pick(rng, self.at_s)
            _, plans = stage.at_sea(self, rng, lambda at: [self.way(stage, rng, at, at_s)])
            number = number // 10 * 10 + (number + int(rng.integers(1, 10))) % 10
            cause = f"IMO {number}: the check digit is wrong"
        ships = [stage.trader(rng, plan) for plan in plans]
        for ship in ships:
            ship.identity = replace(ship.identity, imo=number)
        return Scene(ships, [Fact("identity", "imo_conflict", ships, 0.0, stage.until_s, cause, *place_at(plans[0], 0.0), scored=self.scored)])


class ClassConflict(Underway, kw_only=True):
    """One ship, one MMSI, two kinds of set: class A and class B, or a ship that also sends a base station's report (type 4)."""

    fault: Literal["class_b", "base", "any"] = "any"

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Both sets on one hull."""
        at_s = pick(rng, self.at_s)
        _, (plan,) = stage.at_sea(self, rng, lambda at: [self.way(stage, rng, at, at_s)])
        base = self.fault == "base" or (self.fault == "any" and rng.uniform() < 0.5)
        ship = stage.trader(rng, plan)
        ships = [ship, Ship(ship.identity, BASE if base else CLASS_B, plan)]
        cause = "a ship's number sends base station reports" if base else "one number as class A and class B"
        return Scene(ships, [Fact("identity", "class_conflict", ships, 0.0, stage.until_s, cause, *place_at(plan, 0.0), scored=self.scored)])


class TypoCorrected(Behaviour, kw_only=True):
    """Innocent: a ship moored in port corrects a letter of its name."""

    at_s: Range = (1800.0, 7200.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """The same ship, one letter apart."""
        at_s, plan = pick(rng, self.at_s), _moored(stage, *moored_place(self, stage, rng))
        ship = stage.trader(rng, plan)
        right = ship.identity
        k = int(rng.integers(len(right.name.split()[0])))
        wrong = replace(right, name=right.name[:k] + chr(65 + (ord(right.name[k]) - 64) % 26) + right.name[k + 1 :])
        ships = [_until(replace(ship, identity=wrong), at_s), _from(right, CLASS_A, plan, at_s)]
        cause = f"moored, corrects {wrong.name} to {right.name}"
        return Scene(ships, [Fact("identity", "static_change", ships, at_s, at_s + TOLD_S, cause, *plan.at, innocent=True)])


class HalfStatics(Underway, kw_only=True):
    """Innocent: a class B boat has told its name only; under way its owner enters the rest."""

    speed_kn: Range = (5.0, 9.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """The same boat, its particulars half empty, then whole."""
        at_s = pick(rng, self.at_s)
        _, (plan,) = stage.at_sea(self, rng, lambda at: [self.way(stage, rng, at, at_s)])
        boat = stage.ship(rng, any_flag(rng), 37, float(rng.uniform(8, 18)), plan, kind=CLASS_B)
        whole = boat.identity
        half = replace(whole, callsign="", ship_type=0, loa_m=0.0, beam_m=0.0)
        ships = [_until(replace(boat, identity=half), at_s), _from(whole, CLASS_B, plan, at_s)]
        cause = "a boat's particulars become complete"
        return Scene(ships, [Fact("identity", "static_change", ships, at_s, at_s + TOLD_S, cause, *place_at(plan, at_s), innocent=True)])


class MmsiReused(Behaviour, kw_only=True):
    """Innocent: a number is used again by another ship in another place, long after the first has left it."""

    leaves_s: Range = (600.0, 1800.0)
    pause_s: Range = (4800.0, 7200.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """One moored ship switches off for good; much later another begins, at a berth a mile off or farther."""
        leaves_s, pause_s = pick(rng, self.leaves_s), pick(rng, self.pause_s)
        here, there = moored_place(self, stage, rng), stage.berth(rng)
        for _ in range(TRIES):
            if great_circle_m(*here[0], *there[0]) >= NM_M:
                break
            there = stage.berth(rng)
        plans = [_moored(stage, *place) for place in (here, there)]
        first, second = (stage.trader(rng, plan) for plan in plans)
        heir = replace(second.identity, mmsi=first.identity.mmsi)
        ships = [_until(first, leaves_s), _from(heir, CLASS_A, plans[1], leaves_s + pause_s, hull=1)]
        cause = f"the number of a ship that left {pause_s / 3600:.1f} h before"
        fact = Fact("identity", "dup_mmsi", ships, leaves_s + pause_s, stage.until_s, cause, *plans[1].at, innocent=True)
        return Scene(ships, [fact])


def _cloned(row: ClonedMmsi | CloneNearby, stage: Stage, rng: np.random.Generator, apart: Range, *, whole: bool, turn_deg: float) -> Scene:
    plans, apart_nm = _two_ways(row, stage, rng, apart, turn_deg)
    first, second = (stage.trader(rng, plan) for plan in plans)
    copy = first.identity if whole else replace(second.identity, mmsi=first.identity.mmsi)
    ships = [first, Ship(copy, CLASS_A, plans[1], hull=1)]
    cause = f"two ships under one number, {apart_nm:.3g} nm apart" + (", alike in all they say" if whole else "")
    measures = {"distance_nm": round(apart_nm, 3)}
    return Scene(ships, [Fact("identity", "dup_mmsi", ships, 0.0, stage.until_s, cause, *place_at(plans[0], 0.0), scored=row.scored, measures=measures)])


def _two_ways(row: Underway, stage: Stage, rng: np.random.Generator, apart: Range, turn_deg: float) -> tuple[list[Plan], float]:
    """Two ships under way, `apart` from each other when the first is at its place, the second on a course `turn_deg` off the first one's."""
    at_s, speed_kn, course_deg = pick(rng, row.at_s), pick(rng, row.speed_kn), pick(rng, row.course_deg)
    apart_nm: dict[Point, float] = {}

    def both(at: Point) -> list[Plan] | None:
        apart_nm[at] = pick(rng, apart)
        other = offset(*at, float(rng.uniform(0, 360)) if turn_deg else course_deg + float(rng.choice([-90, 90])), apart_nm[at] * NM_M)
        if not stage.heard(*other):
            return None
        return [stage.transit(p, at_s, speed_kn=speed_kn, course_deg=c) for p, c in ((at, course_deg), (other, course_deg + turn_deg))]

    at, plans = stage.at_sea(row, rng, both)
    return plans, apart_nm[at]


def _moored(stage: Stage, at: Point, heading_deg: float) -> Plan:
    return Plan(-60, *at).stay(stage.until_s + 60, nav=NAV_MOORED, heading_deg=heading_deg)


def _until(ship: Ship, t_s: float) -> Ship:
    """The set falls silent at a time; the ship goes on."""
    return replace(ship, plan=ship.plan.copy().silence(t_s, ship.plan.t_s))


def _from(who: Identity, kind: int, plan: Plan, t_s: float, *, hull: int = 0) -> Ship:
    """A set on a ship's way that is silent before a time."""
    return Ship(who, kind, plan.copy().silence(plan.knots[0][0], t_s), hull=hull)


def _dark(ships: list[Ship], plan: Plan, start_s: float, end_s: float, cause: str) -> list[Fact]:
    """A long silence is a dark period too: true, but nobody is asked to say it twice."""
    return [Fact("dark", "", ships, start_s, end_s, cause, *place_at(plan, start_s), scored=False)] if end_s - start_s >= DARK_S else []
