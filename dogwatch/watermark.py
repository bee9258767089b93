"""Watermark arithmetic: what is late, what lies in the future, and how far event time has come. No clock is asked.

Each source keeps W = floor(newest event time to 1 s) - allowed lateness. Rows are judged once, where the source is
read, one by one in arrival order against the W of the rows before them; the verdict is stamped into their flags.
Judged later it would depend on how bytes were cut or on how sources interleave.

- A row with t < W is late (F_LATE): it joins the canonical stream at W (`release_ms`), as a correction only.
- A row more than `jump_s` ahead of its source's clock is quarantined (F_FUTURE): one wild stamp must not age a whole
  picture. When `confirm_rows` successive rows agree that time did jump, the clock follows; those before stay quarantined.
- A row without any time stays F_NO_TIME and out of the stream.
- A row with a wrong checksum (F_CK_BAD, forensic decoding) is not judged and moves nothing: its second may be the damage.
The whole picture's watermark is the minimum over active sources and never moves back. A satellite delivers hours late: while a
source of the coast is active, it does not take part in that minimum, and what it brings is judged by it (`stamp_behind`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numba import from_dtype, int64

from dogwatch.batch import F_CK_BAD, F_FUTURE, F_LATE, F_NO_TIME, FIX_DTYPE, STATIC_DTYPE, T_MISSING, SafetyReport
from dogwatch.kernel import kernel

GRID_MS = 1000
JUMP_MS = 3_600_000
AHEAD_MS = 3_600_000  # of the common watermark: nobody hears a ship so long before the others' clocks
FIRST, NEWEST, CANDIDATE, AGREEING, LATE, FUTURE, NO_TIME, JUMPS = range(8)
_FIX, _STATIC = from_dtype(FIX_DTYPE), from_dtype(STATIC_DTYPE)


@dataclass(slots=True)
class SourceClock:
    """Event-time clock of one source. `cells` int64[8]: earliest and newest time, jump candidate, rows that agree, counters."""

    lateness_ms: int
    jump_ms: int = JUMP_MS
    confirm_rows: int = 8
    fixes_seen: int = 0
    cells: np.ndarray = field(default_factory=lambda: np.array([T_MISSING, T_MISSING, T_MISSING, 0, 0, 0, 0, 0], np.int64))

    def stamp(self, fixes: np.ndarray, statics: np.ndarray, safety: list[SafetyReport] | tuple[SafetyReport, ...] = ()) -> None:
        """Set `release_ms` and the time flags of fixes and statics (arrival order), in place; `release_ms` of safety reports.

        Only fixes move the clock; a static row or a report is judged by the watermark in force after `fixes_before` fixes.
        """
        watermarks = np.empty(len(fixes) + 1, np.int64)
        _stamp(self.cells, fixes, watermarks, self.lateness_ms, self.jump_ms, self.confirm_rows)
        if len(statics):
            _stamp_statics(statics, watermarks, self.fixes_seen, self.jump_ms + self.lateness_ms)
        for report in safety:
            mark_ms = int(watermarks[min(max(report.fixes_before - self.fixes_seen, 0), len(fixes))])
            wild = mark_ms != T_MISSING and report.t_ms > mark_ms + self.jump_ms + self.lateness_ms
            report.release_ms = mark_ms if wild else max(report.t_ms, mark_ms)
        self.fixes_seen += len(fixes)

    def stamp_behind(self, fixes: np.ndarray, statics: np.ndarray, safety: list[SafetyReport] | tuple[SafetyReport, ...], common_ms: int) -> None:
        """`stamp` of a source that does not hold the picture back: all are judged by the watermark of the others (T_MISSING: none yet).

        Its own clock only notes how far it came, so that it can hold the watermark when nobody else does.
        """
        for rows, counted in ((fixes, True), (statics, False)):
            t, usable = rows["t_ms"], (rows["flags"] & np.uint32(F_CK_BAD) == 0) | (not counted)
            no_time = usable & (t == T_MISSING)
            late = usable & ~no_time & (common_ms != T_MISSING) & (t < common_ms)
            future = usable & ~no_time & (common_ms != T_MISSING) & (t > common_ms + AHEAD_MS)
            rows["release_ms"] = np.where(late, common_ms, np.where(usable, t, rows["release_ms"]))
            rows["flags"] |= (no_time * np.uint32(F_NO_TIME) | late * np.uint32(F_LATE) | future * np.uint32(F_FUTURE)).astype(np.uint32)
            known = t[usable & ~no_time & ~future]
            if counted:
                self.cells[[LATE, FUTURE, NO_TIME]] += [int(late.sum()), int(future.sum()), int(no_time.sum())]
                if len(known):
                    first, newest = int(self.cells[FIRST]), int(self.cells[NEWEST])
                    self.cells[FIRST] = min(int(known.min()), first if first != T_MISSING else int(known.min()))
                    self.cells[NEWEST] = max(int(known.max()), newest)
        for report in safety:
            wild = common_ms != T_MISSING and report.t_ms > common_ms + AHEAD_MS
            report.release_ms = common_ms if wild else max(report.t_ms, common_ms)
        self.fixes_seen += len(fixes)

    @property
    def watermark_ms(self) -> int:
        """Every row still to come with an earlier time will be late. T_MISSING before the first row."""
        newest = int(self.cells[NEWEST])
        return T_MISSING if newest == T_MISSING else newest // GRID_MS * GRID_MS - self.lateness_ms

    @property
    def first_ms(self) -> int:
        """Earliest event time of any accepted row, or T_MISSING."""
        return int(self.cells[FIRST])

    @property
    def newest_ms(self) -> int:
        """Newest accepted event time, or T_MISSING."""
        return int(self.cells[NEWEST])

    def counts(self) -> dict[str, int]:
        """Rows judged late, quarantined, without time; accepted jumps of the clock."""
        return {"late": int(self.cells[LATE]), "future": int(self.cells[FUTURE]), "no_time": int(self.cells[NO_TIME]), "time_jump": int(self.cells[JUMPS])}


def end_of_recording(newest_ms: int) -> int:
    """The watermark that releases everything a finished recording holds: the second after its last event."""
    return T_MISSING if newest_ms == T_MISSING else newest_ms // GRID_MS * GRID_MS + GRID_MS


# Slow twin in tests/naive_watermark.py.
@kernel((_STATIC[::1], int64[::1], int64, int64))
def _stamp_statics(statics, watermarks, fixes_seen, ahead_ms):
    """Judge static rows, each by the watermark after the fixes that came before it. watermarks: before the first of these fixes, and after each."""
    for i in range(statics.shape[0]):
        row = statics[i]
        mark_ms, t = watermarks[min(max(np.int64(row["fixes_before"]) - fixes_seen, 0), watermarks.shape[0] - 1)], row["t_ms"]
        row["release_ms"] = t
        if t == T_MISSING:
            row["flags"] |= np.uint32(F_NO_TIME)
        elif t < mark_ms:
            row["flags"] |= np.uint32(F_LATE)
            row["release_ms"] = mark_ms
        elif mark_ms != T_MISSING and t > mark_ms + ahead_ms + GRID_MS:
            row["flags"] |= np.uint32(F_FUTURE)


# Flat: one decision per row, each of which depends on the row before it; slow twin in tests/naive_watermark.py.
@kernel((int64[::1], _FIX[::1], int64[::1], int64, int64, int64))
def _stamp(cells, fixes, watermarks, lateness_ms, jump_ms, confirm_rows):
    for i in range(fixes.shape[0] + 1):
        newest = cells[NEWEST]
        watermarks[i] = T_MISSING if newest == T_MISSING else newest // GRID_MS * GRID_MS - lateness_ms
        if i == fixes.shape[0]:
            return
        fix = fixes[i]
        if fix["flags"] & np.uint32(F_CK_BAD):
            continue
        t = fix["t_ms"]
        if t == T_MISSING:
            fix["flags"] |= np.uint32(F_NO_TIME)
            cells[NO_TIME] += 1
            continue
        if newest == T_MISSING:
            cells[FIRST] = cells[NEWEST] = t
        elif t > newest + jump_ms:
            agrees = cells[CANDIDATE] != T_MISSING and abs(t - cells[CANDIDATE]) <= jump_ms
            cells[AGREEING] = cells[AGREEING] + 1 if agrees else 1
            cells[CANDIDATE] = t
            if cells[AGREEING] < confirm_rows:
                fix["flags"] |= np.uint32(F_FUTURE)
                cells[FUTURE] += 1
                continue
            cells[JUMPS] += 1
            cells[NEWEST] = t
            cells[CANDIDATE] = T_MISSING
        else:
            cells[AGREEING] = 0
            cells[NEWEST] = max(t, newest)
        cells[FIRST] = min(t, cells[FIRST])
        if t < watermarks[i]:
            fix["flags"] |= np.uint32(F_LATE)
            cells[LATE] += 1
            fix["release_ms"] = watermarks[i]
        else:
            fix["release_ms"] = t
