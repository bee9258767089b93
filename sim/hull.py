"""Hulls: what belongs together in ships of one type. May hold: sizes, shapes and speeds by AIS ship type. May not: identities, plans.

Ranges are round numbers of our own, after what ships of the type commonly are; beam follows from length, draught from beam.
"""

from __future__ import annotations

from dataclasses import dataclass

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Hull:
    """Least and most of: length in metres, speed in knots, length over beam, draught over beam."""

    loa_m: Span
    speed_kn: Span
    slender: Span
    deep: Span


_CARGO = Hull((85, 300), (9.5, 17), (5.8, 7.2), (0.25, 0.44))
_TANKER = Hull((90, 330), (9, 14.5), (5.3, 6.4), (0.22, 0.46))
_PASSENGER = Hull((25, 230), (10, 21), (4.5, 7.4), (0.19, 0.28))
_FISHING = Hull((14, 65), (7, 11), (3.2, 4.8), (0.33, 0.5))
_TUG = Hull((22, 38), (8, 12), (2.6, 3.2), (0.36, 0.5))
_YACHT = Hull((8, 18), (4, 7.5), (2.8, 3.6), (0.38, 0.6))
_FAST = Hull((20, 90), (24, 38), (3.2, 4.5), (0.12, 0.24))
_BOAT = Hull((10, 20), (12, 24), (2.9, 3.6), (0.25, 0.35))
_WORKBOAT = Hull((18, 95), (7, 13), (3.4, 5.4), (0.28, 0.38))
_BY_TYPE = {
    **{30: _FISHING, 31: _TUG, 32: _TUG, 52: _TUG, 36: _YACHT, 37: Hull((7, 24), (6, 22), (2.9, 3.8), (0.22, 0.35))},
    **{50: _BOAT, 51: _BOAT, 53: _BOAT, 54: _BOAT, 55: Hull((12, 60), (10, 24), (3.5, 6.0), (0.22, 0.32))},
}
_BY_TENS = {3: _WORKBOAT, 4: _FAST, 5: _WORKBOAT, 6: _PASSENGER, 7: _CARGO, 8: _TANKER}


def hull_of(ship_type: int) -> Hull:
    """The hull of an AIS ship type (ITU-R M.1371, table 53); a workboat where it says nothing."""
    return _BY_TYPE.get(ship_type) or _BY_TENS.get(ship_type // 10, _WORKBOAT)
