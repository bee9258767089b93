"""Cells of delimited text: kernels that split lines and read numbers, times and words without a Python object per row.

May live here: byte arithmetic on (data, starts, ends). May not: column names, AIS ranges, counters, files.

A line is a record. A quoted cell may hold the delimiter and doubled quotes but never a line end: one stray quote must
not swallow the rest of a file, and AIS tables hold no text of two lines. So any cut of the file gives the same cells.

    split        complete lines -> where the wanted cells begin and end, and a verdict for every line
    numbers      cells -> value times scale, rounded half away from zero, int64; CELL_EMPTY or CELL_BAD
    moments      cells -> UTC milliseconds; ISO 8601 (no zone means UTC), dd/mm/yyyy, or seconds to nanoseconds since 1970
    fingerprints cells -> 64-bit FNV-1a of the trimmed bytes of several cells; 0 when all of them are blank
"""

from __future__ import annotations

import numpy as np

from dogwatch.kernel import kernel

CELL_EMPTY = -(1 << 62)
CELL_BAD = CELL_EMPTY + 1
LINE_BYTES_MAX = 65_536  # a longer line is rejected: nobody writes a position in 64 KiB, and memory must stay bounded

LINE_OK, LINE_BLANK, LINE_COMMENT, LINE_COLUMNS, LINE_QUOTES, LINE_LONG = range(6)

# 1990-01-01 .. 2100-01-01: AIS is younger, and a spreadsheet's day number must not pass as seconds since 1970
TIME_MIN_MS = 631_152_000_000
TIME_MAX_MS = 4_102_444_800_000

POW10 = np.array([10.0**i for i in range(23)])  # exact in float64
DAYS_BEFORE_MONTH = np.array([0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365], np.int64)
FNV_BASIS = np.uint64(0xCBF29CE484222325)
FNV_PRIME = np.uint64(0x100000001B3)


def _packed(word: str) -> int:
    return int.from_bytes(word.encode("ascii"), "big")


# what people and programs write where they have no number; compared as lower-case bytes packed into one integer
NOTHING = np.array([_packed(w) for w in ("-", "na", "n/a", "nan", "nat", "none", "null", "\\n", "unknown", "missing")], np.int64)

# signatures: every kernel is compiled at import or read from the cache, never at the first row
_BYTES = "uint8[::1]"
_GRID = "int32[:, ::1]"


# flat: the only pass over every byte of a table; cut into functions it would hand a dozen positions to and fro
@kernel(f"int64({_BYTES}, int64, int64, int32[::1], int64[::1], {_GRID}, {_GRID}, uint8[::1])")
def split(data, delimiter, width, slot_of, line_at, starts, ends, verdict):
    """Cells of complete lines. `data` ends with a line feed; returns the number of lines.

    slot_of int32[width]: for each column its place in starts/ends, or -1 where nobody wants it. For line r the bytes
    are data[line_at[r]:line_at[r + 1]]. Rows of lines whose verdict is not LINE_OK hold empty cells.
    """
    row = 0
    at = 0
    n = data.shape[0]
    line_at[0] = 0
    while at < n:
        begin = at
        while data[at] != 10:
            at += 1
        stop = at
        at += 1
        line_at[row + 1] = at
        for slot in range(starts.shape[1]):
            starts[row, slot] = ends[row, slot] = begin
        long_line = stop - begin > LINE_BYTES_MAX
        if stop > begin and data[stop - 1] == 13:
            stop -= 1
        first = begin
        while first < stop and (data[first] == 32 or (data[first] == 9 and delimiter != 9)):
            first += 1
        if long_line:
            verdict[row] = LINE_LONG
        elif first == stop:
            verdict[row] = LINE_BLANK
        elif data[first] == 35:
            verdict[row] = LINE_COMMENT
        else:
            verdict[row] = LINE_OK
            column = 0
            i = begin
            while True:
                while i < stop and data[i] == 32 and delimiter != 32:
                    i += 1
                if i < stop and data[i] == 34:
                    i += 1
                    start = i
                    while i < stop and (data[i] != 34 or (i + 1 < stop and data[i + 1] == 34)):
                        i += 2 if data[i] == 34 else 1
                    end = i
                    i += 1
                    while i < stop and data[i] == 32 and delimiter != 32:
                        i += 1
                    if end >= stop or (i < stop and data[i] != delimiter):
                        verdict[row] = LINE_QUOTES
                        break
                else:
                    start = i
                    while i < stop and data[i] != delimiter:
                        i += 1
                    end = i
                while end > start and data[end - 1] == 32:
                    end -= 1
                while start < end and data[start] == 32:
                    start += 1
                if column < width and slot_of[column] >= 0:
                    starts[row, slot_of[column]] = start
                    ends[row, slot_of[column]] = end
                column += 1
                if i >= stop:
                    break
                i += 1
            if verdict[row] == LINE_OK and column != width:
                verdict[row] = LINE_COLUMNS
            if verdict[row] != LINE_OK:
                for slot in range(starts.shape[1]):
                    starts[row, slot] = ends[row, slot] = begin
        row += 1
    return row


