"""Other particulars under the same number: static_change. Definition: docs/behaviours/identity.md. May hold: that rule. May not: two hulls (hulls.py).

Theory. A track is known by the particulars that it told first (KNOWN). A row that says otherwise begins a change; if the old
ones are heard again it was no change but two sets on one number, or a flicker (`flips`). A change that stays for two rounds of
reports is looked at once: what is spelt otherwise, was empty before, or changed in port, is taken over in silence.
Only what is said counts: parts A and B of type 24 tell half each, and "not available" contradicts nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, from_dtype, int64, uint8

from dogwatch.batch import HAS_CALLSIGN, HAS_NAME, HAS_TYPE_AND_SIZE, STATIC_DTYPE
from dogwatch.events import Event, Value
from dogwatch.kernel import kernel
from tracks import episodes as ep
from tracks import subjects, who
from tracks.detector import Sight
from tracks.hulls import FLIPS_MIN, alive_together
from tracks.params import Identity
from tracks.records import TRAIL_MS
from tracks.vessels import VesselTable, text_of, trail_of
from tracks.who import KNOWN_TYPE, offset_of

NAME, CALLSIGN, TYPE, SIZE = 1, 2, 4, 8
NAME_LETTERS, SIGN_LETTERS = 20, 7  # they come first in KNOWN
_STATIC = from_dtype(STATIC_DTYPE)
_NAME_AT, _SIGN_AT = offset_of(STATIC_DTYPE, "name"), offset_of(STATIC_DTYPE, "callsign")
GAP_MS = 2 * TRAIL_MS  # a hole in the trail in which a change may have been made
TRAIL_S = 2_400.0
PENDING_MAX = 10_000
INSHORE_NM = 2.0
CALLSIGN_EDITS = 1


class Particulars:
    """Changes under way: key -> [first row, last time the old ones were told or the vessel fell silent, rows, fields]."""

    def __init__(self) -> None:
        self.pending: dict[int, list[int]] = {}
        self.refused = 0

    def join(self, sight: Sight, statics: np.ndarray, slots: np.ndarray) -> None:
        """Static rows with the slot of the first track of each one's MMSI, in order of time."""
        table = sight.table
        known = table.cold["identity"]
        waiting = np.array(sorted(slot for key in self.pending if (slot := table.slot_of_key(key)) >= 0), np.int64)
        odd = np.empty(len(statics), np.int64)
        texts = [np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1) for rows in (statics, known)]
        n = compare(np.ascontiguousarray(statics), texts[0], slots, known, texts[1], waiting, sight.params.identity.change_size_share_min, odd)
        for i in odd[:n]:
            self._row(sight, statics[i : i + 1], int(slots[i]), int(_said(statics[i : i + 1])[0]))

    def _row(self, sight: Sight, row: np.ndarray, slot: int, said: int) -> None:
        known, key, t_ms = sight.table.cold["identity"], sight.table.key_of(slot), int(row["t_ms"][0])
        found, empty = _against(known[slot : slot + 1], row, np.array([said]), sight.params.identity)
        differs, pending = int(found[0]), self.pending.get(key)
        if not differs:
            if pending is not None and said & pending[3]:
                del self.pending[key]
                known["flips"][slot] = min(255, int(known["flips"][slot]) + 1)
            known["told_s"][slot] = t_ms // 1000 & 0xFFFFFFFF
            _learn(known, slot, row, int(empty[0]))
            return
        if pending is None:
            if len(self.pending) >= PENDING_MAX:
                self.refused += 1
                return
            pending = self.pending[key] = [t_ms, _changed_since(sight, slot, t_ms, int(known["told_s"][slot])), 0, 0]
        pending[2] += 1
        pending[3] |= differs

    def tick(self, sight: Sight) -> list[Event]:
        """Changes that have stayed. Each ten minutes."""
        table, rule, tick_ms = sight.table, sight.params.identity, sight.tick_ms
        events = []
        for key in sorted(self.pending):
            first_ms, from_ms, rows, _ = self.pending[key]
            slot = table.slot_of_key(key)
            if slot >= 0 and (tick_ms - first_ms < rule.change_steady_s * 1000 or rows < 2):
                if tick_ms - first_ms > rule.silent_s * 1000:
                    del self.pending[key]
                continue
            del self.pending[key]
            if slot >= 0:
                events += _changed(sight, slot, key, from_ms, first_ms)
                _take_over(table, slot, first_ms)
        return events


