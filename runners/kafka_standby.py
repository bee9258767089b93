"""A second worker of a stage: it waits, warm, until the first one is gone. May hold: when a place is free. May not: take it, step.

The owner of a stage repeats its record in `dogwatch.state` every BEAT_S seconds, inside its transactions or in one of its own.
A standby reads that partition along, snapshots included, so that it has everything in memory when its turn comes. The place is free

- at once when the owner has said that it leaves, or was a process of this machine that is dead,
- after SILENCE_S without a record while the broker answered: killed elsewhere, cut off, or asleep.

To be wrong about that costs nothing but the change itself: the broker fences whoever had the place before, and what it had
open is aborted.
"""

from __future__ import annotations

import logging
import threading
import time

from runners.kafka_state import Owner, StateLog, is_gone

log = logging.getLogger("dogwatch.kafka")

BEAT_S = 1.0
SILENCE_S = 5.0
LOOK_S = 0.25


def wait_for_place(stage: str, state: StateLog, stop: threading.Event) -> None:
    """Return when the stage is free, or at `stop`. Lets the client's faults through: a broker that is away is nobody's death."""
    state.refresh()
    heard_s, told = time.monotonic(), False
    while not stop.is_set():
        if why := why_free(state.owner, time.monotonic() - heard_s):
            log.info("%s: the place is free: %s", stage, why)
            return
        if not told:
            told = True
            log.info("%s: standby, another worker has the place", stage)
        stop.wait(LOOK_S)
        if state.refresh():
            heard_s = time.monotonic()


def why_free(owner: Owner | None, silent_s: float) -> str:
    """The reason for which a place may be taken, or '' while its owner is to be believed alive."""
    if owner is None:
        return "nobody has had it"
    if owner.left:
        return "its owner has left"
    if is_gone(owner.process):
        return "its owner is dead"
    return f"nothing from its owner for {silent_s:.1f} s" if silent_s >= SILENCE_S else ""
