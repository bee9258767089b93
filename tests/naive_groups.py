"""Slow twin of tracks/groups.py: one pair after the other, with lists. May hold: the rule, as obviously as can be."""

from dogwatch.geo import distance_m


def groups(rows: list[tuple[int, int, int]], place_m: float, within_ms: float, members_max: int) -> list[list[int]]:
    """Row numbers of each group; rows are (lat, lon, t_ms)."""
    left, found = list(range(len(rows))), []
    while left:
        first = left[0]
        group, others = [first], []
        for k in left[1:]:
            near = distance_m(*rows[first][:2], *rows[k][:2]) <= place_m
            if near and abs(rows[first][2] - rows[k][2]) <= within_ms and len(group) < members_max:
                group.append(k)
            else:
                others.append(k)
        left = others
        found.append(group)
    return found
