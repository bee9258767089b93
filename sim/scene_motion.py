"""Scenes of motion: one vessel that moves, or does not, in a way worth a word. May hold: loitering, drift, stops, odd speeds and courses.

May not: what looks like them for good reasons (`scene_waiting`).
"""

from __future__ import annotations

import numpy as np

from dogwatch.geo import KN_MS
from sim.helm import arrive, seaward_deg
from sim.motion import Plan, bearing_deg, offset
from sim.scene import MERCHANT, OPEN_FLAGS, Behaviour, Fact, Flags, Range, Scene, Stage, Types, adrift, choose, leave, middle, pick
from sim.ship import Ship

NAV_NOT_UNDER_COMMAND, NAV_AGROUND = 2, 6


class Loitering(Behaviour, kw_only=True):
    """One vessel drifts slowly where nobody waits, then goes on."""

    start_s: Range = (0.0, 1200.0)
    duration_s: Range = (4500.0, 9000.0)
    drift_kn: Range = (0.3, 1.6)
    drift_deg: Range = (0.0, 360.0)
    approach_kn: Range = (8.0, 13.0)
    approach_from_deg: Range = (0.0, 360.0)
    ship_type: Types = MERCHANT
    loa_m: Range = (60.0, 220.0)
    flag: Flags = OPEN_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Comes in, drifts with the bow across the drift, goes on."""
        at, start_s, duration_s = stage.place(self, rng), pick(rng, self.start_s), pick(rng, self.duration_s)
        drift_kn, drift_deg, from_deg, speed_kn = (pick(rng, v) for v in (self.drift_kn, self.drift_deg, self.approach_from_deg, self.approach_kn))
        plan = arrive(at, start_s, from_deg, speed_kn)
        plan.run(drift_deg, drift_kn, duration_s, heading_deg=(drift_deg + 80) % 360)
        end_s, centre = plan.t_s, middle(at, plan.at)
        leave(plan, (from_deg + 180) % 360, speed_kn, stage.until_s)
        ship = stage.ship(rng, self.flag, self.ship_type, self.loa_m, plan)
        cause = f"drifts at {drift_kn:.2g} kn for {duration_s / 60:.0f} min"
        fact = Fact("loitering", "", [ship], start_s, end_s, cause, *centre, scored=self.scored, measures={"speed_kn": round(drift_kn, 3)})
        return Scene([ship], [fact, adrift(ship, start_s, end_s, centre)])


class LoiteringZigzag(Behaviour, kw_only=True):
    """One vessel goes to and fro under slow engine, never far from one place, then goes on."""

    start_s: Range = (0.0, 1200.0)
    duration_s: Range = (4800.0, 9000.0)
    slow_kn: Range = (0.9, 1.8)
    board_s: Range = (900.0, 2100.0)
    radius_nm: Range = (0.8, 2.0)
    approach_kn: Range = (8.0, 13.0)
    approach_from_deg: Range = (0.0, 360.0)
    ship_type: Types = MERCHANT
    loa_m: Range = (40.0, 180.0)
    flag: Flags = OPEN_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Boards in all directions; one that would end outside the circle is sailed towards its centre."""
        at, start_s, duration_s = stage.place(self, rng), pick(rng, self.start_s), pick(rng, self.duration_s)
        slow_kn, radius_m, from_deg, speed_kn = (pick(rng, v) for v in (self.slow_kn, self.radius_nm, self.approach_from_deg, self.approach_kn))
        radius_m *= 1852
        plan, left_s = arrive(at, start_s, from_deg, speed_kn), duration_s
        while left_s > 0:
            seconds = min(left_s, pick(rng, self.board_s))
            course = pick(rng, (0.0, 360.0))
            end = offset(*plan.at, course, slow_kn * KN_MS * seconds)
            if Plan(0, *at).to(*end, 1 / KN_MS).t_s > radius_m:
                course = bearing_deg(plan.at, at) + pick(rng, (-30.0, 30.0))
            plan.run(course, slow_kn, seconds)
            left_s -= seconds
        end_s = plan.t_s
        leave(plan, (from_deg + 180) % 360, speed_kn, stage.until_s)
        ship = stage.ship(rng, self.flag, self.ship_type, self.loa_m, plan)
        cause = f"goes to and fro at {slow_kn:.2g} kn for {duration_s / 60:.0f} min"
        measures = {"speed_kn": round(slow_kn, 3), "radius_nm": round(radius_m / 1852, 2)}
        return Scene([ship], [Fact("loitering", "", [ship], start_s, end_s, cause, *at, scored=self.scored, measures=measures)])


