"""Messages to sentences, beside pyais' encoder: `make bench-encode` or `python -m benchmarks.encode --rounds 5`.

Ours takes columns and gives bytes, in batches; pyais takes one dictionary and gives strings, one message at a time: that is how
each is used. Contenders take turns in one process on one pinned core; medians of CPU time after one round of warming up.
What ours writes is decoded again before anything is measured, and every position must come back.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pyais import encode_dict

from benchmarks.pipeline import machine
from ingest.decode import DecodeState, decode
from sim.encode import HEARING_DTYPE, NAME, Particulars, SentenceState, check_messages, encode_payloads, encode_sentences, new_messages, new_particulars

MIXES = {
    "type 1": [1],
    "type 18": [18],
    "type 5, two sentences each": [5],
    "traffic: 1 3 18 5 24A 24B 4 21 27": [1] * 60 + [3] * 12 + [18] * 12 + [5] * 5 + [24] * 4 + [4] * 4 + [21, 27, 9],
}
PYAIS_EACH = 2000  # messages per round: the same kinds, fewer of them


def sea(kinds: list[int], n: int) -> tuple[np.ndarray, Particulars]:
    """n messages of the kinds in turn, with moving positions."""
    rng = np.random.default_rng(1)
    messages, particulars = new_messages(n), new_particulars(1000)
    messages["msg_type"], messages["who"] = np.resize(kinds, n), np.arange(n) % 1000
    messages["mmsi"] = 257_000_000 + messages["who"]
    messages["lat"], messages["lon"] = rng.integers(30_000_000, 36_000_000, n), rng.integers(0, 6_000_000, n)
    messages["sog"], messages["cog"], messages["hdg"] = rng.integers(0, 60, n), rng.integers(0, 360, n), rng.integers(0, 360, n)
    messages["t_ms"] = 1_767_225_600_000 + 20 * np.arange(n)
    messages["sec"], messages["part"] = messages["t_ms"] // 1000 % 60, np.arange(n) % 2
    for i in range(1000):
        particulars.write(i, NAME, f"VESSEL {i}", name="name")
    check_messages(messages, particulars)
    return messages, particulars


def encode_ours(messages: np.ndarray, particulars: Particulars, tag_time: str) -> bytes:
    """Columns -> bytes, with or without a tag block on each sentence."""
    hearings = np.zeros(len(messages), HEARING_DTYPE)
    hearings["t_rx_ms"], hearings["message"] = messages["t_ms"], np.arange(len(messages))
    return encode_sentences(encode_payloads(messages, particulars), hearings, SentenceState(["EX-bench"], tag_time))  # type: ignore[arg-type]


def encode_pyais(rows: list[dict[str, Any]]) -> int:
    """Dictionaries -> strings; returns how many sentences."""
    return sum(len(encode_dict(row, radio_channel="A", talker_id="AI", sentence_type="VDM")) for row in rows)


def as_dictionaries(messages: np.ndarray, particulars: Particulars) -> list[dict[str, Any]]:
    """The same messages as pyais takes them."""
    names = [particulars.letters[i, NAME].tobytes().rstrip(b"\0").decode() for i in range(len(particulars.rows))]
    rows = []
    for m in messages[:PYAIS_EACH]:
        row = {"msg_type": int(m["msg_type"]), "mmsi": int(m["mmsi"]), "lat": m["lat"] / 600_000, "lon": m["lon"] / 600_000, "second": int(m["sec"])}
        row |= {"speed": m["sog"] / 10, "course": m["cog"] / 10, "heading": int(m["hdg"]), "shipname": names[int(m["who"])], "partno": int(m["part"])}
        rows.append(row)
    return rows


def check(messages: np.ndarray, data: bytes) -> int:
    """Sentences in the data; every message must have been decoded and every full position be the one that was given."""
    state = DecodeState("bench")
    found = decode(state, data, final=True)
    assert not state.counts.rejected
    assert sum(state.counts.decoded.values()) == len(messages)
    sent = messages[np.isin(messages["msg_type"], (1, 3, 18, 4, 9, 21))]
    fixes = found.fixes[found.fixes["msg_type"] != 27]
    assert np.array_equal(fixes["lat"], sent["lat"])
    assert np.array_equal(fixes["lon"], sent["lon"])
    return state.counts.lines


def measure(contenders: dict[str, tuple[int, Callable[[], object]]], rounds: int) -> dict[str, Any]:
    """CPU seconds per contender (sentences in one go, what to run), taking turns; the first round is warm-up and not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, (_, run) in contenders.items():
            begun = time.process_time()
            run()
            if number:
                seconds[name].append(time.process_time() - begun)
    return {
        name: {
            "sentences": contenders[name][0],
            "sentences_per_cpu_s": round(contenders[name][0] / statistics.median(values)),
            "least_and_most": [round(contenders[name][0] / value) for value in (max(values), min(values))],
        }
        for name, values in seconds.items()
    }


def main() -> None:
    """Run, print, store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=500_000)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/encode.json"))
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    report: dict[str, Any] = {"machine": machine(), "rounds": options.rounds, "goal_sentences_per_cpu_s": 1_000_000, "mixes": {}}
    print(json.dumps(report["machine"]))
    for name, kinds in MIXES.items():
        messages, particulars = sea(kinds, options.messages)
        lines = {tag: check(messages, encode_ours(messages, particulars, tag)) for tag in ("", "s")}
        rows = as_dictionaries(messages, particulars)
        contenders: dict[str, tuple[int, Callable[[], object]]] = {
            "dogwatch, plain": (lines[""], lambda m=messages, p=particulars: encode_ours(m, p, "")),
            "dogwatch, tag block": (lines["s"], lambda m=messages, p=particulars: encode_ours(m, p, "s")),
            "pyais, plain": (encode_pyais(rows), lambda rows=rows: encode_pyais(rows)),
        }
        result = report["mixes"][name] = measure(contenders, options.rounds)
        print(f"\n{name}: {options.messages:,} messages, {options.rounds} rounds, one pinned core, CPU time")
        peer = result["pyais, plain"]["sentences_per_cpu_s"]
        for contender, row in result.items():
            print(f"  {contender:22} {row['sentences_per_cpu_s']:>12,} sentences/CPU-s  x{row['sentences_per_cpu_s'] / peer:7.1f}")
    rates = [row["sentences_per_cpu_s"] for result in report["mixes"].values() for name, row in result.items() if name.startswith("dogwatch")]
    report["goal_met"] = min(rates) >= report["goal_sentences_per_cpu_s"]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
