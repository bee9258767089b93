"""Rows of a table: cells -> rows of FIX_DTYPE and STATIC_DTYPE, and the class of every line.

May live here: what a cell means as AIS, ranges and sentinels (ais-decoding rules: missing is missing, out of range is
missing and flagged). May not: memory between calls (tabular), byte loops (cells), files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dogwatch import batch as b
from ingest import cells, table_words
from ingest.layout import STATIC_FIELDS, Layout

MMSI_MAX = 999_999_999
ROT_RATE_MAX = 126  # 708 degrees a minute; beyond it the radio says only "turning"
BEACONS = (970, 972, 974)  # AIS-SART, man overboard, EPIRB (ITU-R M.585-9)

KINDS = ("position", "static", "base_station", "aid_to_navigation", "other_type")
REASONS = ("bad_columns", "bad_quotes", "bad_time", "bad_mmsi", "bad_position", "line_too_long")
POSITION, STATIC, BASE, AID, OTHER_TYPE, BLANK, COMMENT, HEADER, BAD_COLUMNS, BAD_QUOTES, BAD_TIME, BAD_MMSI, BAD_POSITION, TOO_LONG = range(14)
KIND_OF_TYPE = np.full(256, OTHER_TYPE, np.uint8)
KIND_OF_TYPE[[1, 2, 3, 9, 18, 19, 27]] = POSITION
KIND_OF_TYPE[[5, 24]] = STATIC
KIND_OF_TYPE[4], KIND_OF_TYPE[21] = BASE, AID
CLASS_OF_LINE = np.array([POSITION, BLANK, COMMENT, BAD_COLUMNS, BAD_QUOTES, TOO_LONG], np.uint8)  # by cells.LINE_*


@dataclass(frozen=True, slots=True)
class Cells:
    """Where the cells of n lines are: line r is data[line_at[r]:line_at[r + 1]], field f of it [starts[r, slot[f]], ends[r, slot[f]])."""

    data: np.ndarray
    line_at: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    verdict: np.ndarray
    slot: dict[str, int]
    layout: Layout

    def numbers(self, field: str, scale: float) -> np.ndarray:
        """int64[n] of a field, times scale; all CELL_EMPTY where the table has no such column."""
        out = np.full(len(self.verdict), cells.CELL_EMPTY, np.int64)
        if field in self.slot:
            cells.numbers(self.data, self.starts, self.ends, self.slot[field], scale, self.layout.delimiter != ",", out)
        return out

    def text(self, field: str, row: int) -> str:
        """The cell of a field in one row; empty where the table has no such column."""
        if field not in self.slot:
            return ""
        slot = self.slot[field]
        return self.data[self.starts[row, slot] : self.ends[row, slot]].tobytes().decode("utf-8", "replace")

    def codes(self, field: str, meaning: Callable[[str], int]) -> np.ndarray:
        """int64[n]: meaning(text) of each cell, asked once per distinct text."""
        if field not in self.slot:
            return np.full(len(self.verdict), meaning(""), np.int64)
        _, first, inverse = np.unique(self.prints((field,)), return_index=True, return_inverse=True)
        return np.array([meaning(self.text(field, int(row))) for row in first], np.int64)[inverse]

    def prints(self, fields: tuple[str, ...]) -> np.ndarray:
        """uint64[n] fingerprint of the cells of those fields that the table has; 0 where all are blank."""
        out = np.zeros(len(self.verdict), np.uint64)
        slots = np.array([self.slot[field] for field in fields if field in self.slot], np.int32)
        if len(slots):
            cells.fingerprints(self.data, self.starts, self.ends, slots, out)
        return out

    def line(self, row: int) -> bytes:
        """One line without its line end."""
        return self.data[self.line_at[row] : self.line_at[row + 1]].tobytes().rstrip(b"\r\n")


def find_cells(text: bytes, layout: Layout) -> Cells:
    """Cells of complete lines (text ends with a line feed)."""
    data = np.frombuffer(bytearray(text), np.uint8)  # kernels take writable arrays
    n = int(np.count_nonzero(data == 10))
    read = sorted(set(layout.column.values()))  # a mark may stand in a column that is mapped to a field
    slot = {field: read.index(column) for field, column in layout.column.items()}
    slot_of = np.full(layout.width, -1, np.int32)
    slot_of[read] = np.arange(len(read))
    line_at, verdict = np.empty(n + 1, np.int64), np.empty(n, np.uint8)
    starts, ends = np.empty((n, len(read)), np.int32), np.empty((n, len(read)), np.int32)
    cells.split(data, ord(layout.delimiter), layout.width, slot_of, line_at, starts, ends, verdict)
    return Cells(data, line_at, starts, ends, verdict, slot, layout)


def read_rows(table: Cells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(class of every line uint8[n], notes uint8[n], rows FIX_DTYPE[n]); a row means something where its class is POSITION or STATIC.

    A note of 1 marks a row in which some cell was no value of its kind: the cell is missing and F_RANGE says so.
    """
    classes = CLASS_OF_LINE[table.verdict]
    rows = b.new_fixes(len(classes))
    t_ms = np.full(len(rows), cells.CELL_BAD, np.int64)
    cells.moments(table.data, table.starts, table.ends, table.slot["t"], table.layout.month_first, t_ms)
    rows["t_ms"] = rows["t_rx_ms"] = t_ms
    rows["t_src"] = b.T_SRC_PREFIX
    rows["receivers"] = 1
    mmsi = table.numbers("mmsi", 10)
    bad_mmsi = (mmsi < 10) | (mmsi > MMSI_MAX * 10) | (mmsi % 10 != 0)
    rows["mmsi"] = np.where(bad_mmsi, 0, mmsi // 10)
    rows["msg_type"] = _message_types(table)
    bad_position = _fill_position(rows, table)
    strange = _fill_motion(rows, table)
    rows["flags"] |= np.where(strange, b.F_RANGE, 0).astype(np.uint32)
    rows["flags"] |= np.where(np.isin(rows["msg_type"], (18, 19)), b.F_CLASS_B, 0).astype(np.uint32)
    marked = table.codes("exercise", table_words.truth) | table.codes("marked", table_words.truth) | table.codes("station", table_words.simulated)
    rows["flags"] |= np.where(marked, b.F_EXERCISE, 0).astype(np.uint32)
    usable = classes == POSITION
    classes[usable] = KIND_OF_TYPE[rows["msg_type"]][usable]
    classes[(classes == POSITION) & bad_position] = BAD_POSITION
    classes[usable & bad_mmsi] = BAD_MMSI
    classes[usable & (t_ms == cells.CELL_BAD)] = BAD_TIME
    _find_headers(classes, table)
    return classes, (strange & (classes == POSITION)).astype(np.uint8), rows


def read_statics(table: Cells, rows: np.ndarray) -> np.ndarray:
    """STATIC_DTYPE[k]: what rows (indices) say about the ship itself; time, MMSI, type and flags are for `dress`."""
    out = b.new_statics(len(rows))
    amounts = {name: np.maximum(table.numbers(name, 10 if name == "draught_m" else 1), 0)[rows] for name in STATIC_FIELDS if name.endswith("_m")}
    reference = (amounts["bow_m"] + amounts["stern_m"] > 0) & (amounts["port_m"] + amounts["starboard_m"] > 0)
    out["bow"] = np.where(reference, _at_most(amounts["bow_m"], 511), 0)
    out["stern"] = np.where(reference, _at_most(amounts["stern_m"], 511), _at_most(amounts["length_m"], 511))
    out["port"] = np.where(reference, _at_most(amounts["port_m"], 63), 0)
    out["starboard"] = np.where(reference, _at_most(amounts["starboard_m"], 63), _at_most(amounts["width_m"], 63))
    out["draught_dm"] = _at_most(amounts["draught_m"], 255)
    for place, row in enumerate(rows):
        out["name"][place] = table_words.ascii_text(table.text("name", row), 34)
        out["callsign"][place] = table_words.ascii_text(table.text("callsign", row), 7)
        out["destination"][place] = table_words.ascii_text(table.text("destination", row), 20)
        out["imo"][place] = table_words.imo_number(table.text("imo", row))
        out["ship_type"][place] = table_words.ship_code(table.text("ship_type", row))
    sized = (out["ship_type"] > 0) | (out["bow"].astype(int) + out["stern"] > 0) | (out["port"] + out["starboard"] > 0)
    out["has"] = b.HAS_NAME * (out["name"] != b"") + b.HAS_CALLSIGN * (out["callsign"] != b"") + b.HAS_TYPE_AND_SIZE * sized
    out["has"] += (b.HAS_VOYAGE * ((out["destination"] != b"") | (out["draught_dm"] > 0))).astype(np.uint8)
    return out


def dress(statics: np.ndarray, rows: np.ndarray, fixes_before: np.ndarray) -> np.ndarray:
    """Statics with the time, place, MMSI, class and flags of the rows they stood in; those that say nothing are left out."""
    out = statics.copy()
    for name in ("t_ms", "t_rx_ms", "mmsi", "src"):
        out[name] = rows[name]
    out["fixes_before"] = fixes_before
    out["flags"] = rows["flags"] & np.uint32(b.F_EXERCISE | b.F_CLASS_B)
    out["msg_type"] = np.where(rows["flags"] & np.uint32(b.F_CLASS_B), 19, 5)
    return out[(out["has"] > 0) | (out["imo"] > 0)]


def distress(fixes: np.ndarray, receiver: str, before: int = 0) -> list[b.SafetyReport]:
    """A report for every row of a beacon (MMSI 970, 972, 974) or with navigational status 14, in row order. before: fixes that left earlier."""
    beacon = np.isin(fixes["mmsi"] // 1_000_000, BEACONS)
    found = []
    for i in np.flatnonzero(beacon | (fixes["nav"] == 14)):
        row = fixes[i]
        report = b.SafetyReport(
            t_ms=int(row["t_ms"]),
            mmsi=int(row["mmsi"]),
            kind="beacon" if beacon[i] else "status14",
            msg_type=int(row["msg_type"]),
            text="",
            lat=int(row["lat"]),
            lon=int(row["lon"]),
            nav=int(row["nav"]),
            damaged=False,
            receiver=receiver,
            simulated=bool(row["flags"] & b.F_EXERCISE),
            sog=int(row["sog"]),
            fixes_before=before + int(i),
        )
        found.append(report)
    return found


def _message_types(table: Cells) -> np.ndarray:
    """uint8[n]: the type that the table tells, else that of the class, else 1 (positions of a class nobody told)."""
    told = table.codes("msg_type", table_words.message_type)
    by_class = table.codes("class", table_words.class_type)
    return np.where(told > 0, told, np.where(by_class > 0, by_class, 1)).astype(np.uint8)


def _fill_position(rows: np.ndarray, table: Cells) -> np.ndarray:
    """Set lat, lon and F_NULL_ISLAND; bool[n]: the cells hold no position and do not say "not available" either."""
    lat, lon = table.numbers("lat", b.UNITS_PER_DEG), table.numbers("lon", b.UNITS_PER_DEG)
    no_lat, no_lon = (lat == cells.CELL_EMPTY) | (lat == b.LAT_MISSING), (lon == cells.CELL_EMPTY) | (lon == b.LON_MISSING)
    bad = ~no_lat & (np.abs(lat) > b.LAT_MAX) | ~no_lon & (np.abs(lon) > b.LON_MAX)
    nowhere = no_lat | no_lon | bad
    rows["lat"] = np.where(nowhere, b.LAT_MISSING, lat)
    rows["lon"] = np.where(nowhere, b.LON_MISSING, lon)
    rows["flags"] |= np.where(~nowhere & (lat == 0) & (lon == 0), b.F_NULL_ISLAND, 0).astype(np.uint32)
    return bad


def _fill_motion(rows: np.ndarray, table: Cells) -> np.ndarray:
    """Set speed, course, heading, turn and status; bool[n]: some cell was out of its range or no value at all."""
    sog, cog = table.numbers("sog_kn", 10), table.numbers("cog_deg", 100)
    heading, rot, nav = table.numbers("heading_deg", 1), table.numbers("rot_deg_min", 100), table.codes("nav_status", table_words.nav_code)
    top_sog = np.where(rows["msg_type"] == 9, b.SOG_AIRCRAFT_MAX, b.SOG_MAX)
    good_sog = (sog >= 0) & (sog <= top_sog) & (sog != b.SOG_MISSING)
    good_cog = (cog >= 0) & (cog < 36_000)  # exactly 360 means "not available"; 359.96 rounds to 0
    good_heading = (heading >= 0) & (heading < 360)
    good_rot = rot > cells.CELL_BAD
    rows["sog"] = np.where(good_sog, sog, b.SOG_MISSING)
    rows["cog"] = np.where(good_cog, (cog + 5) // 10 % 3600, b.COG_MISSING)
    rows["hdg"] = np.where(good_heading, heading, b.HDG_MISSING)
    rate = np.floor(4.733 * np.sqrt(np.abs(np.where(good_rot, rot, 0)) / 100) + 0.5)
    rows["rot"] = np.where(good_rot, np.sign(rot) * np.where(rate > ROT_RATE_MAX, 127, rate), b.ROT_MISSING).astype(np.int8)
    rows["nav"] = np.where(nav >= 0, nav, b.NAV_MISSING)
    rows["flags"] |= np.where(sog == top_sog, b.F_SOG_MAX, 0).astype(np.uint32)
    said = (~good_sog & (sog != cells.CELL_EMPTY) & (sog != b.SOG_MISSING)) | (~good_cog & (cog != cells.CELL_EMPTY) & (cog != 36_000))
    said |= ~good_heading & (heading != cells.CELL_EMPTY) & (heading != b.HDG_MISSING)
    return said | (rot == cells.CELL_BAD) | (nav < 0)


def _find_headers(classes: np.ndarray, table: Cells) -> None:
    """Repeats of the header (joined files) are no rejects; they look like a bad time or a comment."""
    header = table.layout.header
    length = np.diff(table.line_at)
    near = (length >= len(header) + 1) & (length <= len(header) + 2)
    for row in np.flatnonzero(near & ((classes == BAD_TIME) | (classes == COMMENT))) if header else ():
        if table.line(int(row)) == header:
            classes[row] = HEADER


def _at_most(amounts: np.ndarray, limit: int) -> np.ndarray:
    return np.minimum(amounts, limit)
