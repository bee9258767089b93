"""The fuzzer of the decoder: seeded inputs, and what must hold for any of them. One process is one mode; `make fuzz` runs all.

`python -m tests.fuzz_decode --mode compiled --bytes 1000000 --seed 7` prints the figures as JSON, or stops at the first
failure with the command that repeats it. Theory: an epoch is some stretches of bytes, with or without arrival times, with
lost connections between them, under one checksum mode. One state reads each stretch at once, another one in pieces, and is
packed and unpacked now and then; both must yield the same. A long epoch is long enough to fill every table.

Modes: `compiled` is what users run. `bounds` compiles with bounds checks in a cache of its own and takes the meaning "from
the end" from negative indices, so that those raise too. `python` runs the source without the compiler, where NumPy checks
bounds, negative indices raise, and integers that overflow raise; the eight-bytes-at-once way does not exist there.

May live here: oracles, guards, the loop. May not: what inputs look like (fuzz_inputs).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

MODES = ("compiled", "bounds", "python")
CANARY = 0xA5
BORDER = 4096  # bytes on either side of every store
POOL = 2000  # lines, of which some are replaced at each epoch
MEMORY_GROWTH_MAX_MB = 64  # between a tenth of the run and its end


def negative_indices_are_faults() -> None:
    """From here on what Numba compiles, the reader of tables, takes a negative index as it is, so that the bounds check sees it. The decoder always does."""
    from numba import types
    from numba.np import arrayobj

    def as_it_is(context: Any, builder: Any, kind: Any, index: Any, _size: Any) -> Any:
        return index if kind.signed else context.cast(builder, index, kind, types.intp)

    arrayobj.fix_integer_index = as_it_is


MODE = os.environ.get("DOGWATCH_FUZZ_MODE", "compiled")
if MODE == "bounds":  # before anything is compiled
    negative_indices_are_faults()

import numpy as np  # noqa: E402

from dogwatch import batch as b  # noqa: E402
from dogwatch import blob  # noqa: E402
from dogwatch.compiled import Entry  # noqa: E402
from ingest import kernel  # noqa: E402
from ingest.decode import DecodeState, decode  # noqa: E402
from ingest.records import records  # noqa: E402
from tests import fuzz_captures, fuzz_inputs, fuzz_tables  # noqa: E402
from tests.naive_decode import FIX_TYPES  # noqa: E402
from tests.test_decode_twin import assert_twin_agrees, gathered  # noqa: E402

TWIN_BYTES_MAX = 4000  # of each epoch are read by the twin too, which is slow
RECORDS_MAX = 20  # of each batch are read as typed records
# Where the kernel's output tables begin, how many rows they have room for, which register counts them, bytes of a row.
OUTPUTS = (
    (kernel.RAW, kernel.RAW_MAX, kernel.G_RAW, 1),
    (kernel.STATIC_ROWS, kernel.STATICS_MAX, kernel.G_STATICS, kernel.S_SIZE),
    (kernel.OTHER_ROWS, kernel.OTHERS_MAX, kernel.G_OTHERS, kernel.O_SIZE),
    (kernel.SAFETY_ROWS, kernel.SAFETY_MAX, kernel.G_SAFETY, kernel.A_SIZE),
)
SPILL = 7  # bytes behind the rows of a table in the byte store are scratch: they are cleared and copied eight at once
SETTINGS = [kernel.C_MODE, kernel.C_STRICT_TAGS, kernel.C_KEEP_ALL]
STATIC_TYPES = (5, 19, 21, 24)
OWN_CLOCKS = (b"RMC", b"ZDA")  # what the twin does not know


class Strict(np.ndarray):
    """An array that takes no negative index: for the kernel without its compiler."""

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int | np.integer) and index < 0:
            raise IndexError(f"negative index {index}")
        return super().__getitem__(index)

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, int | np.integer) and index < 0:
            raise IndexError(f"negative index {index}")
        super().__setitem__(index, value)


Scan = Callable[..., tuple[int, ...]]


class Guards:
    """Canaries round the stores of a state, and in every output table behind what a call has written.

    Takes the place of the kernel's entry while it is entered, so that each call is looked at by itself.
    """

    def __init__(self) -> None:
        self.entry, self.borders, self.calls = kernel.scan, list[np.ndarray](), 0

    def __enter__(self) -> Guards:
        kernel.scan = self.guarded_entry(self.entry)
        return self

    def __exit__(self, *_: object) -> None:
        kernel.scan = self.entry

    def guarded_entry(self, entry: Entry) -> SimpleNamespace:
        """An entry of the kernel that looks at each of its calls."""
        return SimpleNamespace(load=lambda: partial(self.guarded, entry.load()))

    def fence(self, state: DecodeState) -> DecodeState:
        """Give a new state stores with a border. The borders of the states before are no longer looked at."""
        for name, store in vars(state).items():
            if isinstance(store, np.ndarray):
                setattr(state, name, self.bordered(store))
        state._window = state._buf.data
        del self.borders[: -4 * 2 * 2]
        return state

    def bordered(self, store: np.ndarray) -> np.ndarray:
        """A copy of a store between canaries, which are looked at from now on."""
        whole = np.full(store.nbytes + 2 * BORDER, CANARY, np.uint8)
        inner = whole[BORDER:-BORDER].view(store.dtype)
        inner[:] = store
        self.borders += [whole[:BORDER], whole[-BORDER:]]
        return inner

    def guarded(self, scan: Scan, m: np.ndarray, buf: np.ndarray, start: int, end: int, arrival: int, fixes: np.ndarray) -> tuple[int, ...]:
        self.calls += 1
        tables = [(buf[base : base + rows * width], register, width) for base, rows, register, width in OUTPUTS]
        for table, _, _ in tables:
            table[:] = CANARY
        buf[end : kernel.INPUT + kernel.INPUT_MAX + kernel.INPUT_PAD] = CANARY
        settings, given, own = m[SETTINGS].copy(), buf[start:end].copy(), self.bordered(fixes)
        own[:] = CANARY
        answer = self.strict_scan(scan, m, buf, start, end, arrival, own) if MODE == "python" else scan(m, buf, start, end, arrival, own)
        assert start <= answer[0] <= end, (start, answer, end)
        for table, register, width in [*tables, (own, kernel.G_FIXES, kernel.F_SIZE)]:
            used = int(m[register]) * width
            assert 0 <= used <= len(table), f"register {register}: {m[register]}"
            behind = used if register == kernel.G_FIXES else used + SPILL
            assert intact(table[behind:]), f"written behind row {m[register]} of the table of register {register}"
        assert np.array_equal(buf[start:end], given), "the input was changed"
        assert intact(buf[end:]), "written behind the input"
        assert np.array_equal(m[SETTINGS], settings), "a setting was changed"
        assert all(intact(border) for border in self.borders), "written outside a store"
        del self.borders[-2:]
        fixes[:] = own
        return answer

    def strict_scan(self, scan: Scan, m: np.ndarray, buf: np.ndarray, *rest: Any) -> tuple[int, ...]:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy warns where a compiled integer would wrap around
            return tuple(map(int, scan(m.view(Strict), buf.view(Strict), *rest)))


def intact(canaries: np.ndarray) -> bool:
    return not len(canaries) or bool((canaries == CANARY).all())


class Epoch:
    """One reproducible piece of the run: settings, and segments of (bytes, arrival time, whether the connection is lost afterwards)."""

    def __init__(self, seed: int, number: int, pool: list[bytes], size_max: int) -> None:
        rng = self.rng = random.Random(seed * 1_000_003 + number)
        self.checksum = rng.choice(("drop", "drop", "flag", "absent"))
        self.tags = rng.choice(("keep", "keep", "strict"))
        self.exercise, self.keep_all = rng.random() < 0.1, rng.random() < 0.2
        arrival = rng.choice((None, None, 1_767_225_700_000))
        size = min(size_max, rng.choice((500, 2000, 8000, 30_000, 150_000)))
        self.segments: list[tuple[bytes, int | None, bool]] = []
        for _ in range(rng.choice((1, 2, 6))):
            data = fuzz_inputs.stream(rng, pool, rng.randrange(size) + 1)
            arrival = None if arrival is None else arrival + rng.choice((0, 50, 2100, 3_700_000, -9000))
            self.segments.append((data, arrival, rng.random() < 0.1))
        self.bytes = sum(len(data) for data, _, _ in self.segments)

    def state(self, guards: Guards) -> DecodeState:
        return guards.fence(DecodeState("s", checksum=self.checksum, tags=self.tags, exercise=self.exercise, keep_all=self.keep_all))


def cuts(rng: random.Random, n: int) -> list[int]:
    """Where to cut n bytes: seldom everywhere, mostly in a few places."""
    if rng.random() < 0.05:
        at = rng.randrange(n)
        return [0, *range(at, min(n, at + 400)), n]
    return [0, *sorted(rng.randrange(n) for _ in range(rng.randrange(6))), n]


def read_in_pieces(epoch: Epoch, guards: Guards) -> tuple[list[b.Batch], DecodeState, int]:
    """(batches, state, snapshots taken): cut anywhere, packed and unpacked here and there."""
    rng, state, snapshots, found = epoch.rng, epoch.state(guards), 0, []
    for data, arrival, relink in epoch.segments:
        for start, end in pairwise(cuts(rng, len(data)) if data else [0]):
            found.append(decode(state, data[start:end], arrival))
            if rng.random() < 0.05:
                packed = blob.pack(state.to_sections(), schema=1)
                state = guards.fence(DecodeState.from_sections(blob.unpack(packed, schema=1)))
                assert blob.pack(state.to_sections(), schema=1) == packed, "a state read back is another one"
                snapshots += 1
        if relink:
            state.relink()
    found.append(decode(state, b"", final=True))
    return found, state, snapshots


def read_at_once(epoch: Epoch, guards: Guards) -> tuple[list[b.Batch], DecodeState]:
    """(batches, state): each segment in one call."""
    state, found = epoch.state(guards), []
    for data, arrival, relink in epoch.segments:
        found.append(decode(state, data, arrival))
        if relink:
            state.relink()
    found.append(decode(state, b"", final=True))
    return found, state


def check_fixes(rows: np.ndarray, receivers: int, mode: str) -> None:
    """Every value is in its range or missing, and flags say what the values say."""
    flags, kind = rows["flags"], rows["msg_type"]
    lat, lon = rows["lat"], rows["lon"]
    no_lat, no_lon = lat == b.LAT_MISSING, lon == b.LON_MISSING
    assert (no_lat == no_lon).all()
    assert ((np.abs(lat) <= b.LAT_MAX) | no_lat).all()
    assert ((np.abs(lon) <= b.LON_MAX) | no_lon).all()
    assert np.array_equal(flags & b.F_NULL_ISLAND != 0, (lat == 0) & (lon == 0))
    whole_knots = (kind == 9) | (kind == 27)
    assert ((rows["sog"] <= b.SOG_MISSING) | whole_knots & (rows["sog"] <= 10 * b.SOG_MAX)).all()
    assert (rows["cog"] <= b.COG_MISSING).all()
    assert ((rows["hdg"] < 360) | (rows["hdg"] == b.HDG_MISSING)).all()
    assert (rows["nav"] <= b.NAV_MISSING).all()
    assert (rows["sec"] <= b.SEC_MISSING).all()
    assert (rows["alt_m"] <= b.ALT_MISSING).all()
    assert (rows["radio"] < 1 << 19).all()
    assert (rows["mmsi"] < 1 << 30).all()
    assert np.array_equal(flags & b.F_MMSI_BAD != 0, (rows["mmsi"] == 0) | (rows["mmsi"] > 999_999_999))
    assert set(np.unique(kind).tolist()) <= FIX_TYPES | {28}
    assert np.array_equal(flags & b.F_CLASS_B != 0, (kind == 18) | (kind == 19))
    assert not (flags[kind != 27] & b.F_COARSE).any()
    assert not (flags & (b.F_LATE | b.F_FUTURE)).any()
    check_times_and_sources(rows, receivers, mode)
    timed = rows["t_rx_ms"] != b.T_MISSING
    assert (np.abs(rows["t_ms"] - rows["t_rx_ms"])[timed] <= 31_000).all()
    assert np.array_equal(rows["t_src"] == b.T_SRC_NONE, ~timed)
    assert np.array_equal(rows["receivers"], np.uint64(1) << np.minimum(rows["src"], 63).astype(np.uint64))


def check_times_and_sources(rows: np.ndarray, receivers: int, mode: str) -> None:
    """What fixes and static rows have in common."""
    missing = rows["t_rx_ms"] == b.T_MISSING
    assert np.array_equal(rows["t_ms"] == b.T_MISSING, missing)
    assert np.array_equal(rows["flags"] & b.F_NO_TIME != 0, missing)
    assert (rows["release_ms"] == b.T_MISSING).all()
    assert (rows["src"] < receivers).all()
    assert mode == "flag" or not (rows["flags"] & b.F_CK_BAD).any()


def check_statics(rows: np.ndarray, receivers: int, mode: str) -> None:
    """As for fixes; texts are clean six-bit text."""
    check_times_and_sources(rows, receivers, mode)
    assert np.isin(rows["msg_type"], STATIC_TYPES).all()
    assert (rows["part"] <= 1).all()
    assert (rows["eta_month"] <= 12).all()
    assert (rows["eta_day"] <= 31).all()
    assert (rows["eta_hour"] <= 24).all()
    assert (rows["eta_minute"] <= 60).all()
    for size, most in (("bow", 511), ("stern", 511), ("port", 63), ("starboard", 63), ("draught_dm", 255), ("has", 15)):
        assert (rows[size] <= most).all(), size
    for name, has in (("name", b.HAS_NAME), ("callsign", b.HAS_CALLSIGN), ("destination", b.HAS_VOYAGE)):
        letters = np.ascontiguousarray(rows[name]).view(np.uint8).reshape(len(rows), rows.dtype[name].itemsize)
        assert ((letters == 0) | ((letters >= 32) & (letters <= 95) & (letters != 64))).all(), name
        assert not ((letters[:, 1:] != 0) & (letters[:, :-1] == 0)).any(), name  # nothing behind the end
        assert not (letters[:, 0] == 32).any(), name
        assert not (rows[name][(rows["has"] & has) == 0] != b"").any(), name


def check_batches(found: list[b.Batch], state: DecodeState, mode: str) -> int:
    """All rows of a run; returns how many."""
    fixes = b.join_rows([each.fixes for each in found], b.FIX_DTYPE)
    statics = b.join_rows([each.statics for each in found], b.STATIC_DTYPE)
    check_fixes(fixes, len(state.receivers), mode)
    check_statics(statics, len(state.receivers), mode)
    assert (np.diff(statics["fixes_before"]) >= 0).all()
    assert not len(statics) or 0 <= statics["fixes_before"].min() <= statics["fixes_before"].max() <= len(fixes)
    others = 0
    for each in found:
        assert all(isinstance(report.text, str) and report.text.isascii() for report in each.safety)
        assert sum(1 for _ in records(replace(each, others=each.others[:RECORDS_MAX]))) == min(len(each.others), RECORDS_MAX)
        assert (each.others["start"].astype(np.int64) + each.others["length"] <= len(each.raw)).all()
        for row in each.others:
            text = each.raw[row["start"] : row["start"] + row["length"]]
            assert text[:1] == b"!"
            assert text[3:5].upper() == b"VD"
        others += len(each.others)
    decoded = state.counts.decoded
    assert len(fixes) == sum(decoded.get(str(kind), 0) for kind in {*FIX_TYPES, *np.unique(fixes["msg_type"]).tolist()})
    return len(fixes) + len(statics) + others


def check_size(state: DecodeState) -> None:
    """Whatever was read, a state is bounded."""
    assert len(state.receivers) <= kernel.STATIONS_MAX
    assert state._m[kernel.C_OPEN_MESSAGES] <= kernel.OPEN_MAX
    assert state._m[kernel.C_KINDS] <= kernel.KINDS_MAX
    assert len(state._tail) <= kernel.LINE_MAX
    assert state._m.size == kernel.M_SIZE
    assert state._buf.size == kernel.BUF_SIZE


def check_epoch(epoch: Epoch, guards: Guards, done: Counter, reached: set[str]) -> None:
    """All oracles on one epoch; what its counters name is put into `reached`. Raises AssertionError, or whatever the decoder raises."""
    whole, first = read_at_once(epoch, guards)
    pieces, second, snapshots = read_in_pieces(epoch, guards)
    assert first.counts.balance() == second.counts.balance() == 0
    assert gathered(whole) == gathered(pieces), "rows depend on the cuts"
    assert blob.pack(first.to_sections(), schema=1) == blob.pack(second.to_sections(), schema=1), "the state depends on the cuts"
    assert first.receivers == second.receivers
    rows = check_batches(whole, first, epoch.checksum)
    check_size(first)
    done.update(
        rows=rows, snapshots=snapshots, sentences=int(first._m[kernel.C_SENTENCES]), lines=first.counts.lines, relinks=sum(r for _, _, r in epoch.segments)
    )
    reached.update(first.counts.rejected, first.counts.notes, first.counts.decoded)
    data = epoch.segments[0][0][:TWIN_BYTES_MAX]
    if not any(clock in data for clock in OWN_CLOCKS):
        assert_twin_agrees(data)
        done.update(twin_bytes=len(data))


def check_flips(rng: random.Random, pool: list[bytes], done: Counter) -> None:
    """One wrong byte before a checksum never yields a row of any kind."""
    whole = [line for line in rng.sample(pool, 60) if line[:1] == b"!" and line.count(b"!") == line.count(b"*") == 1]
    bad = [fuzz_inputs.damaged_body(rng, line) for line in whole if fuzz_inputs.repaired(line) == line]
    found = decode(DecodeState("s"), b"\n".join(bad) + b"\n", final=True)
    assert len(found.fixes) == len(found.statics) == len(found.others) == 0, bad
    done.update(flips=len(bad))


def check_damage(rng: random.Random, done: Counter) -> None:
    """One wrong byte in some payloads of a clean stream takes rows away and adds none: no message is made of two."""
    clean = fuzz_inputs.clean_lines(rng, 20)
    damaged = [fuzz_inputs.damaged_payload(rng, line) if rng.random() < 0.2 else line for line in clean]
    known, found = ({row.tobytes() for row in content(lines)} for lines in (clean, damaged))
    assert found <= known, b"\n".join(damaged)
    done.update(damaged_lines=sum(a != z for a, z in zip(clean, damaged)))


def content(lines: list[bytes]) -> Iterator[np.void]:
    """What a stream without stamps says of vessels: its rows but for where they stand among others."""
    found = decode(DecodeState("s"), b"\n".join(lines) + b"\n", final=True)
    found.statics["fixes_before"] = 0
    yield from found.fixes
    yield from found.statics


def self_test() -> None:
    """The mode is what it says: the decoder that is about to run is stopped where it reads outside. Raises AssertionError."""

    def caught(start: int, size: int) -> bool:
        """Whether the decoder is stopped that reads 64 letters from `start` on in a store cut down to `size` bytes."""
        state = DecodeState("s")
        state._buf[:] = 65
        inside = state._buf[kernel.INPUT : kernel.INPUT + size]
        whole = kernel.scan.load()
        scan = partial(Guards().strict_scan, whole) if MODE == "python" else whole
        try:
            scan(state._m, inside, start, start + 64, b.T_MISSING, np.empty(kernel.ROWS_MARGIN * kernel.F_SIZE, np.uint8))
        except IndexError:
            return True
        return False

    if MODE != "compiled":
        assert [caught(0, 128), caught(0, 60), caught(0, 8), caught(-8, 128)] == [False, True, True, True]
    with Guards() as guards:
        state = guards.fence(DecodeState("s"))
        assert intact(guards.borders[-1])
        np.frombuffer(guards.borders[-1].base, np.uint8)[-BORDER] ^= 1  # type: ignore[arg-type]
        try:
            decode(state, b"\n")
        except AssertionError:
            return
    raise AssertionError("a broken border was not seen")


def run(seed: int, n_bytes: int, only: int | None = None) -> dict[str, Any]:
    """Epochs until so many bytes are through; the figures of the run. Failures carry the command that repeats them."""
    self_test()
    begun, done, reached, number, early_mb = time.process_time(), Counter(), set[str](), 0 if only is None else only, 0.0
    pool = fuzz_inputs.seed_lines(random.Random(seed), POOL if n_bytes > 1_000_000 else POOL // 5)
    with Guards() as guards:
        while done["bytes"] < n_bytes:
            epoch = Epoch(seed, number, pool, size_max=n_bytes // 20)
            try:
                check_epoch(epoch, guards, done, reached)
                check_flips(epoch.rng, pool, done)
                check_damage(epoch.rng, done)
                done.update(bytes=epoch.bytes, table_bytes=fuzz_tables.check(epoch.rng), capture_bytes=fuzz_captures.check(epoch.rng))
            except BaseException as fault:
                fault.add_note(f"seed {seed}, epoch {number}: python -m tests.fuzz_decode --mode {MODE} --bytes {n_bytes} --seed {seed} --only {number}")
                raise
            number += 1
            if only is not None:
                break
            if not early_mb and done["bytes"] > n_bytes / 10:
                early_mb = memory_mb()
    growth_mb = memory_mb() - early_mb if early_mb else 0.0
    assert growth_mb < MEMORY_GROWTH_MAX_MB, f"memory grew by {growth_mb:.0f} MB"
    figures = {"mode": MODE, "seed": seed, "epochs": number, **done, "calls": guards.calls, "crashes": 0}
    figures["unreached"] = sorted({*kernel.REASONS, *kernel.NOTES, *map(str, range(1, 29))} - reached)
    return figures | {"peak_mb": round(memory_mb()), "growth_mb": round(growth_mb), "cpu_s": round(time.process_time() - begun, 1)}


def memory_mb() -> float:
    """Peak resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """One mode, in this process; the environment that the mode needs is set before Python starts again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=MODES, default="compiled")
    parser.add_argument("--bytes", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="one epoch of a run that failed")
    options = parser.parse_args()
    if os.environ.get("DOGWATCH_FUZZ_MODE") != options.mode:
        os.execve(sys.executable, [sys.executable, "-m", "tests.fuzz_decode", *sys.argv[1:]], environment(options.mode))
    print(json.dumps(run(options.seed, options.bytes, options.only)))


def environment(mode: str) -> dict[str, str]:
    """What a process of this mode is started with. A cache entry does not say whether bounds were checked: each has its own."""
    own = {"DOGWATCH_FUZZ_MODE": mode, "NUMBA_DISABLE_JIT": "1" if mode == "python" else "0"}
    if mode == "bounds":
        own |= {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": os.path.join(".cache", "fuzz-bounds")}
    return {**os.environ, **own}


if __name__ == "__main__":
    main()
