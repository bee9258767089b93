"""Senders: one decoder for each peer that feeds a source, seen from outside as one decoder.

May live here: which decoder a piece belongs to, the sum of their accounting. May not: decode, read, stamp.

A UDP port or a TCP server hears many receivers, and each numbers its own multi-part messages 0-9: fragments of two of
them joined would be a chimera. So nothing that waits for its continuation (fragments, a tag block on a line of its own,
own-ship time) is shared between senders. SENDERS_MAX are remembered; beyond it the one heard longest ago is closed: its
fragments are rejected as `link_reset`, its accounting stays in the sum. Only what makes a source an exercise is shared: one
simulated sender marks what comes after it of all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dogwatch.batch import Batch, Counts, add_counts, translate_receivers
from ingest.decode import DecodeState, decode, joined

SENDERS_MAX = 256  # decoders of one source, as many as a TCP server has places; about a quarter of a megabyte each; a new one costs half a millisecond


class Senders:
    """The decoders of one source. Not thread-safe: one caller. `fresh` makes the decoder of a new sender."""

    def __init__(self, fresh: Callable[[], DecodeState]) -> None:
        self.fresh = fresh
        self.states: dict[str, DecodeState] = {}  # the one heard longest ago first
        self.fixes_of: dict[str, int] = {}  # fixes that each has yielded
        self.fixes = 0  # all of them
        self.closed = Counts()
        self.closed_samples: dict[str, bytes] = {}
        self.exercise = False  # one of them is simulated, or was

    def feed(self, data: bytes, t_rx_ms: int | None, sender: str, *, final: bool = False) -> Batch:
        """Rows of a piece of one sender, in arrival order; `final`: the source is over, for every sender.

        Any cut of a sender's bytes gives the same rows; `fixes_before` of static rows counts the fixes of the whole source.
        """
        if not final:
            return self._decoded(sender, data, t_rx_ms, final=False)
        pieces = [self._decoded(sender, data, t_rx_ms, final=True)] if data or not self.states else []
        pieces += [self._decoded(other, b"", t_rx_ms, final=True) for other in list(self.states) if other != sender or not data]
        return pieces[0] if len(pieces) == 1 else _united(pieces)

    def relink(self, sender: str) -> None:
        """A connection to this sender began: see `DecodeState.relink`."""
        self._state(sender).relink()

    def mark(self) -> None:
        """From now on every sender, also one that is still to come, is an exercise. Nothing takes that back."""
        self.exercise = True
        for state in self.states.values():
            state.mark()

    @property
    def counts(self) -> Counts:
        """Line accounting of all senders together."""
        if not self.closed.lines and len(self.states) == 1:
            return next(iter(self.states.values())).counts
        total = Counts()
        for part in (self.closed, *(state.counts for state in self.states.values())):
            add_counts(total, part)
        return total

    @property
    def samples(self) -> dict[str, bytes]:
        """One rejected line for each reason."""
        found = dict(self.closed_samples)
        for state in self.states.values():
            found = state.samples | found
        return found

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`; the order of the senders is part of it."""
        return {
            "names": list(self.states),
            "fixes_of": [self.fixes_of[name] for name in self.states],
            "fixes": self.fixes,
            "states": {str(i): state.to_sections() for i, state in enumerate(self.states.values())},
            "closed": [getattr(self.closed, name) for name in Counts.__slots__],
            "samples": [[reason, line] for reason, line in sorted(self.closed_samples.items())],
            "exercise": self.exercise,
        }

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        self.states = {name: DecodeState.from_sections(sections["states"][str(i)]) for i, name in enumerate(sections["names"])}
        self.fixes_of = dict(zip(sections["names"], sections["fixes_of"]))
        self.fixes = sections["fixes"]
        self.closed = Counts(*sections["closed"])
        self.closed_samples = dict(sections["samples"])
        if self.exercise or sections["exercise"]:
            self.mark()

    def _decoded(self, sender: str, data: bytes, t_rx_ms: int | None, *, final: bool) -> Batch:
        state = self._state(sender)
        batch = decode(state, data, t_rx_ms, final=final)
        if not self.exercise and state.exercise:
            self.mark()
        if len(batch.statics) and self.fixes != self.fixes_of[sender]:
            batch.statics["fixes_before"] += self.fixes - self.fixes_of[sender]
        for report in batch.safety:
            report.fixes_before += self.fixes - self.fixes_of[sender]
        self.fixes_of[sender] += len(batch.fixes)
        self.fixes += len(batch.fixes)
        return batch

    def _state(self, sender: str) -> DecodeState:
        """The decoder of a sender, now the one heard last."""
        state = self.states.pop(sender, None)
        if state is None:
            if len(self.states) == SENDERS_MAX:
                self._close(next(iter(self.states)))
            state, self.fixes_of[sender] = self.fresh(), 0
            if self.exercise:
                state.mark()
        self.states[sender] = state
        return state

    def _close(self, sender: str) -> None:
        state = self.states.pop(sender)
        del self.fixes_of[sender]
        state.relink()
        add_counts(self.closed, state.counts)
        self.closed_samples = state.samples | self.closed_samples


def _united(pieces: list[Batch]) -> Batch:
    """Batches of several senders as one: receivers are the same where they have the same name."""
    names: dict[str, int] = {}
    for piece in pieces:
        for name in piece.receivers:
            names.setdefault(name, len(names))
        translate_receivers(piece, [names[name] for name in piece.receivers])
    return joined(pieces, tuple(names))
