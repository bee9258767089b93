"""The lookout: it reads the input log of the ingest stage for calls for help alone, ahead of everything that waits for the broker.

May live here: a second decoder over the same log, the thread that runs it, how far all calls are acknowledged. May not: send columns, commit.

    live sources -> segments on disk -+-> the stage: columns, transactions, as fast as the broker takes them
                                      +-> the lookout: decodes, keeps distress, sends it by the short road, forgets the rest

Both begin with the state of the last commit and take the same pieces in the same order, so they make the same calls of them, with the same
ids. The stage commits no position before the lookout has got there and every call up to it is acknowledged: the log is the outbox
of distress, and a place in it is given up only then. After a crash the lookout begins at the last commit again; what it says twice has the same id.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable
from typing import Any

from dogwatch.batch import Control
from dogwatch.config import Config, Kafka
from ingest.source import Received
from runners.backlog import Backlog
from runners.intake import Intake, lanes_of
from runners.kafka_short_road import NOWHERE, Mark, ShortRoad, distress_records
from runners.wire import Record

WAIT_S, ROAD_WAIT_S = 0.2, 0.01  # for the next piece; likewise while acknowledgements are awaited
ON_ROAD_MAX = 10_000  # records without an acknowledgement: then the rest waits in the log
STOP_S_MAX = 10.0
Tell = Callable[[list[Record], float], None]


class Lookout:
    """One thread over the log of a stage. `tell` hears of every call and the seconds it took to decode and hand over; from that thread."""

    def __init__(self, config: Config, kafka: Kafka, backlog: Backlog, road: ShortRoad, sections: dict[str, Any] | None, tell: Tell) -> None:
        """Begins where `backlog` stands; call it before anything is read. `sections`: the state of the stage there."""
        self.kafka, self.backlog, self.road, self.tell = kafka, backlog, road, tell
        self.intake = Intake(lanes_of(config))
        if sections is not None:
            self.intake.restore(copy.deepcopy(sections))
        self.tail = backlog.ahead()
        self.gate, self.over = threading.Condition(), threading.Event()
        self.safe = NOWHERE
        self.fault: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name="lookout", daemon=True)
        self.thread.start()

    def wait(self, position: Mark, wait_s: float) -> bool:
        """Whether every call before a position of the log is acknowledged, within `wait_s`. Raises what broke in the thread."""
        until_s = time.monotonic() + wait_s
        with self.gate:
            while self.safe < position:
                if self.fault is not None:
                    raise self.fault
                if (left_s := until_s - time.monotonic()) <= 0:
                    return False
                self.gate.wait(left_s)
        return True

    def close(self) -> None:
        """Stop; what is not acknowledged is said again after the next start. Twice is once."""
        self.over.set()
        self.thread.join(STOP_S_MAX)

    def _run(self) -> None:
        try:
            while not self.over.is_set():
                self._look()
        except BaseException as fault:  # a mistake of ours must reach the stage, not die with a thread
            with self.gate:
                self.fault = fault
                self.gate.notify_all()
        finally:
            self.tail.close()

    def _look(self) -> None:
        """One piece, and the acknowledgements that have come."""
        free = self.road.settle()
        if len(self.road.sent) >= ON_ROAD_MAX:
            self.over.wait(ROAD_WAIT_S)
        elif (item := self.backlog.look(self.tail, WAIT_S if free else ROAD_WAIT_S)) is not None:
            self._take(item)
        safe = self.road.oldest or (self.tail.segment, self.tail.offset)
        if safe != self.safe:
            with self.gate:
                self.safe = safe
                self.gate.notify_all()

    def _take(self, item: Received | Control) -> None:
        if isinstance(item, Control):
            self.intake.started()
        elif self.intake.takes(item.source):
            begun_s = time.monotonic()
            batch, events, alerts = self.intake.take(item)
            if batch.safety:
                records = distress_records(self.kafka, batch.safety, events, alerts)
                self.road.send(records, self.tail.before)
                self.tell(records, time.monotonic() - begun_s)
