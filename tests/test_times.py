"""Times as text: the same as the standard library writes and reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from dogwatch.times import EPOCH, from_iso, iso


def test_iso_is_what_the_standard_library_writes() -> None:
    rng = np.random.default_rng(3)
    some = [0, 999, 1000, -1, -1000, -1001, 1_700_000_000_000, *rng.integers(-(10**12), 4 * 10**12, 500).tolist()]
    for t_ms in some:
        moment = EPOCH + timedelta(milliseconds=t_ms)
        assert iso(t_ms) == moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        assert from_iso(iso(t_ms)) == t_ms
    assert iso(None) is None
    assert iso(1_767_225_600_000) == datetime(2026, 1, 1, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