class LoiteringInterrupted(Behaviour, kw_only=True):
    """One vessel drifts, moves to another place at four knots for twenty minutes, and drifts on: one loitering, not two."""

    start_s: Range = (0.0, 600.0)
    duration_s: Range = (7200.0, 9600.0)
    drift_kn: Range = (0.3, 1.3)
    drift_deg: Range = (0.0, 360.0)
    move_s: Range = (1080.0, 1260.0)
    move_kn: Range = (3.7, 4.3)
    move_at_share: Range = (0.4, 0.55)  # of the duration
    approach_kn: Range = (8.0, 13.0)
    approach_from_deg: Range = (0.0, 360.0)
    ship_type: Types = MERCHANT
    loa_m: Range = (60.0, 220.0)
    flag: Flags = OPEN_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """The move is against the drift, as of a ship that goes back to her place."""
        at, start_s, duration_s = stage.place(self, rng), pick(rng, self.start_s), pick(rng, self.duration_s)
        drift_kn, drift_deg, from_deg, speed_kn = (pick(rng, v) for v in (self.drift_kn, self.drift_deg, self.approach_from_deg, self.approach_kn))
        move_s, move_kn, first_s = pick(rng, self.move_s), pick(rng, self.move_kn), duration_s * pick(rng, self.move_at_share)
        plan = arrive(at, start_s, from_deg, speed_kn)
        plan.run(drift_deg, drift_kn, first_s, heading_deg=(drift_deg + 80) % 360)
        plan.run(drift_deg + 180 + pick(rng, (-40.0, 40.0)), move_kn, move_s)
        plan.run(drift_deg, drift_kn, max(600.0, duration_s - first_s - move_s), heading_deg=(drift_deg + 80) % 360)
        end_s = plan.t_s
        leave(plan, (from_deg + 180) % 360, speed_kn, stage.until_s)
        ship = stage.ship(rng, self.flag, self.ship_type, self.loa_m, plan)
        cause = f"drifts at {drift_kn:.2g} kn, moves for {move_s / 60:.0f} min, drifts on"
        measures = {"speed_kn": round(drift_kn, 3), "move_kn": round(move_kn, 2), "move_s": round(move_s, 1)}
        fact = Fact("loitering", "", [ship], start_s, end_s, cause, *at, scored=self.scored, measures=measures)
        stops_s = start_s + first_s, start_s + first_s + move_s
        spans = ((start_s, end_s), (start_s, stops_s[0]), (stops_s[1], end_s))  # said of the whole, or of each half
        return Scene([ship], [fact, *(adrift(ship, *span, at) for span in spans)])


