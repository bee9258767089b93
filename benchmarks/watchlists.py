"""Screening vessels against lists: how long 100,000 live vessels take against 20,000 entries, on one pinned core.

May live here: making a fleet and a list, timing, the table. May not: the index. `python -m benchmarks.watchlists` prints and writes
benchmarks/results/watchlists.json. Names are made of the words of ships' names, so that many are alike and some equal; some vessels
are planted: listed ones under their own name, renamed, with a letter wrong, cut, and namesakes with another IMO number.
Peers: comparing every name with every name (rapidfuzz cdist) on a share of the vessels, scaled up.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rapidfuzz.distance import OSA
from rapidfuzz.process import cdist

from benchmarks.contender import machine, spread
from dogwatch.mids import imo_is_valid
from watchlists.entry import Entry
from watchlists.index import Columns
from watchlists.names import plain_of
from watchlists.reading import Reading
from watchlists.screen import Watchlists
from watchlists.watchlist import Watchlist

RESULT = Path(__file__).parent / "results" / "watchlists.json"
SEED, ROUNDS, VESSELS, ENTRIES = 11, 5, 100_000, 20_000
PLANTED = 250  # of each kind
GOAL_S = 2.0
CDIST_VESSELS = 500  # compared with every entry by the peer; its time is scaled to all vessels
_TRADE = (
    "OCEAN GOLDEN PACIFIC NORTHERN EASTERN ATLANTIC ROYAL SILVER BLUE GREAT NEW LUCKY HAPPY BRIGHT ARCTIC SOUTHERN STELLA CAPE FORTUNE GLOBAL "
    "STAR TRADER SPIRIT BREEZE WAVE DREAM GLORY PEARL EAGLE DRAGON LEADER PRIDE HARMONY VICTORY QUEEN PIONEER VOYAGER TIGER HOPE SUN "
    "ASIA EUROPA MARU YU BAY RIVER LINE EXPRESS VENTURE HORIZON GRACE VALOR CROWN JADE RUBY OPAL CORAL ISLE FJORD STRAIT "
    "SEA LADY SAINT MARIA ANNA NORD SUND BALTIC DELTA ALFA ORION "
)
_PARTS = "AN BER CO DA EL FI GRA HA IN JO KA LI MO NA OS PE RI SA TA UL VE WIN XI YA ZO BRE CHA DRO KRI STA TRU VIK SKA LUN MAR TOR GEN HOL "
WORDS, SYLLABLES = _TRADE.split(), _PARTS.split()


def imo_numbers(rng: np.random.Generator, n: int) -> np.ndarray:
    """int64[n] different IMO numbers with right check digits."""
    numbers = np.arange(5_000_000, 9_999_999)
    numbers = numbers[imo_is_valid(numbers)]
    return rng.permutation(numbers)[:n]


def names(rng: np.random.Generator, n: int) -> list[str]:
    """Names as ships have them: two words of the trade, one with a proper name, a proper name alone, or a fleet with numbers."""
    kinds = rng.choice(4, n, p=(0.1, 0.45, 0.25, 0.2))
    words, parts, numbers = rng.integers(0, len(WORDS), (n, 2)), rng.integers(0, len(SYLLABLES), (n, 4)), rng.integers(1, 9999, n)
    made = []
    for k, kind in enumerate(kinds.tolist()):
        first, second = (WORDS[number] for number in words[k])
        proper = "".join(SYLLABLES[number] for number in parts[k, : 2 + k % 3])
        made.append((f"{first} {second}", f"{first} {proper}", f"{proper}", f"{first} {second} {numbers[k]}")[kind])
    return made


def scene(vessels: int, entries: int, seed: int) -> tuple[tuple[Entry, ...], Columns, dict[str, np.ndarray]]:
    """(entries of a list, vessels, rows of the planted vessels by kind). Planted vessels stand first and belong to the first entries."""
    rng = np.random.default_rng(seed)
    imos, listed, earlier, told = imo_numbers(rng, vessels + entries), names(rng, entries), names(rng, entries), names(rng, vessels)
    mmsi = 200_000_000 + 1_000_000 * rng.integers(201 - 200, 75, vessels) + np.arange(vessels)
    imo = np.where(rng.random(vessels) < 0.6, imos[entries:], 0)
    made = []
    for k in range(entries):
        former = (earlier[k],) if k % 3 == 0 else ()
        made.append(Entry(str(k), k, (listed[k],), former, (int(imos[k]),) if k % 10 else (), (), (f"V{k:05d}",) if k % 2 else (), ("PA",)))
    rows = {kind: np.arange(PLANTED) + PLANTED * number for number, kind in enumerate(("listed", "renamed", "misspelt", "namesake"))}
    for kind, places in rows.items():
        for row in places.tolist():
            entry = made[row]
            if kind in ("listed", "renamed"):
                imo[row] = entry.imos[0] if entry.imos else 0
            if kind != "renamed":
                told[row] = entry.names[0]
            if kind == "misspelt":
                told[row], imo[row] = entry.names[0][:3] + "X" + entry.names[0][3:], 0
    signs = np.array([f"S{k:05d}".encode() for k in range(vessels)], "S7")
    columns = Columns(mmsi.astype(np.int64), imo.astype(np.int64), signs, np.array([name[:20].encode() for name in told], "S20"), np.zeros(vessels, np.int64))
    return tuple(made), columns, rows


def measure(vessels: int, entries: int, rounds: int, seed: int) -> dict[str, Any]:
    """The document of the results file."""
    listed, told, planted = scene(vessels, entries, seed)
    index_s, screen_s, hits = [], [], {}
    for _ in range(rounds):
        lists = Watchlists((Watchlist("bench", "csv", "v1", listed, Reading()),))
        started = time.process_time()
        force = lists.in_force(0)
        built = time.process_time()
        hits = force.screen(told)
        screen_s.append(time.process_time() - built)
        index_s.append(built - started)
    tiers = [found["bench"].tier for found in hits.values()]
    with_imo = {row for kind in ("listed", "renamed") for row in planted[kind].tolist() if listed[row].imos}
    confirmed = {row for row, found in hits.items() if found["bench"].tier == "confirmed_identifier"}
    return {
        "machine": machine() | {"numpy": version("numpy"), "rapidfuzz": version("rapidfuzz")},
        "seed": seed,
        "rounds": rounds,
        "vessels": vessels,
        "entries": entries,
        "index_cpu_s": spread(index_s),
        "screen_cpu_s": spread(screen_s),
        "vessels_with_a_hit_share": round(len(hits) / vessels, 3),
        "vessels_per_cpu_s": round(vessels / statistics.median(screen_s)),
        "hits": {tier: tiers.count(tier) for tier in sorted(set(tiers))},
        "planted_with_imo_found": len(with_imo & confirmed) / len(with_imo),
        "confirmed_beyond_planted": len(confirmed - with_imo),
        "planted_misspelt_found": sum(row in hits for row in planted["misspelt"].tolist()) / PLANTED,
        "namesakes_confirmed": len(confirmed & set(planted["namesake"].tolist())),
        "all_with_all_cpu_s": round(_all_with_all(listed, told, vessels), 1),
        "with_index_cpu_s": round(statistics.median(screen_s) + statistics.median(index_s), 3),
        "goal": {"name": "screening, CPU s, median", "at_most": GOAL_S, "measured": round(statistics.median(screen_s), 3)},
    }


def _all_with_all(listed: tuple[Entry, ...], told: Columns, vessels: int) -> float:
    """Seconds that comparing every name with every name would take, from a share of the vessels."""
    choices = [plain_of(name) for entry in listed for name in (*entry.names, *entry.former)]
    queries = [plain_of(name.decode()) for name in told.name[:CDIST_VESSELS].tolist()]
    started = time.process_time()
    cdist(queries, choices, scorer=OSA.distance, score_cutoff=1, dtype=np.uint8)
    return (time.process_time() - started) * vessels / len(queries)


def main() -> int:
    """Measure, print, write. Exit code 1 when a planted vessel is not found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watchlists", description=__doc__.splitlines()[0])  # type: ignore[union-attr]  # there is one
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--vessels", type=int, default=VESSELS)
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    told = measure(options.vessels, options.entries, options.rounds, options.seed)
    print(json.dumps(told, indent=2))
    options.out.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 0 if told["planted_with_imo_found"] == 1.0 and not told["namesakes_confirmed"] else 1


if __name__ == "__main__":
    sys.exit(main())
