"""Bystanders: facts about vessels that nobody scripted. May hold: zones crossed by the traffic of fleets. May not: scenes.

Borders do not ask who crosses them: a detector that tells of a ship of a fleet is right, and so zones can be judged in any scenario. A crossing is
as exact as one of a scene, and asked for, unless it is of a corridor (a cable that ships cross all day) or of a ship whose scene says
something of that zone itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np

from sim.area import Area, crossings, depth_of, place_at
from sim.motion import Plan
from sim.scene import Fact
from sim.ship import BASE, Ship

MARGIN_DEG = 0.05
SCENES_OWN_S = 60.0


def crossing_facts(ships: Iterable[Ship], zones: list[Area], told: Iterable[Fact], until_s: float) -> list[Fact]:
    """Every crossing of a zone by these ships while they transmit, but those about which `told` has a fact already."""
    known = [(id(ship), fact.zone[0], fact.start_s, fact.end_s) for fact in told if fact.zone for ship in fact.ships]
    facts: list[Fact] = []
    for ship, zone in itertools.product([ship for ship in ships if ship.kind < BASE], zones):
        for t_s, inward in _crossed(ship.plan, zone, until_s):
            if _transmits(ship.plan, t_s) and not any(a == id(ship) and b == zone.id and s - SCENES_OWN_S <= t_s <= e + SCENES_OWN_S for a, b, s, e in known):
                subtype = "cross_line" if zone.line and not zone.buffer_nm else "enter" if inward else "exit"
                cause, where = f"crosses {zone.id} {'inwards' if inward else 'outwards'}", (zone.id, zone.zone_kind, "crossed")
                scored = zone.zone_kind != "corridor"
                facts.append(Fact("zone", subtype, [ship], t_s, t_s, cause, *place_at(ship.plan, t_s), scored=scored, point=True, zone=where))
    return facts


def _crossed(plan: Plan, zone: Area, until_s: float) -> list[tuple[float, bool]]:
    """Crossings, looked for only on legs whose box meets that of the zone."""
    lats, lons = (np.array([point[k] for point in zone.points]) for k in (0, 1))
    margin, depth, found = MARGIN_DEG + zone.buffer_nm / 30, depth_of(zone), []
    for a, b in itertools.pairwise(plan.knots):
        begin_s, end_s = max(0.0, float(a[0])), float(min(b[0], until_s))
        lat_meets = min(a[1], b[1]) <= lats.max() + margin and max(a[1], b[1]) >= lats.min() - margin
        if end_s > begin_s and lat_meets and min(a[2], b[2]) <= lons.max() + margin and max(a[2], b[2]) >= lons.min() - margin:
            found += crossings(plan, depth, begin_s, end_s)
    return found


def _transmits(plan: Plan, t_s: float) -> bool:
    """Whether the set is on at a time."""
    leg = max((knot for knot in plan.knots if knot[0] <= t_s), key=lambda knot: knot[0], default=plan.knots[0])
    return bool(leg[5])