class Drifting(Behaviour, kw_only=True):
    """A ship's engine fails: she loses her way, drifts beam to the wind, and may say that she is not under command. `start_s`: the failure."""

    start_s: Range = (1200.0, 3000.0)
    slow_s: Range = (180.0, 480.0)  # until she has no way on
    duration_s: Range = (3900.0, 6600.0)
    speed_kn: Range = (9.0, 15.0)
    course_deg: Range = (0.0, 360.0)
    drift_kn: Range = (0.5, 2.2)
    drift_deg: Range = (0.0, 360.0)
    says_share: Range = 0.6  # of the masters set the status
    says_after_s: Range = (120.0, 1500.0)
    ship_type: Types = MERCHANT
    loa_m: Range = (60.0, 250.0)
    flag: Flags = OPEN_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Repaired after a while, she goes on slowly."""
        at, start_s, slow_s, duration_s = stage.place(self, rng), pick(rng, self.start_s), pick(rng, self.slow_s), pick(rng, self.duration_s)
        speed_kn, course_deg, drift_kn, drift_deg = (pick(rng, v) for v in (self.speed_kn, self.course_deg, self.drift_kn, self.drift_deg))
        plan = stage.approach(at, start_s, speed_kn=speed_kn, course_deg=course_deg)
        for share in (0.8, 0.5, 0.25):
            plan.run(course_deg, max(drift_kn, speed_kn * share), slow_s / 3)
        adrift_s, says, says_after_s = plan.t_s, rng.uniform() < pick(rng, self.says_share), min(pick(rng, self.says_after_s), duration_s / 2)
        begin, bow_deg = plan.at, (drift_deg + choose(rng, (-90, 90)) + pick(rng, (-15.0, 15.0))) % 360
        plan.run(drift_deg, drift_kn, says_after_s, heading_deg=bow_deg)
        plan.run(drift_deg, drift_kn, duration_s - says_after_s, heading_deg=bow_deg, nav=NAV_NOT_UNDER_COMMAND if says else 0)
        end_s, centre = plan.t_s, middle(begin, plan.at)
        leave(plan, course_deg, speed_kn * 0.6, stage.until_s)
        ship = stage.ship(rng, self.flag, self.ship_type, self.loa_m, plan)
        measures = {"speed_kn": round(drift_kn, 3), "off_bow_deg": round(abs((drift_deg - bow_deg + 180) % 360 - 180), 1)}
        facts = [Fact("safety", "drift", [ship], adrift_s, end_s, "engine failure, adrift beam to the wind", *centre, scored=self.scored, measures=measures)]
        if says:
            facts.append(Fact("safety", "nuc", [ship], adrift_s + says_after_s, end_s, "says that she is not under command", *centre, scored=self.scored))
        facts.append(Fact("loitering", "", [ship], adrift_s, end_s, "adrift without engine", *centre, scored=False))
        return Scene([ship], facts)


class SuddenStop(Behaviour, kw_only=True):
    """A ship at sea speed stops within a minute, lies for a while, and goes on slowly. `at_s`: half way through the stop."""

    at_s: Range = (1500.0, 6000.0)
    speed_kn: Range = (8.0, 16.0)
    course_deg: Range = (0.0, 360.0)
    lie_s: Range = (900.0, 3000.0)
    ship_type: Types = MERCHANT
    loa_m: Range = (60.0, 250.0)
    flag: Flags = OPEN_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Legs change over half a minute on either side: that is the stop."""
        at, at_s, speed_kn, course_deg = stage.place(self, rng), pick(rng, self.at_s), pick(rng, self.speed_kn), pick(rng, self.course_deg)
        lie_s = pick(rng, self.lie_s)
        plan = stage.approach(at, at_s, speed_kn=speed_kn, course_deg=course_deg).run(course_deg, 0.2, lie_s, heading_deg=course_deg % 360)
        leave(plan, course_deg, 0.5 * speed_kn, stage.until_s)
        ship = stage.ship(rng, self.flag, self.ship_type, self.loa_m, plan)
        return Scene([ship], [_stop(ship, at_s, at_s + lie_s, speed_kn, scored=self.scored)])


class Grounding(Behaviour, kw_only=True):
    """A ship runs aground under way near the coast and stays; some time later her status says so. `at_s`: the moment."""

    at_s: Range = (1800.0, 5400.0)
    speed_kn: Range = (7.5, 13.0)
    says_after_s: Range = (300.0, 2400.0)
    coast_nm: tuple[float, float] = (0.3, 2.0)
    ship_type: Types = MERCHANT
    loa_m: Range = (60.0, 230.0)
    flag: Flags = OPEN_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """She comes from the sea, and does not move any more."""
        at, at_s, speed_kn, says_after_s = stage.place(self, rng), pick(rng, self.at_s), pick(rng, self.speed_kn), pick(rng, self.says_after_s)
        from_deg = seaward_deg(at) + pick(rng, (-20.0, 20.0))
        bow_deg = (from_deg + 180) % 360
        plan = stage.approach(at, at_s, speed_kn=speed_kn, course_deg=bow_deg).stay(says_after_s, nav=0, heading_deg=bow_deg)
        plan.stay(max(600.0, stage.until_s - plan.t_s), nav=NAV_AGROUND, heading_deg=bow_deg)
        ship = stage.ship(rng, self.flag, self.ship_type, self.loa_m, plan)
        measures = {"speed_before_kn": round(speed_kn, 2), "says_after_s": round(says_after_s, 1)}
        aground = Fact("safety", "aground", [ship], at_s, plan.t_s, f"runs aground at {speed_kn:.1f} kn", *at, scored=self.scored, measures=measures)
        still = Fact("loitering", "", [ship], at_s, plan.t_s, "lies aground", *at, scored=False)
        return Scene([ship], [aground, _stop(ship, at_s, plan.t_s, speed_kn, scored=False), still])


