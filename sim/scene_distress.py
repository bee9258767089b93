"""Scenes of distress: devices, texts, and who comes to help. May hold: what takes the safety road, and its tests."""

from __future__ import annotations

from typing import Literal

import numpy as np

from sim.motion import Plan
from sim.scene import Behaviour, Fact, Range, Scene, Stage, pick
from sim.ship import BEACON, BEACON_TEST, Ship

NAV_SART, NAV_UNDEFINED = 14, 15


class Beacon(Behaviour, kw_only=True):
    """A distress device: search and rescue transmitter, man overboard device or emergency beacon."""

    at_s: Range
    duration_s: Range = 7200.0
    device: Literal["sart", "mob", "epirb"] = "sart"
    test: bool = False
    drift_kn: Range = 0.7
    drift_deg: Range = 80.0

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """A device switched on, adrift."""
        at, at_s, duration_s = stage.place(self, rng), pick(rng, self.at_s), pick(rng, self.duration_s)
        nav = NAV_UNDEFINED if self.test else NAV_SART
        plan = Plan(at_s, *at).run(pick(rng, self.drift_deg), pick(rng, self.drift_kn), duration_s, nav=nav)
        ship = Ship(stage.registry.beacon(self.device, test=self.test), BEACON_TEST if self.test else BEACON, plan)
        cause = f"{self.device} {'tested' if self.test else 'switched on'}"
        fact = Fact("safety", "test" if self.test else "beacon", [ship], at_s, at_s, cause, *at, scored=self.scored, point=True)
        return Scene([ship], [fact])
