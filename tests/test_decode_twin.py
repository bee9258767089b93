"""The kernel against its slow twin, cut invariance, and what must hold for any bytes at all."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch import blob
from dogwatch.batch import (
    COG_MISSING,
    F_DELAYED,
    HDG_MISSING,
    LAT_MISSING,
    LON_MISSING,
    NAV_MISSING,
    ROT_MISSING,
    SEC_MISSING,
    SOG_MISSING,
    T_SRC_PREFIX,
    T_SRC_TAG,
    Batch,
)
from ingest import kernel
from ingest.decode import DecodeState, decode
from ingest.reasons import NOTED, OTHER, REJECTED
from ingest.records import records
from tests.decode_inputs import messy_lines, one, position, safety_text, static, two
from tests.naive_decode import BOTH, FIX_TYPES, Twin, checksum, event_ms_of, fix_of, text_of

MISSING = {
    "mmsi": -1,
    "lat": LAT_MISSING,
    "lon": LON_MISSING,
    "sog": SOG_MISSING,
    "cog": COG_MISSING,
    "hdg": HDG_MISSING,
    "sec": SEC_MISSING,
    "nav": NAV_MISSING,
    "rot": ROT_MISSING,
}
STAMPS = {T_SRC_TAG: "tag", 2: "pghp", 3: "trailer", T_SRC_PREFIX: "prefix"}


def stream(seed: int, n: int, ends: tuple[bytes, ...] = (b"\r\n", b"\n", b"\r")) -> bytes:
    rng = random.Random(seed)
    return b"".join(line + rng.choice(ends) for line in messy_lines(rng, n))


def classes_of(state: DecodeState) -> dict[str, int]:
    counts = state.counts
    out = {name: getattr(counts, name) for name in ("lines", "glued", "blank", "tag_only", "parts", "open")}
    out["other"] = sum(counts.other.values())
    out |= {f"decoded {kind}": n for kind, n in counts.decoded.items()}
    out |= {f"rejected {reason}": n for reason, n in counts.rejected.items()}
    return {name: n for name, n in out.items() if n}


def assert_twin_agrees(data: bytes, *, strict: bool = False) -> int:
    state = DecodeState("s", tags="strict" if strict else "keep")
    batch = decode(state, data, final=True)
    expected = Twin(strict_tags=strict).read(data)
    assert classes_of(state) == {name: n for name, n in expected.classes.items() if n}
    fixes = [m for m in expected.messages if m["kind"] in FIX_TYPES]
    assert len(batch.fixes) == len(fixes)
    for row, message in zip(batch.fixes, fixes):
        found = {name: None if row[name] == missing else int(row[name]) for name, missing in MISSING.items()}
        assert found == fix_of(message), message
        if int(row["t_src"]) in STAMPS or message["t_src"] != "none":
            assert (STAMPS[int(row["t_src"])], int(row["t_rx_ms"])) == (message["t_src"], message["t"])
            assert (int(row["t_ms"]), bool(row["flags"] & F_DELAYED)) == event_ms_of(message)
        name = message["s"].decode("ascii", "replace")
        assert batch.receivers[row["src"]] == (f"s/{name}" if name else "s")
    statics = [m for m in expected.messages if m["kind"] in (5, 21, 24) or (m["kind"] == 19 and len(m["bits"]) >= 301)]
    assert len(batch.statics) == len(statics)
    for row, message in zip(batch.statics, statics):
        bits = message["bits"]
        if message["kind"] == 5 and len(bits) >= 424:
            assert row["name"].decode() == text_of(bits, 112, 20)
            assert row["destination"].decode() == text_of(bits, 302, 20)
            assert (row["imo"], row["ship_type"], row["draught_dm"]) == (int(bits[40:70], 2), int(bits[232:240], 2), int(bits[294:302], 2))
        elif message["kind"] == 24 and bits[38:40] == "00":
            assert row["name"].decode() == (text_of(bits, 40, 20) if len(bits) >= 160 else "")
    others = [m for m in expected.messages if m["kind"] not in FIX_TYPES - BOTH | {5, 24}]
    assert [(int(o["msg_type"]), int(o["mmsi"])) for o in batch.others] == [(m["kind"], m["mmsi"]) for m in others]
    for row, message in zip(batch.others, others):
        assert message["payload"] in batch.raw[row["start"] : row["start"] + row["length"]]
    return len(fixes)


@pytest.mark.parametrize("seed", range(8))
def test_kernel_agrees_with_its_twin(seed: int) -> None:
    assert assert_twin_agrees(stream(seed, 400)) > 100
    assert assert_twin_agrees(stream(seed, 200), strict=True) > 50


@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from([*messy_lines(random.Random(5), 60), b"\n", b"\r\n", b"\\", b"!AIVDM", b"*", b","]), max_size=25).map(b"".join)
)
@settings(max_examples=300)
def test_any_bytes_are_read_as_the_twin_reads_them(data: bytes) -> None:
    assert_twin_agrees(data)
    assert_twin_agrees(data, strict=True)


@given(st.binary(max_size=400), st.sampled_from(["drop", "flag", "absent"]), st.integers(0, 400), st.booleans())
@settings(max_examples=200)
def test_any_bytes_balance_and_never_raise(data: bytes, mode: str, cut: int, final: bool) -> None:
    state = DecodeState("s", checksum=mode)  # type: ignore[arg-type]
    decode(state, data[:cut])
    decode(state, data[cut:], final=final)
    assert state.counts.balance() == 0


def gathered(batches: list[Batch]) -> tuple[bytes, bytes, list, bytes, list[bytes]]:
    sentences = [b.raw[o["start"] : o["start"] + o["length"]] for b in batches for o in b.others]
    plain = [b.others[["t_ms", "t_rx_ms", "mmsi", "src", "msg_type"]].tolist() for b in batches]
    return (
        b"".join(b.fixes.tobytes() for b in batches),
        b"".join(b.statics.tobytes() for b in batches),
        [r for b in batches for r in b.safety],
        repr([row for rows in plain for row in rows]).encode(),
        sentences,
    )


def run_in_pieces(data: bytes, cuts: list[int], *, restart: bool = False) -> tuple:
    state = DecodeState("s")
    batches = []
    edges = [0, *sorted(cuts), len(data)]
    for start, end in pairwise(edges):
        batches.append(decode(state, data[start:end]))
        if restart:
            packed = blob.pack(state.to_sections(), schema=1)
            state = DecodeState.from_sections(blob.unpack(packed, schema=1))
            assert blob.pack(state.to_sections(), schema=1) == packed
    batches.append(decode(state, b"", final=True))
    return (*gathered(batches), classes_of(state), state.counts, state.samples, blob.pack(state.to_sections(), schema=1), tuple(state.receivers))


def test_a_comma_in_the_talker_separates_nothing() -> None:
    """Found by the fuzzer: the sentence that is kept could not be read as a record."""
    line = one(safety_text("MAYDAY"), talker=",-") + b"\n"
    assert_twin_agrees(line + one(position(), talker="A,") + b"\n")
    ((_, found),) = records(decode(DecodeState("s"), line))
    assert found.text == "MAYDAY"  # type: ignore[attr-defined]


def test_a_year_that_fits_no_integer_is_no_date() -> None:
    """Found by the fuzzer, in the twin."""
    body = b"$PGHP,1,99999999999999999999,1,1,0,0,0,0,1,,,1,00"
    assert_twin_agrees(b"%s*%02X\n" % (body, checksum(body[1:])) + one(position()) + b"\n")


def test_one_byte_at_a_time_changes_nothing() -> None:
    data = stream(11, 120)
    assert run_in_pieces(data, list(range(1, len(data)))) == run_in_pieces(data, [])


@pytest.mark.parametrize("seed", range(6))
def test_cuts_and_restarts_change_nothing(seed: int) -> None:
    data = stream(100 + seed, 300)
    rng = random.Random(seed)
    whole = run_in_pieces(data, [])
    assert len(whole[0]) > 0
    cuts = [rng.randrange(len(data)) for _ in range(40)]
    assert run_in_pieces(data, cuts) == whole
    assert run_in_pieces(data, cuts[:12], restart=True) == whole


def test_full_output_tables_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state with the smallest possible tables stops and resumes many times inside one call."""
    data = b"".join(one(position(i + 1)) + b"\n" + b"\n".join(two(static(i + 1))) + b"\n" for i in range(400))
    small, big = DecodeState("s"), DecodeState("s")
    whole = gathered([decode(big, data)])
    monkeypatch.setattr(kernel, "ROWS_MAX", 7)
    assert gathered([decode(small, data)]) == whole
    assert small.counts == big.counts


