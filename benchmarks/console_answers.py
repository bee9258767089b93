"""How long the console's server lets people wait who ask, among 50,000 moving vessels: `python -m benchmarks.console_answers`.

May live here: what is asked, over HTTP, one question after another, by the clock. May not: pages (console.py), the sea (console_sea.py). Ends with 1 where
a goal is missed: a search answers in 100 ms, the evidence behind a replay in 1 s (95th percentile).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.parse
import urllib.request

from benchmarks.console import Child, share

QUESTIONS = ("BENCH", "BENCH 1000", "BENCH 100025", "100025", "19813", "198100025", "WHISKEY", "9")
ROUNDS = 10
WARM_S = 8.0  # kernels load, alerts come each two seconds
SEARCH_MS_MAX, EVIDENCE_MS_MAX = 100.0, 1000.0


def took_ms(address: str) -> float:
    """One question, until its answer has been read. Raises OSError."""
    begun = time.perf_counter()
    with urllib.request.urlopen(address, timeout=20) as answer:
        answer.read()
    return (time.perf_counter() - begun) * 1000.0


def asked(url: str) -> dict[str, list[float]]:
    """Milliseconds of each search, and of the evidence of each alert there is."""
    searches = [took_ms(f"{url}api/v1/search?q={urllib.parse.quote(words)}") for _ in range(ROUNDS) for words in QUESTIONS]
    with urllib.request.urlopen(f"{url}api/v1/alerts", timeout=20) as answer:
        alerts = [one["alert_id"] for one in json.load(answer)["alerts"]]
    return {"search": searches, "evidence": [took_ms(f"{url}api/v1/alerts/{one}/evidence") for _ in range(ROUNDS) for one in alerts]}


def main() -> int:
    """Print median, 95th percentile and number of both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vessels", type=int, default=50_000)
    options = parser.parse_args()
    sea = Child("live", "--vessels", str(options.vessels), "--seconds", "3600")
    try:
        sea.go()
        time.sleep(WARM_S)
        found = asked(sea.url)
    finally:
        sea.kill()
    told = {name: {"p50_ms": round(share(ms, 0.5), 1), "p95_ms": round(share(ms, 0.95), 1), "asked": len(ms)} for name, ms in found.items()}
    sys.stdout.write(json.dumps({"vessels": options.vessels, **told}) + "\n")
    return int(told["search"]["p95_ms"] > SEARCH_MS_MAX or told["evidence"]["p95_ms"] > EVIDENCE_MS_MAX)


if __name__ == "__main__":
    sys.exit(main())
