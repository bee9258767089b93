"""The way in: a scenario and a seed become chunks of NMEA bytes in the order of reception. May hold: the loop. May not: files, sockets, clocks.

Bytes are the same for equal (scenario, seed, start, duration), whatever `chunk_s`; every sentence carries a tag block
with a station `EX-...`. A generator, to be used by one reader; make another one to begin again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sim.cast import build_world
from sim.encode import HEARING_DTYPE, MESSAGE_DTYPE, SentenceState, encode_payloads, encode_sentences, new_messages
from sim.radio import CLOCK_DTYPE, hear, start_clocks, transmit
from sim.receiver import Receiver, outage_rows, receiver_rows
from sim.scenario import T_START_MS, Scenario
from sim.ship import World

EXERCISE_PREFIX = "EX-"
MESSAGES_AT_ONCE = 65_536  # one call of the radio kernel; more messages take more calls


@dataclass(slots=True, frozen=True)
class Chunk:
    """Lines received before `t_ms` (UTC) and not before the chunk before it."""

    t_ms: int
    data: bytes


def simulate(scenario: Scenario, seed: int, t_start_ms: int = T_START_MS, *, duration_s: float | None = None, tag_time: str = "s") -> Iterator[Chunk]:
    """Play a scenario: one chunk per `scenario.chunk_s` seconds of world time, empty ones too.

    `tag_time`: unit of the receive time in the tag blocks, "s" or "ms". The last chunk holds what is still on its way.
    """
    length_s = scenario.duration_s if duration_s is None else duration_s
    world = build_world(scenario, seed, t_start_ms, duration_s=length_s)
    air = Air(world, scenario.receivers, seed, t_start_ms, tag_time=tag_time)
    end_ms = t_start_ms + round(length_s * 1000)
    for until_ms in range(t_start_ms + scenario.chunk_s * 1000, end_ms + scenario.chunk_s * 1000, scenario.chunk_s * 1000):
        t_ms = min(until_ms, end_ms)
        yield Chunk(t_ms, air.step(t_ms, last=t_ms == end_ms))


class Air:
    """The sets' clocks and what has been sent but not yet received."""

    def __init__(self, world: World, receivers: list[Receiver], seed: int, t_start_ms: int, *, tag_time: str) -> None:
        self.world, self.seed = world, np.uint64(seed & 0xFFFFFFFFFFFFFFFF)
        self.receivers, self.outages = receiver_rows(receivers), outage_rows(receivers, t_start_ms)
        self.sentences = SentenceState([EXERCISE_PREFIX + r.id for r in receivers], tag_time)
        self.clocks = np.zeros(len(world.ships), CLOCK_DTYPE)
        start_clocks(world.ships, world.knots, self.clocks, self.seed, t_start_ms)
        self.messages, self.hearings = np.empty(0, MESSAGE_DTYPE), np.empty(0, HEARING_DTYPE)

    def step(self, until_ms: int, *, last: bool = False) -> bytes:
        """Everything sent before `until_ms` is put on the air; what is received before it comes back as lines (`last`: all)."""
        messages, hearings = self._transmit(until_ms)
        hearings["message"] += len(self.messages)
        messages, hearings = np.concatenate((self.messages, messages)), np.concatenate((self.hearings, hearings))
        # order of reception, then of content: never the order of ships in a table or of chunks
        sent = messages[hearings["message"]]
        order = np.lexsort((hearings["receiver"], sent["part"], sent["msg_type"], sent["who"], sent["t_ms"], hearings["t_rx_ms"]))
        hearings = hearings[order]
        cut = len(hearings) if last else int(np.searchsorted(hearings["t_rx_ms"], until_ms))
        data = encode_sentences(encode_payloads(messages, self.world.particulars), hearings[:cut], self.sentences)
        kept, self.hearings = hearings[cut:].copy(), hearings[cut:].copy()
        used, self.hearings["message"] = np.unique(kept["message"], return_inverse=True)
        self.messages = messages[used]
        return data

    def _transmit(self, until_ms: int) -> tuple[np.ndarray, np.ndarray]:
        """Messages sent before `until_ms`, and who hears them."""
        world = self.world
        room = new_messages(min(MESSAGES_AT_ONCE, 8 * len(world.ships) + 64))
        sent, begin = [], 0
        while begin < len(world.ships):
            n, begin = transmit(world.ships, world.knots, world.lies, self.clocks, self.seed, begin, until_ms, room)
            sent.append(room[:n].copy())
        messages = np.concatenate(sent) if sent else room[:0].copy()
        heard = np.empty(len(messages) * len(self.receivers), HEARING_DTYPE)
        n = hear(messages, world.ships, self.receivers, self.outages, self.seed, heard)
        return messages, heard[:n].copy()