@given(st.integers(0, 27), st.integers(1, 255), st.sampled_from([1, 3, 18]))
@settings(max_examples=150)
def test_one_damaged_byte_never_yields_a_fix(at: int, flip: int, kind: int) -> None:
    good = one(position(kind=kind))
    hit = good.index(b",A,") + 3 + at
    state = DecodeState("s")
    batch = decode(state, good[:hit] + bytes([good[hit] ^ flip]) + good[hit + 1 :] + b"\n", final=True)
    assert len(batch.fixes) == 0
    assert state.counts.balance() == 0


def test_damaged_bytes_before_a_checksum_never_yield_a_fix() -> None:
    good = one(position())
    tried = 0
    for hit in range(1, good.index(b"*")):
        for flip in (1, 2, 4, 8, 16, 32, 64, 128):
            batch = decode(DecodeState("s"), good[:hit] + bytes([good[hit] ^ flip]) + good[hit + 1 :] + b"\n", final=True)
            assert len(batch.fixes) == 0
            tried += 1
    assert tried > 300


@pytest.mark.parametrize("kind", [1, 3, 4, 18])
def test_a_common_line_with_any_byte_changed_is_read_as_the_long_way_reads_it(kind: int) -> None:
    """A blank before a line changes nothing but the way it is read. Checksums are repaired, so that a change meets every later test."""
    rng = random.Random(kind)
    lines = []
    for good in (one(position(kind=kind)), one(position(kind=kind), channel=""), one(position(kind=kind), talker="BS")):
        for block in (b"", b"s:r1,c:1767225600"):
            for hit in range(len(good)):
                for byte in (rng.choice(b"!*,$01WX`wx\x80 "), good[hit] ^ 32, rng.randrange(256)):
                    body = good[1:hit] + bytes([byte]) + good[hit + 1 :] if hit else good[1:]
                    lines.append(b"!%s*%02X" % (body[: body.rindex(b"*")], checksum(body[: body.rindex(b"*")])) if b"*" in body else body)
                    lines[-1] = (b"\\%s*%02X\\" % (block, checksum(block)) if block else b"") + lines[-1]
    lines = [line + rng.choice([b"\r\n", b"\n", b"\r"]) for line in lines]
    common, long_way = DecodeState("s"), DecodeState("s")
    expected = decode(long_way, b" " + b" ".join(lines), final=True)
    assert gathered([decode(common, b"".join(lines), final=True)]) == gathered([expected])
    assert common.counts == long_way.counts
    assert len(expected.fixes) > 100