class OddVoyage(Behaviour, kw_only=True):
    """What voyages with one odd part share. `start_s`: when it begins."""

    start_s: Range = (3600.0, 5400.0)
    duration_s: Range = (1500.0, 3600.0)
    speed_kn: Range = (11.0, 15.0)
    course_deg: Range = (0.0, 360.0)
    ship_type: Types = MERCHANT
    loa_m: Range = (90.0, 250.0)
    flag: Flags = OPEN_FLAGS

    def voyage(self, stage: Stage, rng: np.random.Generator, what: tuple[str, str], odd: tuple[float, float, float], measures: dict[str, float]) -> Scene:
        """One of them: (subtype, cause), (turn in degrees, speed in it, speed before and after)."""
        at, start_s, duration_s, course_deg = stage.place(self, rng), pick(rng, self.start_s), pick(rng, self.duration_s), pick(rng, self.course_deg)
        turn_deg, odd_kn, speed_kn = odd
        plan = stage.approach(at, start_s, speed_kn=speed_kn, course_deg=course_deg).run(course_deg + turn_deg, odd_kn, duration_s)
        centre = middle(at, plan.at)
        leave(plan, course_deg, speed_kn, stage.until_s)
        ship = stage.ship(rng, self.flag, self.ship_type, self.loa_m, plan)
        rounded = {name: round(value, 2) for name, value in measures.items()}
        return Scene([ship], [Fact("anomaly", what[0], [ship], start_s, start_s + duration_s, what[1], *centre, scored=self.scored, measures=rounded)])


class SpeedAnomaly(OddVoyage, kw_only=True):
    """A ship that has kept her speed for an hour goes much slower or faster for a while, on the same course."""

    change_kn: Range = (4.5, 7.5)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Slower and faster are equally likely."""
        speed_kn, change_kn = pick(rng, self.speed_kn), pick(rng, self.change_kn) * choose(rng, (-1, 1))
        odd_kn = max(3.5, speed_kn + change_kn)
        cause = f"{'slows down' if odd_kn < speed_kn else 'speeds up'} from {speed_kn:.1f} to {odd_kn:.1f} kn without a turn"
        return self.voyage(stage, rng, ("speed", cause), (0.0, odd_kn, speed_kn), {"speed_kn": odd_kn, "usual_kn": speed_kn})


class CourseAnomaly(OddVoyage, kw_only=True):
    """A ship leaves her course by much for a while, at the same speed, then takes it up again."""

    duration_s: Range = (1200.0, 3000.0)
    speed_kn: Range = (9.0, 15.0)
    turn_deg: Range = (70.0, 150.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """To either side."""
        speed_kn, turn_deg = pick(rng, self.speed_kn), pick(rng, self.turn_deg) * choose(rng, (-1, 1))
        cause = f"leaves her course by {abs(turn_deg):.0f} degrees to {'starboard' if turn_deg > 0 else 'port'}"
        return self.voyage(stage, rng, ("course", cause), (turn_deg, speed_kn, speed_kn), {"turn_deg": turn_deg, "speed_kn": speed_kn})


def _stop(ship: Ship, start_s: float, end_s: float, speed_kn: float, *, scored: bool) -> Fact:
    place = next(k[1:3] for k in ship.plan.knots if k[0] >= start_s - 0.001)
    cause = f"stops from {speed_kn:.1f} kn within a minute"
    return Fact("safety", "sudden_stop", [ship], start_s, end_s, cause, *place, scored=scored, measures={"speed_before_kn": round(speed_kn, 2)})
