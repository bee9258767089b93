"""Times as text. May hold: conversion between UTC milliseconds and ISO 8601. May not: ask any clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(t_ms: int | None) -> str | None:
    """ISO 8601 UTC with milliseconds ('2026-01-01T00:00:00.000Z'); None stays None."""
    if t_ms is None:
        return None
    return f"{_second(t_ms // 1000)}{t_ms % 1000:03d}Z"


@lru_cache(maxsize=4096)
def _second(t_s: int) -> str:
    """The text up to the point before the milliseconds. Events of a minute share a few dozen of them, and making one is dear."""
    return (EPOCH + timedelta(seconds=t_s)).strftime("%Y-%m-%dT%H:%M:%S.")


def from_iso(text: str | None) -> int | None:
    """UTC milliseconds of an ISO 8601 text; a text without zone is UTC. Raises ValueError."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(milliseconds=1)


def clock_text(t_ms: int) -> str:
    """Hours and minutes of the day as a log book has them: '14:05Z'."""
    minute = t_ms // 60_000 % 1440
    return f"{minute // 60:02d}:{minute % 60:02d}Z"


def duration_text(seconds: float) -> str:
    """'47 min', '3 h 05 min', '2 d 4 h'."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return f"{int(seconds)} s"
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 2880:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"
