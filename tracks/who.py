"""How the identity behaviours keep and write their events. May hold: their record of a track, the life of their pages. May not: any rule.

One record (KNOWN) beside each first track of an MMSI: the particulars it has been known by, so that a change can be
seen; all else that identity must remember is kept only for the few that are suspect, by MMSI or key.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import from_dtype

from dogwatch.batch import LAT_MISSING
from dogwatch.events import Event, Evidence, Exclusion, Subject, Value, event_id
from tracks import episodes as ep
from tracks import subjects
from tracks.detector import Sight
from tracks.key import ORDINAL_BITS

TYPE = "identity"
RULE_VERSION = "1.0"
KNOWN = np.dtype(
    [
        ("name", "S20"),
        ("callsign", "S7"),
        ("ship_type", "u1"),
        ("loa_m", "<u2"),
        ("beam_m", "u1"),
        ("told_s", "<u4"),  # when these were last told, in seconds modulo 2**32; 0: nothing is known
        ("flips", "u1"),  # times other particulars came and went again
        ("imo", "<u4"),  # newest number that was looked at
        ("classes", "u1"),  # ten-minute windows, less than an hour apart, with reports of both classes
        ("classes_s", "<u4"),  # the last of them
    ]
)
KNOWN_TYPE = from_dtype(KNOWN)


def offset_of(dtype: np.dtype, name: str) -> int:
    """Byte at which a field of a record begins."""
    fields: Any = dtype.fields
    return int(fields[name][1])


def write(
    book: ep.Book,
    key: int,
    sight: Sight,
    subtype: str,
    subjects: list[Subject],
    span: tuple[int, int | None],
    evidence: list[Evidence],
    exclusions: list[Exclusion],
    measures: dict[str, Value],
    confidence: float,
    at: tuple[int, int] | None = None,
) -> list[Event]:
    """Open or revise the page `key` with what is true now; nothing, where it says what its last version said."""
    tick_ms, params = sight.tick_ms, sight.params
    reason = ep.suppressed_reason(exclusions)
    state = "candidate" if reason else "open" if span[1] is None else "closed"
    page = book.pages.get(key)
    facts: dict[str, Any] = {
        "state": state,
        "reason": reason,
        "subjects": subjects,
        "t_end": span[1],
        "measures": measures,
        "evidence": evidence,
        "exclusions": exclusions,
        "confidence": confidence,
    }
    if page is not None:
        if page.event.state == "retracted":
            return []
        changed = (page.event.state, page.event.reason, page.event.t_end) != (state, reason, span[1])
        due = state == "open" and tick_ms - page.emitted_ms >= params.revise_s * 1000
        return [book.revise(key, tick_ms, **facts)] if changed or due else []
    lat = lon = None
    if at is not None and at[0] != LAT_MISSING:
        lat, lon = ep.degrees_of(*at)
    event = Event(
        event_id=event_id(TYPE, [s.key for s in subjects], span[0], f"identity_{subtype}", RULE_VERSION),
        version=1,
        type=TYPE,
        subtype=subtype,
        mmsi=sorted({s.mmsi for s in subjects}),
        t_start=span[0],
        t_detected=tick_ms,
        lat=lat,
        lon=lon,
        zones=sight.geography.relations(lat, lon) if lat is not None else [],
        rule=f"identity_{subtype}",
        rule_version=RULE_VERSION,
        params_hash=params.params_hash,
        **facts,
    )
    return [book.open_new(key, event)]


def end(book: ep.Book, key: int, tick_ms: int, t_end: int) -> list[Event]:
    """The page is over: its event closes, if it was still going on, and the page goes."""
    page = book.pages.pop(key)
    if page.event.t_end is not None or page.event.state == "retracted":
        return []
    return [ep.next_version(page.event, tick_ms, t_end=t_end, state="closed" if page.event.state == "open" else page.event.state)]


def stranger(mmsi: int) -> Subject:
    """A number that has no track."""
    return Subject(subjects.subject_key(mmsi << ORDINAL_BITS), mmsi)


def place_of(sight: Sight, slot: int) -> tuple[int, int]:
    """Where a track is, in units."""
    return int(sight.table.rows["lat"][slot]), int(sight.table.rows["lon"][slot])
