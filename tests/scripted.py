"""Sources that play a script, for tests of what a live run does: threads and queues are real, wire and clock are not."""

from __future__ import annotations

import random
import re
import threading

import msgspec

from ingest.source import Health, Kind, Reader

STAMP = re.compile(rb"c:(\d+)")


class ScriptClock:
    """The time of one script."""

    def __init__(self) -> None:
        self.now_ms = 0

    def wall_ms(self) -> int:
        return self.now_ms

    def monotonic_s(self) -> float:
        return self.now_ms / 1000


class Scripted(Reader):
    """Says what its script says: (UTC ms, kind, sender, data). `done` is told when it is over."""

    def __init__(self, source: str, script: list[tuple[int, Kind, str, bytes]], *, live: bool = True, done: threading.Barrier | None = None) -> None:
        self.script, self.script_clock, self.live, self.done = script, ScriptClock(), live, done
        super().__init__(source, silent_s=0.0, clock=self.script_clock, rng=random.Random(0))

    def read(self) -> None:
        for t_ms, kind, sender, data in self.script:
            self.script_clock.now_ms = t_ms
            self.beaten_s = t_ms / 1000  # heartbeats are in the script
            if kind == "bytes":
                self.deliver(data, sender)
            else:
                self.say(kind, sender, data)
        if self.done:
            self.done.wait()


def script_of(lines: list[bytes], seed: int, *, bare: bool) -> list[tuple[int, Kind, str, bytes]]:
    """A day at a receiver: sentences at the times of their stamps (bare: without them), two peers, half lines, silences, heartbeats."""
    rng = random.Random(seed)
    script: list[tuple[int, Kind, str, bytes]] = []
    now_ms = next(int(found[1]) for line in lines if (found := STAMP.search(line))) * 1000
    beat_ms, silent_until_ms, peer, held = now_ms, 0, 0, b""
    for line in lines:
        if found := STAMP.search(line):
            now_ms = max(now_ms, int(found[1]) * 1000 + rng.randrange(900))
        while now_ms - beat_ms >= 10_000:
            beat_ms += 10_000
            script.append((beat_ms, "beat", "", msgspec.json.encode(Health("silent" if beat_ms < silent_until_ms else "connected", bytes=len(script)))))
        if now_ms < silent_until_ms:
            continue
        if silent_until_ms:
            silent_until_ms = 0
            script.append((now_ms, "back", "", b""))
        if rng.random() < 0.01:
            peer += 1
            script.append((now_ms, "link", f"peer#{peer}", b""))
        data = line.rpartition(b"\\")[2] if bare else line
        held += data[:20] + b"\n" if rng.random() < 0.01 else data
        if rng.random() < 0.3:
            script.append((now_ms, "bytes", f"peer#{peer}" if rng.random() < 0.9 else "other", held))
            held = b""
        if rng.random() < 0.001:
            silent_until_ms = now_ms + 300_000
            script.append((now_ms + 1, "silent", "", b""))
    return script
