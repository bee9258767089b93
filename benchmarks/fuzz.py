"""The whole fuzz run: `make fuzz`. Each mode in a process of its own, figures printed and stored; a crash of one is a line in the report.

`python -m benchmarks.fuzz --compiled 100000000 --bounds 1000000 --python 1000000 --seed 1`. What is tried and what must hold: tests/fuzz_decode.py.
Exit code 1 if a mode failed, or if the compiled run never met one of the decoder's reasons, notes or message types.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.fuzz_decode import MODES, environment

ROOT = Path(__file__).resolve().parent.parent


def run_mode(mode: str, n_bytes: int, seed: int) -> dict[str, Any]:
    """Figures of one process; where it died, how, and the end of what it said."""
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.fuzz_decode", "--mode", mode, "--bytes", str(n_bytes), "--seed", str(seed)]
    own = environment(mode)
    if mode == "bounds":
        shutil.rmtree(ROOT / own["NUMBA_CACHE_DIR"], ignore_errors=True)  # nothing that was compiled in another way
    begun = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=False)
    seconds = round(time.monotonic() - begun, 1)
    if done.returncode == 0:
        return json.loads(done.stdout) | {"seconds": seconds}
    return {"mode": mode, "seed": seed, "crashes": 1, "exit": done.returncode, "seconds": seconds, "said": done.stderr[-2000:]}


def main() -> None:
    """Run, print, store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compiled", type=int, default=100_000_000, help="bytes; 0 leaves a mode out")
    parser.add_argument("--bounds", type=int, default=5_000_000)
    parser.add_argument("--python", type=int, default=1_000_000)
    parser.add_argument("--atheris", type=int, default=0, metavar="SECONDS", help="also explore with atheris, if it is installed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/fuzz.json")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    results = []
    for mode in MODES:
        if n_bytes := getattr(options, mode):
            results.append(run_mode(mode, n_bytes, options.seed))
            print(json.dumps(results[-1]), flush=True)
    versions = {name: version(name) for name in ("numpy", "numba", "llvmlite")}
    report = {"date": time.strftime("%Y-%m-%d", time.gmtime()), "python": platform.python_version(), **versions, "modes": results}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    failed = [result for result in results if result["crashes"] or (result["mode"] == "compiled" and result["unreached"])]
    if options.atheris:
        done = subprocess.run([sys.executable, "-m", "tests.fuzz_atheris", "--seconds", str(options.atheris)], cwd=ROOT, check=False)
        failed += [{"mode": "atheris"}] if done.returncode else []
    for result in failed:
        print(f"FAILED {result['mode']}: {result.get('said') or result.get('unreached', '')}", file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
