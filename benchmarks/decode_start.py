"""What the first sentence costs: import, compile, first call, each in a fresh process. May live here: those processes. May not: throughput."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

SENTENCE = b"!AIVDM,1,1,,A,13m62@@01TPeid0LW3P3Q2n>0000,0*68"  # made by hand
OURS = """
import json, time
begun = time.process_time()
import numba
numba_s = time.process_time() - begun
begun = time.process_time()
from ingest.decode import DecodeState, decode
import_s = time.process_time() - begun
batch = decode(DecodeState("start"), SENTENCE + b"\\r\\n")
print(json.dumps({"import_numba_s": numba_s, "import_ours_s": import_s, "first_call_s": time.process_time() - begun, "rows": len(batch.fixes)}))
"""
PEER = """
import json, time
begun = time.process_time()
IMPORT
import_s = time.process_time() - begun
CALL
print(json.dumps({"import_s": import_s, "first_call_s": time.process_time() - begun}))
"""
PEERS = {
    "pyais": ("import pyais", "pyais.decode(SENTENCE)"),
    "aiscat": ("import aiscat", "aiscat.decode(SENTENCE)"),
    "libais": ("import ais", "ais.decode(SENTENCE.decode().split(',')[5], 0)"),
}


def start_of_ours(python: Path, root: Path, times: int) -> dict[str, Any]:
    """CPU seconds from after `import numba` to the first batch: with an empty compile cache, and with the one that this fills."""
    cold, warm = [], []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as cache:
            environment = os.environ | {"NUMBA_CACHE_DIR": cache}
            cold.append(_run(python, OURS, root, environment))
            warm += [_run(python, OURS, root, environment) for _ in range(2)]
    assert all(each["rows"] == 1 for each in cold + warm), "the first call decodes its sentence"
    return {"cold": _medians(cold), "warm": _medians(warm)}


def start_of_peer(name: str, python: Path, root: Path, times: int) -> dict[str, float] | None:
    """CPU seconds of a peer's import and first call, or None where it is a program."""
    if name not in PEERS:
        return None
    imported, call = PEERS[name]
    script = PEER.replace("IMPORT", imported).replace("CALL", call)
    return _medians([_run(python, script, root, dict(os.environ)) for _ in range(times)])


def _run(python: Path, script: str, root: Path, environment: dict[str, str]) -> dict[str, float]:
    done = subprocess.run([python, "-c", f"SENTENCE = {SENTENCE!r}{script}"], cwd=root, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(run[name] for run in runs), 4) for name in runs[0] if name != "rows"}
