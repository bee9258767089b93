"""Benchmarks: ours and peers interleaved in one run, CPU time, one pinned core. Not a test: figures, not verdicts."""
