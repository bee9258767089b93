"""Slow, obvious twins of tracks/silence.py: one vessel after the other, dictionaries and brute force."""

from __future__ import annotations

import numpy as np

from dogwatch.batch import T_MISSING
from dogwatch.geo import FULL_TURN
from tracks.coverage import CELL_UNITS, cell_key, p_path
from tracks.records import BELIEVED
from tracks.silence import reckon

MINUTE_MS, BLOCK_MS = 60_000, 300_000


def due(row, ear, heard_ms, tick_ms, rule):
    """Whether the silence of a track is judged at a tick."""
    minutes = (tick_ms - heard_ms) // MINUTE_MS
    least_s = rule.candidate_s_b if row["class_b"] else rule.candidate_s_a
    if row["t_ms"] == T_MISSING or not least_s * 1000 <= tick_ms - heard_ms <= rule.gap_s_max * 1000:
        return False
    if row["class_b"] and row["speed_kn"] < rule.speed_kn_min_b:
        return False
    if int(row["reports"]) - int(ear["totals"][(int(ear["bucket"]) + 1) % 7]) < rule.reports_1h_min:
        return False
    return minutes == least_s // 60 or minutes % (5 if minutes <= 120 else 30) == 0


def minutes(ears, group, since_ms, tick_ms, common_ms):
    """Minutes in which a group listened since a vessel was lost, up to the group's first death."""
    counted = 0
    for end_ms in range(-(-since_ms // MINUTE_MS) * MINUTE_MS + MINUTE_MS, tick_ms + 1, MINUTE_MS):
        at = end_ms // MINUTE_MS
        heard = ears.listened[group, at % 2048] - ears.listened[group, (at - 1) % 2048]
        dead = any(
            of == group and (back_ms or tick_ms) > since_ms and (end_ms > died_ms or died_ms - since_ms <= common_ms)
            for of, died_ms, back_ms in ears.deaths.tolist()
        )
        counted += 0 if dead else int(heard)
    return counted


def expected(row, heard_ms, ears, coverage, rule, tick_ms):
    """(group, P, mean coverage, blocks, last cell learned, path leaves coverage) of the group that should most surely have heard."""
    cells = dict(zip(coverage.keys.tolist(), zip(coverage.heard.tolist(), coverage.missed.tolist())))
    best = None
    for group in ears.alive(tick_ms):
        blocks = minutes(ears, group, heard_ms, tick_ms, rule.common_cause_s * 1000) * MINUTE_MS // BLOCK_MS
        if blocks < 1:
            continue
        n = min(blocks, 288)
        last = (int(row["lat"]), int(row["lon"]), float(row["speed_kn"]), int(row["cog"]))
        path = [cell_key(*reckon(*last, (k + 0.5) * 300.0), int(row["class_b"]), group) for k in range(n + 2)]
        heard, missed = (np.array([cells.get(key, (0.0, 0.0))[k] for key in path]) for k in (0, 1))
        p, mean, _ = p_path(np.array(path[:n], np.int64), heard[:n], missed[:n], float(rule.blocks_learned_min))
        known = sum(cells.get(cell_key(last[0], last[1], int(row["class_b"]), group), (0.0, 0.0))) >= rule.blocks_learned_min
        leaving = known and bool((heard + missed < rule.blocks_learned_min).any())
        if best is None or (known and not best[4]) or (known == best[4] and p < best[1]):
            best = (group, p, mean, blocks, known, leaving)
    return best or (-1, 1.0, 0.0, 0, False, False)


def peers(table, slot, tick_ms, rule):
    """(others last heard in the same or a neighbouring cell, of these heard lately, of the rest lost together with it)."""
    me, mine_ms = table.rows[slot], int(table.heard_ms[slot])
    found, heard, together = 0, 0, 0
    for other in range(len(table)):
        row, other_ms = table.rows[other], int(table.heard_ms[other])
        if other == slot or row["t_ms"] == T_MISSING or table.more["belief"][other] != BELIEVED or other_ms < tick_ms - 2 * 86_400_000:
            continue
        columns = FULL_TURN // CELL_UNITS
        apart = abs(int(row["lon"]) // CELL_UNITS - int(me["lon"]) // CELL_UNITS) % columns
        if abs(int(row["lat"]) // CELL_UNITS - int(me["lat"]) // CELL_UNITS) > 1 or min(apart, columns - apart) > 1 or other_ms < mine_ms - 1_800_000:
            continue
        found += 1
        heard += other_ms >= tick_ms - 540_000
        together += other_ms < tick_ms - 540_000 and abs(other_ms - mine_ms) <= rule.common_cause_s * 1000
    return found, heard, together
