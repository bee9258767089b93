"""What each detector costs: CPU time of its methods in one run, taken from outside, because no detector may ask a clock.

May live here: the wrapping and the sums. May not: detect, change what a detector does or says.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tracks.detector import Detector

METHODS = ("see", "join", "control", "bring", "share", "asks", "tick")


class DetectorCosts:
    """CPU nanoseconds by detector. What all of them share (association, contacts, the look at odd rows) is in none."""

    def __init__(self) -> None:
        self._spent_ns: dict[str, int] = {}

    def watch(self, detectors: list[Detector]) -> None:
        """Measure these detectors from now on."""
        for detector in detectors:
            self._spent_ns[detector.NAME] = 0
            for name in METHODS:
                setattr(detector, name, self._timed(detector.NAME, getattr(detector, name)))

    def ms(self) -> dict[str, float]:
        """CPU milliseconds by detector, the dearest first."""
        return {name: round(spent / 1e6, 1) for name, spent in sorted(self._spent_ns.items(), key=lambda one: (-one[1], one[0]))}

    def _timed(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*given: Any, **named: Any) -> Any:
            begun = time.process_time_ns()
            try:
                return method(*given, **named)
            finally:
                self._spent_ns[name] += time.process_time_ns() - begun

        return timed