def test_words_of_the_accounting_are_documented() -> None:
    assert set(REJECTED) == set(kernel.REASONS)
    assert set(NOTED) == set(kernel.NOTES)
    text = (Path(__file__).parents[1] / "docs" / "decoder.md").read_text()
    missing = [name for name in (*REJECTED, *NOTED, *OTHER) if f"`{name}`" not in text]
    assert not missing


def test_relink_drops_what_was_open() -> None:
    state = DecodeState("s")
    decode(state, two(static())[0] + b"\n" + one(position())[:20])
    state.relink()
    batch = decode(state, b"8,0*5C\r\n" + one(position()) + b"\n" + two(static())[1] + b"\n")
    assert len(batch.fixes) == 1
    assert state.counts.rejected == {"link_reset": 1, "orphan_part": 1}
    assert state.counts.lines == 3
    assert state.counts.balance() == 0


def test_without_the_compiler_the_answer_is_the_same() -> None:
    data = stream(3, 80) + one(safety_text("MAYDAY")) + b"\n"
    script = (
        "import sys, json, hashlib\n"
        "from ingest.decode import DecodeState, decode\n"
        "state = DecodeState('s')\n"
        "batch = decode(state, sys.stdin.buffer.read(), final=True)\n"
        "digest = hashlib.sha256(batch.fixes.tobytes() + batch.statics.tobytes() + batch.others.tobytes() + batch.raw).hexdigest()\n"
        "print(json.dumps([digest, state.counts.decoded, state.counts.rejected, state.counts.notes, [r.text for r in batch.safety]]))\n"
    )
    answers = []
    for off in ("0", "1"):
        env = os.environ | {"NUMBA_DISABLE_JIT": off}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", script], input=data, capture_output=True, env=env, cwd=Path(__file__).parents[1], check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        answers.append(json.loads(done.stdout))
    assert answers[0] == answers[1]
    assert answers[0][1]


def test_arrival_order_is_kept() -> None:
    data = b"".join(one(position(100 + i)) + b"\n" for i in range(3000))
    batch = decode(DecodeState("s"), data)
    assert np.array_equal(batch.fixes["mmsi"], np.arange(100, 3100))
