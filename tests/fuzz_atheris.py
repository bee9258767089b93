"""The decoder under atheris (libFuzzer, guided by coverage of the Python source): optional, `make fuzz FUZZ="--atheris 600"`.

atheris is no dependency: it sees only the source without the compiler, a hundred times slower than the seeded fuzzer. What it adds
is inputs that reach code which no mutation by rule reaches; each is kept and read once more by the compiled decoder.
`python -m tests.fuzz_atheris --seconds 60 --corpus .cache/fuzz-corpus`

May live here: the target, first corpus, replay. May not: oracles (fuzz_decode).
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from pathlib import Path

INPUT_MAX = 1500  # bytes: a line may have 1,024


def target(data: bytes) -> None:
    """What must hold for one input: the same rows and state whole and cut, under guards; and the twin's answer."""
    from ingest.decode import DecodeState
    from tests import fuzz_decode

    rng = random.Random(data)
    with fuzz_decode.Guards() as guards:
        whole, first = [fuzz_decode.decode(state := guards.fence(DecodeState("s")), data, final=True)], state
        second, at = guards.fence(DecodeState("s")), rng.randrange(len(data) + 1)
        pieces = [fuzz_decode.decode(second, data[:at]), fuzz_decode.decode(second, data[at:], final=True)]
    assert fuzz_decode.gathered(whole) == fuzz_decode.gathered(pieces)
    assert first.counts.balance() == 0
    fuzz_decode.check_batches(whole, first, "drop")
    if not any(clock in data for clock in fuzz_decode.OWN_CLOCKS):
        fuzz_decode.assert_twin_agrees(data)


def main() -> None:
    """Explore in a child without the compiler, then replay what was kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, default=Path(".cache/fuzz-corpus"))
    options = parser.parse_args()
    if "DOGWATCH_FUZZ_MODE" not in os.environ:
        from tests.fuzz_decode import environment
        from tests.fuzz_inputs import seed_lines

        options.corpus.mkdir(parents=True, exist_ok=True)
        for number, line in enumerate(seed_lines(random.Random(1), 150)):
            (options.corpus / f"seed-{number}").write_bytes(line[:INPUT_MAX] + b"\n")
        command = [sys.executable, "-m", "tests.fuzz_atheris", *sys.argv[1:]]
        status = os.spawnve(os.P_WAIT, sys.executable, command, environment("python"))
        if status:
            sys.exit(status)
        kept = sorted(options.corpus.iterdir())
        for path in kept:
            target(path.read_bytes())
        print(f"{len(kept)} inputs read by the compiled decoder")
        return
    import atheris

    with atheris.instrument_imports(include=["ingest.kernel", "ingest.decode"]):
        from tests import fuzz_decode  # noqa: F401 - imports what is instrumented
    atheris.Setup([sys.argv[0], f"-max_total_time={options.seconds}", f"-max_len={INPUT_MAX}", str(options.corpus)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
