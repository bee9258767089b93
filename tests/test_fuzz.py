"""A short run of the fuzzer, and proof that it would notice: each guard is broken once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ingest import kernel
from tests import fuzz_decode
from tests.fuzz_decode import environment, run

ROOT = Path(__file__).resolve().parent.parent


def test_a_short_run_of_the_compiled_decoder_finds_nothing() -> None:
    figures = run(seed=1, n_bytes=200_000)
    assert figures["bytes"] >= 200_000
    assert figures["crashes"] == 0
    for name in ("rows", "snapshots", "relinks", "flips", "twin_bytes", "table_bytes", "capture_bytes", "damaged_lines", "sentences"):
        assert figures[name] > 0, f"the run never tried: {name}"
    assert len(figures["unreached"]) < 12, figures["unreached"]


def test_a_short_run_without_the_compiler_finds_nothing() -> None:
    command = [sys.executable, "-m", "tests.fuzz_decode", "--mode", "python", "--bytes", "20000"]
    done = subprocess.run(command, cwd=ROOT, env=environment("python"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["mode"], figures["crashes"]) == ("python", 0)
    assert figures["rows"] > 0


def outside(m: Any, buf: Any, i: int, n: int, t: int, fixes: Any) -> tuple[int, ...]:
    """A scan that writes one byte in front of the byte store."""
    whole = buf.base
    whole[fuzz_decode.BORDER - 1] = 0
    return kernel_scan(m, buf, i, n, t, fixes)


def behind_rows(m: Any, buf: Any, i: int, n: int, t: int, fixes: Any) -> tuple[int, ...]:
    """A scan that writes a row which it does not count."""
    answer = kernel_scan(m, buf, i, n, t, fixes)
    fixes[int(m[kernel.G_FIXES]) * kernel.F_SIZE] = 1
    return answer


def into_input(m: Any, buf: Any, i: int, n: int, t: int, fixes: Any) -> tuple[int, ...]:
    """A scan that changes a byte of its input."""
    answer = kernel_scan(m, buf, i, n, t, fixes)
    buf[i] ^= 1
    return answer


def forgetful(m: Any, buf: Any, i: int, n: int, t: int, fixes: Any) -> tuple[int, ...]:
    """A scan that loses a row in each short call, so that rows depend on the cuts."""
    answer = kernel_scan(m, buf, i, n, t, fixes)
    m[kernel.G_FIXES] -= 1 if m[kernel.G_FIXES] and n - i < 2000 else 0
    fixes[int(m[kernel.G_FIXES]) * kernel.F_SIZE :] = fuzz_decode.CANARY
    return answer[0], int(m[kernel.G_FIXES]), *answer[2:]


kernel_scan = kernel.scan.load()


@pytest.mark.parametrize(
    ("broken", "seen"),
    [(outside, "outside a store"), (behind_rows, "behind row"), (into_input, "input was changed"), (forgetful, "rows depend on the cuts")],
)
def test_a_broken_decoder_is_found(broken: Any, seen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz_decode, "self_test", lambda: None)
    monkeypatch.setattr(kernel, "scan", SimpleNamespace(load=lambda: broken))
    with pytest.raises(AssertionError, match=seen) as caught:
        run(seed=1, n_bytes=200_000)
    assert "--seed 1 --only" in "".join(caught.value.__notes__)
