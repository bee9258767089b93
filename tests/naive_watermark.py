"""The slow, obvious twin of `dogwatch.watermark.SourceClock`."""

from dogwatch.batch import T_MISSING


def judge(times: list[int], lateness_ms: int, jump_ms: int, confirm_rows: int) -> list[tuple[str, int]]:
    """(verdict, release time) per fix in arrival order."""
    newest, candidate, agreeing = None, None, 0
    verdicts: list[tuple[str, int]] = []
    for t in times:
        if t == T_MISSING:
            verdicts.append(("no_time", T_MISSING))
            continue
        watermark = None if newest is None else newest // 1000 * 1000 - lateness_ms
        if newest is not None and t > newest + jump_ms:
            agreeing = agreeing + 1 if candidate is not None and abs(t - candidate) <= jump_ms else 1
            candidate = t
            if agreeing < confirm_rows:
                verdicts.append(("future", T_MISSING))
                continue
            newest, candidate = t, None
        else:
            agreeing = 0
            newest = t if newest is None else max(newest, t)
        late = watermark is not None and t < watermark
        verdicts.append(("late", watermark) if late else ("on_time", t))
    return verdicts


def judge_static(t: int, watermark: int, ahead_ms: int) -> tuple[str, int]:
    """(verdict, release time) of a static row by the watermark in force when it came."""
    if t == T_MISSING:
        return "no_time", T_MISSING
    if watermark != T_MISSING and t < watermark:
        return "late", watermark
    return ("future" if watermark != T_MISSING and t > watermark + ahead_ms + 1000 else "on_time"), t
