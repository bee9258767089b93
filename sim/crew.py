"""Crews: the status that they set. May hold: which status a crew tells instead of the plain one. May not: plans, identities, what ships of scenes tell.

One draw for each ship decides, once for all its plan: real crews forget the status for days, not for minutes. Shares are round numbers after recordings.
"""

from __future__ import annotations

from sim.ship import NAV_ANCHORED, NAV_ENGINE, NAV_FISHING, NAV_MOORED

NAV_RESTRICTED, NAV_BY_DRAUGHT, NAV_TOWING, NAV_PUSHING, NAV_UNSET = 3, 4, 11, 12, 15
WRONG = {NAV_ENGINE: NAV_MOORED, NAV_MOORED: NAV_ENGINE, NAV_ANCHORED: NAV_ENGINE, NAV_FISHING: NAV_ENGINE}
UNSET_PER_WRONG = 2.0  # crews that never set a status, for each that has the wrong one set
RESTRICTED_SHARE, RESTRICTED_TYPES = 0.3, range(31, 36)  # of crews that tow, dredge or dive, those who say that they cannot give way
BY_DRAUGHT_SHARE, BY_DRAUGHT_TYPES, BY_DRAUGHT_LOA_M = 0.03, range(70, 90), 230.0  # of crews of the largest ships, those who claim the deep water


def statuses(ship_type: int, loa_m: float, careless_share: float, chance: float) -> dict[int, int]:
    """What a class A crew tells instead of each plain status; what is not in it is told as it is. `chance`: one number in [0, 1) for the ship."""
    if chance < careless_share:
        return WRONG
    if chance < careless_share * (1 + UNSET_PER_WRONG):
        return dict.fromkeys((*WRONG, NAV_TOWING, NAV_PUSHING), NAV_UNSET)
    if chance >= 1 - RESTRICTED_SHARE and ship_type in RESTRICTED_TYPES:
        return dict.fromkeys((NAV_ENGINE, NAV_TOWING, NAV_PUSHING), NAV_RESTRICTED)
    if chance >= 1 - BY_DRAUGHT_SHARE and ship_type in BY_DRAUGHT_TYPES and loa_m >= BY_DRAUGHT_LOA_M:
        return {NAV_ENGINE: NAV_BY_DRAUGHT}
    return {}
