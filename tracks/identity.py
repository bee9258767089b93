"""Identity: who a vessel says it is, when that cannot be. Definitions: docs/behaviours/identity.md.

May hold: the detector that asks the rules and keeps their state. May not: the rules: numbers.py (bad_mmsi, imo_conflict,
class_conflict), hulls.py (dup_mmsi), particulars.py (static_change), handover.py (mmsi_handover).

Theory. Nobody's identity changes by the minute: everything is decided each ten minutes, from what was told since.
Of several shards the numbers and particulars of an MMSI are at home with it; hand-overs and shared IMO numbers look at the others.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dogwatch.events import Event
from tracks import episodes as ep
from tracks.detector import Detector, Sight
from tracks.handover import Newborn
from tracks.hulls import Turns, dup_mmsi
from tracks.look import BEGUN, STRANGE, TWIN
from tracks.numbers import Imos, Strangers, bad_mmsi, class_conflict
from tracks.particulars import Particulars
from tracks.records import BUCKET_MS, MINUTE_MS
from tracks.who import KNOWN


class IdentityDetector(Detector):
    """The six rules and what they remember."""

    NAME = "identity"
    COLD = KNOWN
    PAIRS = True

    def __init__(self) -> None:
        self.strangers, self.newborn, self.particulars, self.imos = Strangers(), Newborn(), Particulars(), Imos()
        self.bad, self.classes, self.hulls = ep.Book(), ep.Book(), ep.Book()
        self.turns = Turns()

    def see(self, sight: Sight, fixes: np.ndarray, taken: np.ndarray) -> None:
        """Numbers that have no track, tracks that begin, reports of hulls that share a number."""
        picks = sight.picks(fixes, taken)
        if len(picks[STRANGE]):
            self.strangers.see(fixes[picks[STRANGE]])
        if len(picks[TWIN]):
            self.turns.see(sight.table, fixes["t_ms"][picks[TWIN]], taken["slot"][picks[TWIN]])
        self.newborn.see(sight, fixes, taken, picks[BEGUN])

    def join(self, sight: Sight, statics: np.ndarray, slots: np.ndarray) -> None:
        """Particulars and IMO numbers against those that were known."""
        self.particulars.join(sight, statics, slots)
        self.imos.join(sight, statics, slots)

    def bring(self, sight: Sight) -> np.ndarray | None:
        """IMO numbers, each ten minutes."""
        return None if sight.tick_ms % BUCKET_MS or not sight.params.identity.enabled else self.imos.numbers_told(sight.table)

    def asks(self, sight: Sight) -> set[int]:
        """Of a hand-over the other number, of an IMO number all who tell it."""
        told = sight.brought(self.NAME)
        return self.newborn.asks(sight) | self.imos.asks(sight, np.concatenate(told)) if told else set()

    def tick(self, sight: Sight) -> list[Event]:
        """At each ten minutes."""
        self.newborn.begun_ms = self.newborn.begun_ms or sight.tick_ms - MINUTE_MS
        if sight.tick_ms % BUCKET_MS or not sight.params.identity.enabled:
            return []
        events = bad_mmsi(self.bad, self.strangers, sight)
        events += class_conflict(self.classes, self.strangers, sight)
        events += dup_mmsi(self.hulls, self.turns, sight)
        events += self.particulars.tick(sight)
        events += self.newborn.tick(sight)
        return events + self.imos.tick(sight, self._told(sight))

    def _told(self, sight: Sight) -> np.ndarray | None:
        """TOLD rows of all who told an IMO number, if there is anything to ask of them."""
        parts = sight.brought(self.NAME)
        if parts is None and (self.imos.anew or self.imos.shared.pages):
            parts = [self.imos.numbers_told(sight.table)]
        return None if parts is None else np.concatenate(parts)

    def keys(self) -> set[int]:
        """Tracks with an episode or a change under way."""
        pages = (self.bad.pages, self.classes.pages, self.hulls.pages, self.newborn.book.pages, self.imos.wrong.pages, self.particulars.pending)
        return set().union(*pages)

    def counts(self) -> dict[str, int]:
        """What found no room."""
        return {"identity_refused": self.strangers.refused + self.newborn.refused + self.particulars.refused}

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        return {
            "bad_numbers": _rows(self.strangers.bad),
            "stations": _rows(self.strangers.stations),
            "born": _rows(self.newborn.born),
            "begun_ms": self.newborn.begun_ms,
            "turns": _rows(self.turns.of),
            "pending": _rows(self.particulars.pending),
            "fresh_imo": self.imos.fresh().tolist(),
            "refused": [self.strangers.refused, self.newborn.refused, self.particulars.refused],
            "books": [book.to_sections() for book in self._books()],
        }

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        self.strangers.bad, self.strangers.stations = _dict(sections["bad_numbers"]), _dict(sections["stations"])
        self.newborn.born, self.newborn.begun_ms = _dict(sections["born"]), sections["begun_ms"]
        self.turns.of = _dict(sections["turns"])
        self.particulars.pending = _dict(sections["pending"])
        self.imos.anew = [np.array(sections["fresh_imo"], np.int64)] if sections["fresh_imo"] else []
        self.strangers.refused, self.newborn.refused, self.particulars.refused = sections["refused"]
        books = [ep.Book.from_sections(rows) for rows in sections["books"]]
        self.bad, self.classes, self.hulls, self.newborn.book, self.imos.wrong, self.imos.shared = books

    def _books(self) -> tuple[ep.Book, ...]:
        return self.bad, self.classes, self.hulls, self.newborn.book, self.imos.wrong, self.imos.shared


def _rows(entries: dict[int, list[int]]) -> list[list[int]]:
    return [[key, *values] for key, values in sorted(entries.items())]


def _dict(rows: list[list[int]]) -> dict[int, list[int]]:
    return {row[0]: list(row[1:]) for row in rows}
