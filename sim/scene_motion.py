"""Scenes of motion: one vessel that moves, or does not, in a way worth a word. May hold: loitering, drift, stops, and what looks like them."""

from __future__ import annotations

import numpy as np

from sim.helm import arrive
from sim.scene import Behaviour, Fact, Range, Scene, Stage, leave, middle, pick


class Loitering(Behaviour, kw_only=True):
    """One vessel drifts slowly where nobody waits, then goes on."""

    start_s: Range = 0.0
    duration_s: Range = 9000.0
    drift_kn: Range = 0.8
    drift_deg: Range = 60.0
    approach_kn: Range = 10.0
    approach_from_deg: Range = 250.0
    ship_type: int = 70
    loa_m: Range = 110.0
    flag: str = "PA"

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Comes in, drifts with the bow across the drift, goes on."""
        at, start_s, duration_s = stage.place(self, rng), pick(rng, self.start_s), pick(rng, self.duration_s)
        drift_kn, drift_deg, from_deg, speed_kn = (pick(rng, v) for v in (self.drift_kn, self.drift_deg, self.approach_from_deg, self.approach_kn))
        plan = arrive(at, start_s, from_deg, speed_kn)
        plan.run(drift_deg, drift_kn, duration_s, heading_deg=(drift_deg + 80) % 360)
        end_s, centre = plan.t_s, middle(at, plan.at)
        leave(plan, (from_deg + 180) % 360, speed_kn, stage.until_s)
        ship = stage.ship(rng, self.flag, self.ship_type, pick(rng, self.loa_m), plan)
        cause = f"drifts at {drift_kn:.2g} kn for {duration_s / 60:.0f} min"
        return Scene([ship], [Fact("loitering", "", [ship], start_s, end_s, cause, *centre, scored=self.scored, measures={"speed_kn": round(drift_kn, 3)})])
