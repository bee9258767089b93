"""Disagreements between ours and a peer, message by message: the line that completed a message is its name.

May live here: what counts as equal, and the classes of difference that `docs/decoder.md` and `docs/benchmarks.md` describe. What
fits no class is unexplained and printed apart. May not: decoders of others (their rows come as arrays), clocks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.peers_columns import COLUMNS, FIX_TYPES
from dogwatch import batch as b
from ingest.decode import DecodeState, decode

LINE = 0  # column of a peer's row; the main columns follow
TOLERANCE = {"lat": 1.5e-6, "lon": 1.5e-6, "sog": 0.01, "cog": 0.01, "heading": 0.5, "nav": 0.5, "turn": 0.51}  # peers round: six decimals, whole turns
SENTINELS = {
    "lat": (91.0,),
    "lon": (181.0,),
    "sog": (102.3, 1023.0, 63.0),
    "cog": (360.0, 511.0),
    "heading": (511.0,),
    "nav": (15.0,),
    "turn": (127.0, 128.0, 720.03, 731.39),  # raw, or through the square law
}
TALKERS = frozenset((b"AB", b"AD", b"AI", b"AN", b"AR", b"AS", b"AT", b"AX", b"BS", b"SA"))
CHANNELS = frozenset((b"", b"A", b"B", b"1", b"2"))
NOMINAL_BITS = {1: 168, 2: 168, 3: 168, 4: 168, 5: 424, 9: 168, 11: 168, 18: 168, 19: 312, 27: 96}  # ITU-R M.1371-5
SENTENCE_MAX = 82  # characters with CR LF, NMEA 0183
PER_LINE = 1000  # messages that one line may complete, in keys


@dataclass
class Found:
    """Messages of ours: keys (line x 1000 + ordinal), main columns (NaN = missing), flags; and why other lines made none."""

    keys: np.ndarray
    columns: np.ndarray
    flags: np.ndarray
    verdicts: dict[int, str]
    lines: list[bytes]


def read_ours(lines: list[bytes]) -> Found:
    """Decode line by line, so that every message has its line (rows do not depend on the cuts)."""
    state = DecodeState("bench")
    before = state.counts
    keys: list[int] = []
    rows: list[np.ndarray] = []
    flags: list[np.ndarray] = []
    verdicts = {}
    for index, line in enumerate(lines):
        found, marks = _messages(decode(state, line, final=index == len(lines) - 1))
        keys += range(index * PER_LINE, index * PER_LINE + len(found))
        rows.append(found)
        flags.append(marks)
        after = state.counts
        if not len(found):
            verdicts[index] = _verdict(before, after)
        before = after
    return Found(np.array(keys), np.concatenate(rows), np.concatenate(flags), verdicts, lines)


def _verdict(before: b.Counts, after: b.Counts) -> str:
    """Why the last line made no message."""
    reason = next((reason for reason, n in after.rejected.items() if n != before.rejected.get(reason, 0)), "")
    return reason or ("no VDM or VDO sentence" if after.other != before.other else "part of a message")


def _messages(batch: b.Batch) -> tuple[np.ndarray, np.ndarray]:
    """Main columns and flags of every message in a batch; one that stands in several tables is one message."""
    out, flags = [_fix_columns(batch.fixes)], [batch.fixes["flags"]]
    for rows in (table[~np.isin(table["msg_type"], batch.fixes["msg_type"])] for table in (batch.statics, batch.others)):
        plain = np.full((len(rows), len(COLUMNS)), np.nan)
        plain[:, 0], plain[:, 1] = rows["msg_type"], rows["mmsi"]
        out.append(plain)
        flags.append(rows["flags"] if "flags" in (rows.dtype.names or ()) else np.zeros(len(rows), np.uint32))
    return np.concatenate(out), np.concatenate(flags)


def _fix_columns(fixes: np.ndarray) -> np.ndarray:
    rot = fixes["rot"].astype(np.float64)
    columns = (
        fixes["msg_type"],
        fixes["mmsi"],
        b.lat_deg(fixes),
        b.lon_deg(fixes),
        b.sog_kn(fixes),
        b.cog_deg(fixes),
        np.where(fixes["hdg"] == b.HDG_MISSING, np.nan, fixes["hdg"]),
        np.where(fixes["nav"] == b.NAV_MISSING, np.nan, fixes["nav"]),
        np.where(np.abs(rot) < 127, np.sign(rot) * (rot / 4.733) ** 2, np.nan),
    )
    return np.column_stack(columns) if len(fixes) else np.empty((0, len(COLUMNS)))


def compare(ours: Found, theirs: np.ndarray, peer: str) -> dict[str, Any]:
    """Counts by column and class. theirs: float64[n, 10], line and main columns of every message, in order."""
    lines = theirs[:, LINE].astype(np.int64)
    first = np.searchsorted(lines, lines)
    keys = lines * PER_LINE + np.arange(len(lines)) - first
    _, mine, his = np.intersect1d(ours.keys, keys, return_indices=True)
    fields: dict[str, Counter[str]] = {}
    a, t, flags = ours.columns[mine], theirs[his, 1:], ours.flags[mine]
    glued = np.array([_glued(ours.lines[at // PER_LINE]) for at in ours.keys[mine]], bool)
    for at, name in enumerate(COLUMNS):
        fields[name] = _differences(name, a[:, at], t[:, at], a, t, np.where(glued, -1, flags.astype(np.int64)))
    only_ours = Counter(_why_dropped(ours, int(at), peer) for at in np.setdiff1d(np.arange(len(ours.keys)), mine))
    only_theirs = Counter(_why_kept(ours, int(lines[at])) for at in np.setdiff1d(np.arange(len(keys)), his))
    told: dict[str, dict[str, int]] = {name: dict(counter.most_common()) for name, counter in fields.items() if counter}
    told |= {"message only ours": dict(only_ours.most_common()), "message only theirs": dict(only_theirs.most_common())}
    unexplained = {what: sum(n for why, n in classes.items() if why.startswith("unexplained")) for what, classes in told.items()}
    return {"messages": len(lines), "both": len(mine), "disagreements": told, "unexplained": {what: n for what, n in unexplained.items() if n}}


def _differences(name: str, mine: np.ndarray, theirs: np.ndarray, a: np.ndarray, t: np.ndarray, flags: np.ndarray) -> Counter[str]:
    """Differing values of one column, counted by class. flags: -1 where the line holds several sentences, so that it may not be the same message."""
    if name in ("type", "mmsi"):
        return Counter("glued sentences" if flags[at] < 0 else "unexplained" for at in np.flatnonzero(mine != theirs))
    position = np.isin(a[:, 0], list(FIX_TYPES)) & (a[:, 0] == t[:, 0])
    same = (np.isnan(mine) & np.isnan(theirs)) | (np.abs(mine - theirs) <= TOLERANCE[name])
    wrong = np.flatnonzero(position & ~same)
    return Counter(_why_value(name, float(mine[at]), float(theirs[at]), int(a[at, 0]), int(flags[at])) for at in wrong)


def _why_value(name: str, mine: float, theirs: float, kind: int, flags: int) -> str:
    """The class of one differing value."""
    if flags < 0:
        return "glued sentences"
    if flags & b.F_SHORT:
        return "cut field read as a value"
    if np.isnan(mine):
        if any(abs(abs(theirs) - sentinel) < 0.1 for sentinel in SENTINELS[name]):
            return "sentinel given as a number"
        if flags & b.F_RANGE:
            return "impossible value given"
    elif np.isnan(theirs):
        if (name == "turn" and mine == 0) or (name == "nav" and kind == 27) or (name == "sog" and mine > 102):
            return "not given"
    elif name in ("lat", "lon"):
        if np.float32(theirs) == theirs and abs(mine - theirs) <= 2 * np.spacing(np.float32(abs(mine))):
            return "32-bit float"
        if kind == 27 and abs(mine - theirs) < 0.0501:
            return "coarse position rounded to 0.1 degree"
    elif name == "turn" and abs(abs(mine) - abs(theirs)) <= TOLERANCE[name]:
        return "turn without its sign"
    elif name == "turn" and mine < theirs < mine + 1.51:
        return "negative turn rounded up"
    return f"unexplained, type {kind}: ours {'missing' if np.isnan(mine) else 'given'}, theirs {'missing' if np.isnan(theirs) else 'given'}"


def _why_dropped(ours: Found, at: int, peer: str) -> str:
    """The class of a message that only ours has."""
    line = int(ours.keys[at]) // PER_LINE
    text = ours.lines[line]
    sentence = text[text.rfind(b"!") :]
    kind, flags = int(ours.columns[at, 0]), int(ours.flags[at])
    reasons: tuple[tuple[Callable[[], bool], str], ...] = (
        (lambda: _glued(text) or any(map(_glued, _parts(ours, line))), "glued sentences"),
        (lambda: len({tuple(_key(part)) for part in _parts(ours, line)}) > 1, "other sentence between two parts"),
        (lambda: text.rstrip(b"\r\n")[-3:-2] != b"*", "something behind the checksum"),
        (lambda: bool(flags & b.F_SHORT), "cut payload"),
        (lambda: bool(flags & b.F_LONG) or _bits(_parts(ours, line)) != NOMINAL_BITS.get(kind, _bits(_parts(ours, line))), "length not nominal"),
        (lambda: _key(text)[0][1:3] not in TALKERS, "talker"),
        (lambda: _key(text)[3] not in CHANNELS, "channel"),
        (lambda: kind == 28, "type 28"),
        (lambda: ours.columns[at, 1] == 0, "MMSI 0"),
        (lambda: len(sentence) > SENTENCE_MAX, "sentence over 82 characters"),
        (lambda: kind == 24 and peer == "gpsdecode", "halves of type 24 joined"),
    )
    return next((why for holds, why in reasons if holds()), f"unexplained, type {kind}")


def _parts(ours: Found, line: int) -> list[bytes]:
    """The line that completed a message and as many before it as it has further parts."""
    further = int(_key(ours.lines[line])[1]) - 1
    return ours.lines[max(0, line - further) : line + 1]


def _key(line: bytes) -> list[bytes]:
    """Address, count, sequence and channel of the last sentence on a line: what parts of one message share."""
    fields = line[line.rfind(b"!") :].split(b",")
    return [*fields[:2], *fields[3:5]]


def _bits(parts: list[bytes]) -> int:
    """Bits of the payload in these parts."""
    fields = [part[part.rfind(b"!") :].split(b",", 6) for part in parts]
    return sum(6 * len(each[5]) for each in fields) - int(fields[-1][6][:1])


def _glued(line: bytes) -> bool:
    return line.count(b"!") > 1


def _why_kept(ours: Found, line: int) -> str:
    """The class of a message that only the peer has: why its line made none of ours."""
    verdict = "glued sentences" if _glued(ours.lines[line]) else ours.verdicts.get(line)
    if verdict == "glued sentences":
        return verdict
    return f"unexplained, {verdict or 'more than ours'}" if verdict in (None, "part of a message") else f"we reject: {verdict}"