@kernel(f"boolean({_BYTES}, int64, int64)")
def _says_nothing(data, start, end):
    if end - start > 7:
        return False
    packed = np.int64(0)
    for i in range(start, end):
        c = np.int64(data[i])
        if 65 <= c <= 90:
            c += 32
        packed = packed * 256 + c
    for word in NOTHING:
        if packed == word:
            return True
    return packed == 0


@kernel(f"UniTuple(int64, 2)({_BYTES}, int64, int64)")
def _digits(data, start, end):
    """(value, number of digits) of the digits at start; at most nine are read."""
    value = np.int64(0)
    i = start
    while i < end and i - start < 9 and 48 <= data[i] <= 57:
        value = value * 10 + (np.int64(data[i]) - 48)
        i += 1
    return value, i - start


@kernel(f"int64({_BYTES}, int64, int64, float64, boolean)")
def _number(data, start, end, scale, comma):
    negative = False
    i = start
    if i < end and (data[i] == 45 or data[i] == 43):
        negative = data[i] == 45
        i += 1
    mantissa = np.int64(0)
    digits = 0
    exponent = 0
    after_point = False
    while i < end:
        c = np.int64(data[i])
        if 48 <= c <= 57:
            digits += 1
            if mantissa < 100_000_000_000_000_000:
                mantissa = mantissa * 10 + (c - 48)
                exponent -= 1 if after_point else 0
            else:
                exponent += 0 if after_point else 1
        elif not after_point and (c == 46 or (comma and c == 44)):
            after_point = True
        else:
            break
        i += 1
    if digits == 0:
        return CELL_EMPTY if _says_nothing(data, start, end) else CELL_BAD
    if i < end and (data[i] | 32) == 101:
        i += 1
        sign = 1
        if i < end and (data[i] == 45 or data[i] == 43):
            sign = -1 if data[i] == 45 else 1
            i += 1
        power, n = _digits(data, i, end)
        i += n
        if n == 0:
            return CELL_BAD
        exponent += sign * min(power, 9999)
    if i < end:
        return CELL_BAD
    value = np.float64(mantissa)
    if exponent > 22:
        return np.int64(0) if mantissa == 0 else CELL_BAD
    if exponent >= 0:
        value *= POW10[exponent]
    elif exponent >= -22:
        value /= POW10[-exponent]
    else:
        value = value / POW10[22] / POW10[min(22, -exponent - 22)]
    scaled = value * scale
    if scaled > 9e15:
        return CELL_BAD
    whole = np.int64(np.floor(scaled + 0.5))
    return -whole if negative else whole


@kernel(f"void({_BYTES}, {_GRID}, {_GRID}, int64, float64, boolean, int64[::1])")
def numbers(data, starts, ends, slot, scale, comma, out):
    """out[r] = cell of `slot` in row r, times scale, rounded; CELL_EMPTY when blank or "null", CELL_BAD when no number.

    comma: a comma is a decimal point too (files whose delimiter is not a comma).
    """
    for r in range(out.shape[0]):
        out[r] = _number(data, starts[r, slot], ends[r, slot], scale, comma)


@kernel(f"int64({_BYTES}, int64, int64)")
def _since_1970(data, start, end):
    """Digits with an optional fraction: seconds, milliseconds, microseconds or nanoseconds, told apart by their size."""
    whole = np.int64(0)
    i = start
    while i < end and 48 <= data[i] <= 57:
        if i - start >= 19:
            return CELL_BAD
        whole = whole * 10 + (np.int64(data[i]) - 48)
        i += 1
    if i == start or whole < 0:
        return CELL_BAD
    thousandths = np.int64(0)
    if i < end:
        if data[i] != 46:
            return CELL_BAD
        i += 1
        places = 0
        while i < end and 48 <= data[i] <= 57:
            if places < 3:
                thousandths = thousandths * 10 + (np.int64(data[i]) - 48)
                places += 1
            i += 1
        if i < end:
            return CELL_BAD
        while places < 3:
            thousandths *= 10
            places += 1
    if whole < 100_000_000_000:
        return whole * 1000 + thousandths
    if whole < 100_000_000_000_000:
        return whole
    if whole < 100_000_000_000_000_000:
        return whole // 1000
    return whole // 1_000_000


