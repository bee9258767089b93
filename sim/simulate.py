"""The way in: a scenario and a seed become chunks of NMEA bytes in the order of reception. May hold: the loop. May not: files, sockets, clocks.

Bytes are the same for equal (scenario, seed, start, duration), whatever `chunk_s`; every sentence carries a tag block
with a station `EX-...`. A generator, to be used by one reader; make another one to begin again.

Inside, the sea goes by frames of the radio, which are UTC minutes: what is sent in one, who hears it, when it arrives. What arrives in a
minute is known when that minute's frame has been played, so lines are put in order once, and a chunk is only a place to cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from dogwatch.batch import EXERCISE_PREFIX
from sim.cast import build_world
from sim.encode import HEARING_DTYPE, Payloads, SentenceState, encode_payloads, encode_sentences, new_messages
from sim.message import compose
from sim.place import PLACE_DTYPE, locate
from sim.radio import CHANNELS, FRAME_MS, SLOTS
from sim.receiver import Receiver, outage_rows, receiver_rows
from sim.reception import AGGREGATORS, COLUMNS, HEARD_DTYPE, LINK_DTYPE, hear, link, listen, near_cells
from sim.satellite import Satellite, deliveries, satellite_rows, sky_rows
from sim.scenario import T_START_MS, Scenario
from sim.schedule import CLOCK_DTYPE, NEVER, SENT_DTYPE, schedule, start_clocks
from sim.ship import BASE, World
from sim.slots import claim_slots

# Goes before the first line of whatever is written or served: who takes this as hearing a simulator still does when the first lines arrive damaged.
GREETING = f"# s:{EXERCISE_PREFIX}dogwatch EXERCISE: simulated traffic, no vessel in it exists\r\n".encode()
AHEAD_SHIPS = 2_000  # of so many sets and more, one thread plays the next frame while another writes this one
MESSAGES_AT_ONCE = 65_536  # one call of a radio kernel; more messages take more calls


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
    end_ms = t_start_ms + round(length_s * 1000)
    air = Air(world, scenario.receivers, seed, t_start_ms, end_ms, tag_time=tag_time, satellites=scenario.satellites)
    for until_ms in range(t_start_ms + scenario.chunk_s * 1000, end_ms + scenario.chunk_s * 1000, scenario.chunk_s * 1000):
        yield Chunk(min(until_ms, end_ms), air.step(min(until_ms, end_ms)))


@dataclass(slots=True)
class Arrivals:
    """What arrives in one minute, in order: when, the payloads, and who heard each of them. `taken` have left."""

    arrive_ms: np.ndarray
    payloads: Payloads
    hearings: np.ndarray
    taken: int = 0


class Air:
    """The sets' clocks, what has been sent but has not arrived, and the minute that is being read."""

    def __init__(
        self, world: World, receivers: list[Receiver], seed: int, t_start_ms: int, end_ms: int, *, tag_time: str, satellites: Sequence[Satellite] = ()
    ) -> None:
        self.world, self.seed, self.t_start_ms, self.end_ms = world, np.uint64(seed & 0xFFFFFFFFFFFFFFFF), t_start_ms, end_ms
        self.satellites = list(satellites)
        self.receivers = np.concatenate((receiver_rows(receivers), satellite_rows(self.satellites)))
        self.outages, self.near = outage_rows(receivers, t_start_ms), near_cells(self.receivers)
        self.deliveries = deliveries(self.satellites, self.seed, t_start_ms, end_ms)
        self.sentences = SentenceState([EXERCISE_PREFIX + name for name in [r.id for r in receivers] + [s.id for s in satellites]], tag_time)
        self.clocks = np.zeros(len(world.ships), CLOCK_DTYPE)
        start_clocks(world.ships, world.knots, self.clocks, self.seed, t_start_ms)
        self.bases = np.flatnonzero(world.ships["kind"] == BASE).astype(np.int32)
        self.relays = np.full((len(world.ships), AGGREGATORS, COLUMNS), -NEVER, np.int64)
        self.loud = np.zeros((len(self.receivers), CHANNELS, SLOTS, 2), np.float32)
        self.frame_ms = t_start_ms // FRAME_MS * FRAME_MS
        self.waiting: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}  # by the minute of arrival: heard, and the transmissions of each
        self.minute: Arrivals | None = None
        self.helper = ThreadPoolExecutor(1) if len(world.ships) >= AHEAD_SHIPS else None
        self.ahead: Future[tuple[np.ndarray, np.ndarray]] | None = None

    def step(self, until_ms: int) -> bytes:
        """The lines that arrive before `until_ms`; at the end of the world all that are left."""
        data = []
        while self.frame_ms < until_ms:
            data.append(self._take(self.frame_ms))
            self._play_frame()
            self.minute = self._arrivals(self.frame_ms // FRAME_MS)
            self.frame_ms += FRAME_MS
        data.append(self._take(until_ms))
        if until_ms >= self.end_ms:
            data.append(self._take(int(NEVER)))
            for minute in sorted(self.waiting):
                self.minute = self._arrivals(minute)
                data.append(self._take(int(NEVER)))
        return b"".join(data)

    def _take(self, until_ms: int) -> bytes:
        """Lines of the minute that is being read."""
        if self.minute is None:
            return b""
        m = self.minute
        begin, m.taken = m.taken, int(np.searchsorted(m.arrive_ms, until_ms))
        return encode_sentences(m.payloads, m.hearings[begin : m.taken], self.sentences)

    def _arrivals(self, minute: int) -> Arrivals:
        """Everything that arrives in a minute, in the order of arrival, then of reception."""
        pieces = self.waiting.pop(minute, [])
        heard = np.concatenate([np.empty(0, HEARD_DTYPE)] + [piece for piece, _ in pieces])
        sent = np.concatenate([np.empty(0, SENT_DTYPE)] + [rows for _, rows in pieces])
        order = np.lexsort((heard["t_rx_ms"], heard["arrive_ms"]))
        heard = heard[order]
        messages = new_messages(len(heard))
        compose(sent[order], self.world.ships, self.world.knots, self.world.lies, self.seed, messages)
        hearings = np.empty(len(heard), HEARING_DTYPE)
        hearings["t_rx_ms"], hearings["receiver"], hearings["message"] = heard["t_rx_ms"], heard["receiver"], np.arange(len(heard))
        return Arrivals(heard["arrive_ms"], encode_payloads(messages, self.world.particulars), hearings)

    def _play_frame(self) -> None:
        """What is sent in the frame, who hears it, and when it arrives."""
        world, ships, middle_ms = self.world, self.world.ships, self.frame_ms + FRAME_MS // 2
        places, sent = self._next_sent()
        near_start, near = self.near
        room = int((near_start[places["cell"] + 1] - near_start[places["cell"]]).sum()) + len(ships) * len(self.satellites)
        links, start = np.empty(room, LINK_DTYPE), np.empty(len(ships) + 1, np.int32)
        sky = sky_rows(self.satellites, (middle_ms - self.t_start_ms) / 1000)
        link(sent, world.ships, places, self.receivers, near_start, near, sky, self.seed, middle_ms, start, links)
        listen(sent, links, start, self.receivers, self.loud)
        for heard in self._hear(sent, links, start):
            minutes = heard["arrive_ms"] // FRAME_MS
            for minute in np.unique(minutes).tolist():
                piece = heard[minutes == minute]
                self.waiting.setdefault(minute, []).append((piece, sent[piece["sent"]]))

    def _next_sent(self) -> tuple[np.ndarray, np.ndarray]:
        """What `_sent` says of this frame; the helper, if there is one, goes on with the next: what is sent does not depend on who hears it."""
        if self.helper is None:
            return self._sent(self.frame_ms)
        now = self.ahead or self.helper.submit(self._sent, self.frame_ms)
        found, next_ms = now.result(), self.frame_ms + FRAME_MS
        self.ahead = self.helper.submit(self._sent, next_ms) if next_ms < self.end_ms else None
        return found

    def _sent(self, frame_ms: int) -> tuple[np.ndarray, np.ndarray]:
        """Places of all sets in a frame, and what they send in it. Frames in their order, each once: the clocks move on."""
        ships, knots = self.world.ships, self.world.knots
        places = np.empty(len(ships), PLACE_DTYPE)
        locate(ships, knots, frame_ms + FRAME_MS // 2, places)
        sent = self._schedule(places, min(frame_ms + FRAME_MS, self.end_ms))
        claim_slots(sent, ships, knots, places, self.seed, frame_ms, self.t_start_ms, self.end_ms)
        return places, sent

    def _schedule(self, places: np.ndarray, until_ms: int) -> np.ndarray:
        room, sent, begin = np.empty(MESSAGES_AT_ONCE, SENT_DTYPE), [np.empty(0, SENT_DTYPE)], 0
        while begin < len(self.world.ships):
            n, begin = schedule(self.world.ships, self.world.knots, self.clocks, places, self.bases, self.seed, begin, until_ms, room)
            sent.append(room[:n].copy())
        return np.concatenate(sent)

    def _hear(self, sent: np.ndarray, links: np.ndarray, start: np.ndarray) -> Iterator[np.ndarray]:
        room, begin = np.empty(max(MESSAGES_AT_ONCE, len(self.receivers)), HEARD_DTYPE), 0
        while begin < len(sent):
            n, begin = hear(
                *(sent, begin, links, start, self.loud, self.receivers, self.outages, self.deliveries),
                *(self.t_start_ms, self.seed, self.world.ships, self.relays, room),
            )
            yield room[:n].copy()
