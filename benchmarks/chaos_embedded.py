"""The embedded run under fire: one `dogwatch run` without a broker, killed and started again. May hold: what differs from a line with a broker.

What it leaves is its journal, and there nothing may stand twice at all.
"""

from __future__ import annotations

import shutil
import time
from collections import defaultdict

import msgspec

from benchmarks.chaos_judge import Found, compare, key_of_alert, key_of_event, order_of_alert, order_of_event
from benchmarks.chaos_line import Line
from benchmarks.chaos_sea import LATENESS_S, PROFILE, SOURCE

SETTINGS = """
profile = "{profile}"
data_dir = "{data}"
snapshot_s = {snapshot_s}
[[sources]]
id = "{source}"
kind = "file"
path = "{sea}"
lateness_s = {lateness_s}
[console]
enabled = false
[metrics]
enabled = false
"""
AT_WORK_S = 1.0


class EmbeddedLine(Line):
    """One replay in one process."""

    def _settings(self) -> str:
        snapshot_s = self.dice.choice([0.3, 1.0, 5.0, 60.0])
        return SETTINGS.format(profile=PROFILE, data=self.folder / "data", snapshot_s=snapshot_s, source=SOURCE, sea=self.sea.file, lateness_s=LATENESS_S)

    def _crew(self) -> tuple[str, ...]:
        return ("run",)

    def _command(self, name: str) -> list[str]:
        return [name, str(self.file), "--until-end"]

    def _works(self, name: str) -> bool:
        return time.monotonic() - self.born_s[name] > AT_WORK_S

    def _create(self) -> int:
        return 0

    def _delete(self) -> int:
        shutil.rmtree(self.folder / "data")
        return 0

    def _judge(self) -> int:
        found: list[Found] = [defaultdict(list), defaultdict(list)]
        for name, into, key in (("events", found[0], key_of_event), ("alerts", found[1], key_of_alert)):
            for line in (self.folder / "data" / f"{name}.ndjson").read_bytes().splitlines():
                into[key(line)].append((b"run", line))
        faults = compare("event", found[0], self.sea.events, order_of_event) + compare("alert", found[1], self.sea.alerts, order_of_alert)
        verdict = {"events": len(found[0]), "alerts": len(found[1]), "sent_again": 0, "faults": faults}
        (self.folder / "verdict.json").write_bytes(msgspec.json.encode(verdict))
        return 0
