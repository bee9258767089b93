"""The evidence of each alert: shown as it is known, and set aside as alerts come and change, so that it outlives tracks, sentences and restarts.

May live here: when it is set aside, how what was set aside and what is known now become one, the route of the sentences. May not: keeping
(console/memory.py), what is looked for (console/evidence.py, console/sentences.py), any judgement.

Theory. What is set aside is what a page would have been shown, and what is set aside next contains it; so a track only grows, and the
first picture of an alert ("as known then") stays the first. It is looked at for each revision, and once more when nothing can come any more.
"""

from __future__ import annotations

import contextlib
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.answers import problem, reply
from console.board import Board
from console.database import StoreError
from console.evidence import AFTER_MS, evidence, span_of, subjects_of, together
from console.picture import Picture
from console.sentences import LINES_MAX, Line
from dogwatch.times import from_iso

AT_ONCE = 2  # alerts looked through per beat: each costs up to half a second where thousands of lines come a second
HELD = ("from_ms", "to_ms", "step_ms", "known_from_ms", "tracks", "then", "receivers", "others")
NOBODY = "no such alert on this board"
REMEDY = "it may have left the board; alerts.ndjson keeps every revision"


class Exhibits:
    """Evidence by alert. Thread-safe as far as its parts are; `set_aside_due` from one thread at a time."""

    def __init__(self, board: Board, picture: Picture) -> None:
        self._board, self._picture = board, picture
        self._seen = picture.memory.exhibits()

    def routes(self) -> list[Route]:
        """Under api/v1."""
        return [Route("/alerts/{alert_id}/evidence", self._evidence), Route("/alerts/{alert_id}/sentences", self._sentences)]

    async def _evidence(self, request: Request) -> Response:
        """GET api/alerts/{id}/evidence: the record with tracks, receivers and traffic around its time."""
        record = self._board.record(request.path_params["alert_id"])
        return problem(404, NOBODY, REMEDY) if record is None else reply(await run_in_threadpool(self.evidence, record))

    async def _sentences(self, request: Request) -> Response:
        """GET api/alerts/{id}/sentences: the lines of its vessels from 30 min before its start to 10 min after its end, as they were received."""
        record = self._board.record(request.path_params["alert_id"])
        if record is None:
            return problem(404, NOBODY, REMEDY)
        total, lines = await run_in_threadpool(self.sentences, record)
        known = min((line.t_ms for line in lines if line.t_ms is not None), default=None)
        known = min((one for one in (known, self._picture.sentences.begins_ms) if one is not None), default=None)
        about = {"alert_id": record["alert_id"], "exercise": record["exercise"], "total": total, "most": LINES_MAX, "known_from_ms": known}
        return reply({**about, "lines": [line._asdict() for line in lines]})

    def evidence(self, record: dict[str, Any], held: dict[str, Any] | None = None) -> dict[str, Any]:
        """What is shown of an alert: what is known now, with what was set aside of it (`held`, if the caller has it)."""
        held = held or self._held(record)
        now = evidence(record, self._picture.history, self._board.then(record["alert_id"]))
        return together(now, held) if held else now

    def sentences(self, record: dict[str, Any], held: dict[str, Any] | None = None) -> tuple[int, list[Line]]:
        """How many lines there are behind an alert, and those that are shown."""
        held = held or self._held(record) or {}
        first, last = from_iso(record["t_first"]), from_iso(record["t_last"])
        assert first is not None, "every alert has a beginning"
        assert last is not None, "and a latest time"
        before = [Line(*one) for one in held.get("lines", ())]
        total, lines = self._picture.sentences.behind(subjects_of(record), span_of(first, last), first, last, before)
        return max(total, held.get("total", 0)), lines

    def _held(self, record: dict[str, Any]) -> dict[str, Any] | None:
        with contextlib.suppress(StoreError):  # then what is known now is shown
            return self._picture.memory.exhibit(record["alert_id"])
        return None

    def set_aside_due(self) -> None:
        """Set aside what is known of new and changed alerts, a few at a time, the newest first. Raises StoreError: then it is tried again."""
        stages = self._board.stages(self._picture.until_ms - AFTER_MS)
        self._seen = {one: seen for one, seen in self._seen.items() if one in stages}
        due = sorted((one for one, (*stage, _) in stages.items() if self._seen.get(one) != tuple(stage)), key=lambda one: stages[one][2], reverse=True)
        for alert_id in due[:AT_ONCE]:
            revision, whole, t_last = stages[alert_id]
            if (record := self._board.record(alert_id)) is not None:
                self._set_aside(record, t_last, whole=whole)
            self._seen[alert_id] = revision, whole

    def _set_aside(self, record: dict[str, Any], t_last: int, *, whole: bool) -> None:
        memory = self._picture.memory
        held = memory.exhibit(record["alert_id"])
        shown = self.evidence(record, held)
        total, lines = self.sentences(record, held)
        if lines or any(track["t_ms"] for track in shown["tracks"]):  # of what nothing is known there is nothing to set aside
            body = {**{name: shown[name] for name in HELD}, "total": total, "lines": lines}
            memory.set_aside(record["alert_id"], record["revision"], t_last, body, whole=whole)