@kernel(f"int64({_BYTES}, int64, int64)")
def _zone_ms(data, start, end):
    """Offset from UTC in ms of what follows a time: nothing, Z, UTC, +hh, +hhmm, +hh:mm; CELL_BAD for anything else."""
    i = start
    while i < end and data[i] == 32:
        i += 1
    if i == end:
        return np.int64(0)
    if end - i == 1 and (data[i] | 32) == 122:
        return np.int64(0)
    if end - i == 3 and (data[i] | 32) == 117 and (data[i + 1] | 32) == 116 and (data[i + 2] | 32) == 99:
        return np.int64(0)
    if data[i] != 43 and data[i] != 45:
        return CELL_BAD
    sign = np.int64(-1) if data[i] == 45 else np.int64(1)
    i += 1
    hours, n = _digits(data, i, end)
    minutes = np.int64(0)
    i += n
    if n == 4:
        hours, minutes = hours // 100, hours % 100
    elif n == 2 and i < end and data[i] == 58:
        minutes, n = _digits(data, i + 1, end)
        i += 1 + n
        if n != 2:
            return CELL_BAD
    elif n != 2:
        return CELL_BAD
    if i != end or hours > 14 or minutes > 59:
        return CELL_BAD
    return sign * (hours * 60 + minutes) * 60_000


@kernel("int64(int64, int64, int64)")
def _days(year, month, day):
    """Days since 1970-01-01 of a date of the Gregorian calendar; CELL_BAD where there is no such day."""
    if year < 1900 or year > 2200 or month < 1 or month > 12 or day < 1:
        return CELL_BAD
    leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
    length = DAYS_BEFORE_MONTH[month + 1] - DAYS_BEFORE_MONTH[month]
    if month == 2 and leap:
        length += 1
    if day > length:
        return CELL_BAD
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400 - 719_162
    days += DAYS_BEFORE_MONTH[month] + day - 1
    return days + 1 if leap and month > 2 else days


@kernel(f"int64({_BYTES}, int64, int64, boolean)")
def _calendar(data, start, end, month_first):
    """Date and time of day: y-m-d or d/m/y (m/d/y where month_first), then h:m[:s[.fraction]] and a zone."""
    a, n_a = _digits(data, start, end)
    i = start + n_a
    if n_a == 0 or i >= end or (data[i] != 45 and data[i] != 47 and data[i] != 46):
        return CELL_BAD
    separator = data[i]
    b, n_b = _digits(data, i + 1, end)
    i += 1 + n_b
    if n_b == 0 or n_b > 2 or i >= end or data[i] != separator:
        return CELL_BAD
    c, n_c = _digits(data, i + 1, end)
    i += 1 + n_c
    if n_a == 4 and 1 <= n_c <= 2:
        days = _days(a, b, c)
    elif n_c == 4 and n_a <= 2:
        days = _days(c, a, b) if month_first else _days(c, b, a)
    else:
        return CELL_BAD
    if days == CELL_BAD or i >= end or (data[i] != 32 and (data[i] | 32) != 116):
        return CELL_BAD
    i += 1
    hours, n = _digits(data, i, end)
    i += n
    if n == 0 or n > 2 or hours > 23 or i >= end or data[i] != 58:
        return CELL_BAD
    minutes, n = _digits(data, i + 1, end)
    i += 1 + n
    if n != 2 or minutes > 59:
        return CELL_BAD
    ms = np.int64(0)
    if i < end and data[i] == 58:
        seconds, n = _digits(data, i + 1, end)
        i += 1 + n
        if n != 2 or seconds > 59:
            return CELL_BAD
        ms = seconds * 1000
        if i < end and (data[i] == 46 or data[i] == 44):
            i += 1
            weight = np.int64(100)
            first = i
            while i < end and 48 <= data[i] <= 57:
                ms += (np.int64(data[i]) - 48) * weight
                weight //= 10
                i += 1
            if i == first:
                return CELL_BAD
    zone = _zone_ms(data, i, end)
    if zone == CELL_BAD:
        return CELL_BAD
    return days * 86_400_000 + hours * 3_600_000 + minutes * 60_000 + ms - zone


@kernel(f"void({_BYTES}, {_GRID}, {_GRID}, int64, boolean, int64[::1])")
def moments(data, starts, ends, slot, month_first, out):
    """out[r] = UTC ms of the cell of `slot` in row r, CELL_BAD when it is no time between 1990 and 2100.

    Fractions beyond the millisecond are cut off. A second 60 is no time here: the last leap second was in 2016.
    """
    for r in range(out.shape[0]):
        start, end = np.int64(starts[r, slot]), np.int64(ends[r, slot])
        t_ms = _since_1970(data, start, end)
        if t_ms == CELL_BAD:
            t_ms = _calendar(data, start, end, month_first)
        out[r] = t_ms if TIME_MIN_MS <= t_ms < TIME_MAX_MS else CELL_BAD


@kernel(f"void({_BYTES}, {_GRID}, {_GRID}, int32[::1], uint64[::1])")
def fingerprints(data, starts, ends, slots, out):
    """out[r] = FNV-1a over the cells of `slots` in row r, each closed by a zero byte; 0 when all are blank."""
    for r in range(out.shape[0]):
        value = FNV_BASIS
        blank = True
        for k in range(slots.shape[0]):
            for i in range(starts[r, slots[k]], ends[r, slots[k]]):
                value = (value ^ np.uint64(data[i])) * FNV_PRIME
                blank = False
            value = value * FNV_PRIME
        out[r] = np.uint64(0) if blank else value