# Flat: a pass over all static rows of a minute, of which nearly all tell what was told before. Slow twin: `_against`.
@kernel(int64(_STATIC[::1], uint8[:, ::1], int64[::1], KNOWN_TYPE[::1], uint8[:, ::1], int64[::1], float64, int64[::1]))
def compare(statics, static_text, slots, known, known_text, waiting, share, odd):
    """Note in the records what is told for the first time, and when what was known was told again; rows that differ, or whose vessel is in
    `waiting` (sorted slots), go to `odd` by number. Returns how many.
    """
    n = 0
    for i in range(statics.shape[0]):
        row, slot = statics[i], slots[i]
        k = known[slot]
        has = np.int64(row["has"])
        named = (has & HAS_NAME) != 0 and static_text[i, _NAME_AT] != 0
        called = (has & HAS_CALLSIGN) != 0 and static_text[i, _SIGN_AT] != 0
        typed = (has & HAS_TYPE_AND_SIZE) != 0 and row["ship_type"] > 0
        loa_m = np.int64(row["bow"]) + np.int64(row["stern"])
        beam_m = np.int64(row["port"]) + np.int64(row["starboard"])
        sized = (has & HAS_TYPE_AND_SIZE) != 0 and loa_m > 0
        if not (named or called or typed or sized):
            continue
        new_name = named and known_text[slot, 0] == 0
        new_sign = called and known_text[slot, NAME_LETTERS] == 0
        differs = False
        if named and not new_name:
            for j in range(NAME_LETTERS):
                differs |= static_text[i, _NAME_AT + j] != known_text[slot, j]
        if called and not new_sign:
            for j in range(SIGN_LETTERS):
                differs |= static_text[i, _SIGN_AT + j] != known_text[slot, NAME_LETTERS + j]
        if typed and k["ship_type"] > 0:
            differs |= row["ship_type"] != k["ship_type"]
        if sized and k["loa_m"] > 0:
            old_m, old_beam_m = np.int64(k["loa_m"]), np.int64(k["beam_m"])
            differs |= abs(loa_m - old_m) > share * old_m
            differs |= old_beam_m > 0 and beam_m > 0 and abs(beam_m - old_beam_m) > share * old_beam_m + 1
        if not differs and waiting.shape[0] > 0:
            at = np.searchsorted(waiting, slot)
            differs = at < waiting.shape[0] and waiting[at] == slot
        if differs:
            odd[n] = i
            n += 1
            continue
        k["told_s"] = np.uint32((row["t_ms"] // 1000) & 0xFFFFFFFF)
        if new_name:
            for j in range(NAME_LETTERS):
                known_text[slot, j] = static_text[i, _NAME_AT + j]
        if new_sign:
            for j in range(SIGN_LETTERS):
                known_text[slot, NAME_LETTERS + j] = static_text[i, _SIGN_AT + j]
        if typed and k["ship_type"] == 0:
            k["ship_type"] = row["ship_type"]
        if sized and k["loa_m"] == 0:
            k["loa_m"] = np.uint16(loa_m if loa_m < 1022 else 1022)
            k["beam_m"] = np.uint8(beam_m if beam_m < 126 else 126)
    return n


def edits(a: str, b: str, most: int) -> int:
    """Letters to add, drop or replace between two texts; most + 1 where it is more than `most`."""
    if abs(len(a) - len(b)) > most:
        return most + 1
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (x != y))
    return min(row[-1], most + 1)


def _said(statics: np.ndarray) -> np.ndarray:
    """int64[n]: which of the four a row tells."""
    has = statics["has"]
    said = np.where((has & HAS_NAME != 0) & (statics["name"] != b""), NAME, 0)
    said |= np.where((has & HAS_CALLSIGN != 0) & (statics["callsign"] != b""), CALLSIGN, 0)
    typed = has & HAS_TYPE_AND_SIZE != 0
    said |= np.where(typed & (statics["ship_type"] > 0), TYPE, 0)
    return said | np.where(typed & (statics["bow"].astype(np.int64) + statics["stern"] > 0), SIZE, 0)


def _against(known: np.ndarray, statics: np.ndarray, said: np.ndarray, rule: Identity) -> tuple[np.ndarray, np.ndarray]:
    """(fields that differ, fields that were not known) of rows against what was known, int64[n] each."""
    loa_m = statics["bow"].astype(np.int64) + statics["stern"]
    beam_m = statics["port"].astype(np.int64) + statics["starboard"]
    share = rule.change_size_share_min
    old_loa, old_beam = known["loa_m"].astype(np.int64), known["beam_m"].astype(np.int64)
    size = (np.abs(loa_m - old_loa) > share * old_loa) | ((old_beam > 0) & (beam_m > 0) & (np.abs(beam_m - old_beam) > share * old_beam + 1))
    fields = (
        (NAME, known["name"] != b"", statics["name"].astype("S20") != known["name"]),
        (CALLSIGN, known["callsign"] != b"", statics["callsign"] != known["callsign"]),
        (TYPE, known["ship_type"] > 0, statics["ship_type"] != known["ship_type"]),
        (SIZE, known["loa_m"] > 0, size),
    )
    differs, empty = np.zeros(len(said), np.int64), np.zeros(len(said), np.int64)
    for bit, is_known, other in fields:
        told = said & bit != 0
        differs |= np.where(told & is_known & other, bit, 0)
        empty |= np.where(told & ~is_known, bit, 0)
    return differs, empty


def _learn(known: np.ndarray, slot: int, row: np.ndarray, fields: int) -> None:
    """What was not known before."""
    if fields & NAME:
        known["name"][slot] = row["name"][0]
    if fields & CALLSIGN:
        known["callsign"][slot] = row["callsign"][0]
    if fields & TYPE:
        known["ship_type"][slot] = row["ship_type"][0]
    if fields & SIZE:
        known["loa_m"][slot] = min(1022, int(row["bow"][0]) + int(row["stern"][0]))
        known["beam_m"][slot] = min(126, int(row["port"][0]) + int(row["starboard"][0]))


def _take_over(table: VesselTable, slot: int, t_ms: int) -> None:
    """From now on the vessel is known by what it tells now."""
    known, static, more = table.cold["identity"], table.statics[slot], table.more[slot]
    known["name"][slot], known["callsign"][slot] = static["name"], static["callsign"]
    known["ship_type"][slot], known["loa_m"][slot], known["beam_m"][slot] = more["ship_type"], more["loa_m"], more["beam_m"]
    known["told_s"][slot], known["flips"][slot] = t_ms // 1000 & 0xFFFFFFFF, 0


def _changed_since(sight: Sight, slot: int, t_ms: int, told_s: int) -> int:
    """When a change, first told at `t_ms`, began: where the vessel fell silent before it, else when the old particulars were last told."""
    told_ms = t_ms - ((t_ms // 1000 - told_s) & 0xFFFFFFFF) * 1000 if told_s else t_ms
    points = trail_of(sight.table, slot, t_ms, TRAIL_S * 2)
    times = t_ms - ((t_ms - points["t"].astype(np.int64)) & 0xFFFFFFFF)
    times = times[times >= told_ms - TRAIL_MS]
    gaps = np.diff(np.append(times, t_ms))
    if len(gaps) and int(gaps.max()) >= GAP_MS:
        return max(told_ms, int(times[int(gaps.argmax())]))
    return told_ms


def _changed(sight: Sight, slot: int, key: int, from_ms: int, first_ms: int) -> list[Event]:
    """The event of a change that has stayed, if it is one of enough fields."""
    table, rule = sight.table, sight.params.identity
    known, static, more = table.cold["identity"][slot], table.statics[slot], table.more[slot]
    if first_ms - from_ms > rule.change_days_max * 86_400_000:
        return []
    fields: dict[str, tuple[Value, Value]] = {}
    for name, most in (("name", rule.spelling_edits_max), ("callsign", CALLSIGN_EDITS)):
        old, new = text_of(known[name]) or "", text_of(static[name]) or ""
        if old and new and edits(old, new, most) > most:
            fields[name] = (old, new)
    if known["ship_type"] and more["ship_type"] and known["ship_type"] != more["ship_type"]:
        fields["ship_type"] = (int(known["ship_type"]), int(more["ship_type"]))
    old_m, new_m = int(known["loa_m"]), int(more["loa_m"])
    if old_m and new_m and abs(new_m - old_m) > rule.change_size_share_min * old_m:
        fields["loa_m"] = (old_m, new_m)
    if len(fields) < rule.change_fields_min:
        return []
    at_rest = 0 <= float(table.rows["speed_kn"][slot]) < 1.0
    in_port = at_rest and (bool(more["masked"]) or float(more["coast_nm"]) <= INSHORE_NM)
    hulls = int(known["flips"]) >= FLIPS_MIN or alive_together(table, int(table.rows["mmsi"][slot]), from_ms)
    exclusions = [ep.checked("in_port", in_port, suppress=True), ep.checked("two_hulls", hulls, suppress=True)]
    evidence = [ep.at_least("fields_changed", len(fields), rule.change_fields_min)]
    measures: dict[str, Any] = {f"{name}_{when}": value for name, pair in fields.items() for when, value in zip(("before", "after"), pair)}
    confidence = ep.confidence_of(rule.confidence_cap, ep.margin_quality(len(fields), rule.change_fields_min), 1.0, [])
    book = ep.Book()  # told once: nothing to remember
    span = (from_ms, first_ms)
    return who.write(
        book, key, sight, "static_change", [subjects.subject_of(table, slot)], span, evidence, exclusions, measures, confidence, who.place_of(sight, slot)
    )
