"""Routes of the pages for rules and zones: read, check, back-test, propose, activate, roll back.

May live here: those routes. May not: what a text means, what it would have told: the runners hand in a bench that checks and tests
(console/ imports neither risk/ nor tracks/), and console/versions.py says what may be done to a version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from console.answers import clean_text, json_body, problem, reply
from console.board import wall_ms
from console.life import RefusedError
from console.rate import Rate
from console.versions import MAY_DECIDE, Versions, text_hash
from dogwatch.errors import DogwatchError

TEXT_BYTES_MAX = 4_000_000  # a coast drawn in detail; a profile has some kilobytes
POSTS_PER_WINDOW_MAX = 60  # per address; a check follows each pause in typing
STEPS = ("check", "set", "test", "cancel", "propose", "activate", "withdraw")


class Bench(Protocol):
    """What the runners hand in. `recordings`: names of what a back-test runs on; empty = none are configured."""

    recordings: list[str]

    def check(self, kind: str, text: str) -> dict[str, Any]:
        """`ok`, `faults` (each line, key, what, remedy), `notes`, `explained` (lines of plain words); of rules also `plain`, the values of the text."""
        ...

    def schema(self, kind: str) -> dict[str, Any]:
        """The JSON Schema of what a text says, from which the page makes its form. Raises InputError for a kind without one."""
        ...

    def with_value(self, kind: str, text: str, path: list[str | int], value: Any) -> str:
        """The text with one value changed; None takes it out. Raises InputError."""
        ...

    def swept(self, test: str, text: str) -> dict[str, Any]:
        """What a text would tell on the events of a back-test: `alerts`, `per_day`, `tested_per_day`, `kept`, `lost`, `added`. Raises DogwatchError."""
        ...

    def start(self, kind: str, text: str, before: str, keep: set[str]) -> str:
        """Begin a back-test beside the run, `text` against `before`; its id. `keep`: ids never forgotten. Raises DogwatchError."""
        ...

    def progress(self, test: str) -> dict[str, Any] | None:
        """`state` (running, done, failed, cancelled), `share`, `hash`, `base`, and once done the result; None of an id that is not known."""
        ...

    def report(self, test: str) -> bytes | None:
        """The whole report as one HTML file, once there is one."""
        ...

    def cancel(self, test: str) -> None:
        """End it. One that is over stays as it is."""
        ...


@dataclass(slots=True)
class Editor:
    """What is edited, and what checks it. `running`: hash of the text that this run decides with, by kind."""

    bench: Bench
    versions: dict[str, Versions]
    running: dict[str, str]


def editing_routes(editor: Editor | None) -> list[BaseRoute]:
    """Routes under api/v1; without an editor each answers 404 and says why."""
    desk = _Desk(editor)
    return [
        Route("/versions/{kind}", desk.versions),
        Route("/versions/{kind}/schema", desk.schema),
        Route("/versions/{kind}/texts/{number:int}", desk.text),
        Route("/versions/{kind}/tests/{test}", desk.progress),
        Route("/versions/{kind}/tests/{test}/report", desk.report),
        Route("/versions/{kind}/{step}", desk.step, methods=["POST"]),
    ]


class _Desk:
    def __init__(self, editor: Editor | None) -> None:
        self._editor = editor
        self._posts = Rate(POSTS_PER_WINDOW_MAX)

    async def versions(self, request: Request) -> Response:
        """GET api/versions/{kind}: every version, what is in force, its text and what it says."""
        return await self._with(request, self._list)

    async def schema(self, request: Request) -> Response:
        """GET api/versions/{kind}/schema: what a text may say, as JSON Schema."""
        return await self._with(request, lambda editor, kind: editor.bench.schema(kind))

    async def text(self, request: Request) -> Response:
        """GET api/versions/{kind}/texts/{number}"""
        return await self._with(request, lambda editor, kind: _text(editor.versions[kind], request.path_params["number"]))

    async def progress(self, request: Request) -> Response:
        """GET api/versions/{kind}/tests/{test}: how far a back-test is, then what it found."""
        return await self._with(request, lambda editor, kind: _found(editor.bench.progress(request.path_params["test"]), kind))

    async def report(self, request: Request) -> Response:
        """GET api/versions/{kind}/tests/{test}/report: a file to keep; it opens without the console."""
        answer = await self._with(request, lambda editor, kind: _found(editor.bench.progress(request.path_params["test"]), kind))
        if answer.status_code != 200 or self._editor is None:
            return answer
        page = await run_in_threadpool(self._editor.bench.report, request.path_params["test"])
        if page is None:
            return problem(404, "this back-test has no report", "it is not done, or it failed")
        return Response(page, media_type="text/html; charset=utf-8", headers={"content-disposition": 'attachment; filename="backtest.html"'})

    async def step(self, request: Request) -> Response:
        """POST api/versions/{kind}/{check, set, test, cancel, propose, activate, withdraw}, with If-Match: the revision that was seen."""
        name = request.path_params["step"]
        if name not in STEPS:
            return problem(404, f"no such step: {name[:30]}", f"one of {', '.join(STEPS)}")
        if not self._posts.allows(request.client.host if request.client else ""):
            return problem(429, "too many requests from this desk", "wait 10 s")
        tag = request.headers.get("if-match", "").strip().strip('"')
        if not tag:
            return problem(428, "If-Match is missing", "send the revision that you have seen in If-Match")
        body = await json_body(request, TEXT_BYTES_MAX)
        if body is None or not (tag.isascii() and tag.isdigit()):
            return problem(422, "not a JSON object, longer than 4 MB, or If-Match is no number", "send application/json")
        return await self._with(request, lambda editor, kind: self._take(editor, kind, name, body, int(tag)))

    async def _with(self, request: Request, act: Callable[[Editor, str], Any]) -> Response:
        kind = request.path_params["kind"]
        if self._editor is None:
            return problem(404, "nothing is edited here", "this console has no runner beside it; edit the files and start again")
        if kind not in self._editor.versions:
            return problem(404, f"no such kind: {kind[:30]}", f"one of {', '.join(self._editor.versions)}")
        try:
            return reply(await run_in_threadpool(act, self._editor, kind))
        except RefusedError as refusal:
            return problem(refusal.status, refusal.title, refusal.remedy)
        except DogwatchError as fault:
            return problem(409, fault.what, fault.remedy)
        except OSError as fault:
            return problem(503, f"NOT recorded: {fault}", "check the disk, then repeat")

    def _list(self, editor: Editor, kind: str) -> dict[str, Any]:
        versions = editor.versions[kind]
        every = versions.all()
        active = next(one for one in every if one.state == "active")
        text = versions.text(active)
        return {
            "kind": kind,
            "revision": len(versions.journal()),
            "active": active.number,
            "running": editor.running[kind],
            "running_is_active": editor.running[kind] == active.hash,
            "versions": [msgspec.to_builtins(one) for one in reversed(every)],
            "text": text,
            "recordings": editor.bench.recordings,
            **editor.bench.check(kind, text),
        }

    def _take(self, editor: Editor, kind: str, step: str, body: dict[str, Any], seen: int) -> dict[str, Any]:
        versions, bench, text = editor.versions[kind], editor.bench, body.get("text")
        who = {name: clean_text(body.get(name), most) for name, most in (("by", 60), ("role", 20), ("reason", 300))}
        if step == "cancel":
            bench.cancel(clean_text(body.get("test"), 64))
            return {"cancelled": True}
        if step in ("check", "set", "test", "propose"):
            if not isinstance(text, str) or not text.strip():
                raise RefusedError(422, "there is no text", '{"text": "..."}')
            if step == "set":
                text = bench.with_value(kind, text, _path(body.get("path")), body.get("value"))
                return {"text": text, **_with_sweep(bench, kind, text, body.get("test"))}
            if step == "check":
                return _with_sweep(bench, kind, text, body.get("test"))
            checked = bench.check(kind, text)
            if not checked["ok"]:
                raise RefusedError(422, "the text has faults", "correct them first: check names each with its line")
        if step == "test":
            if who["role"] not in MAY_DECIDE:
                raise RefusedError(403, f"a {who['role'] or 'person without a role'} may not run a back-test", f"ask a {' or '.join(MAY_DECIDE)}")
            keep = {one.test for each in editor.versions.values() for one in each.all()}
            return {"test": bench.start(kind, str(text), versions.text(versions.active()), keep)}
        if step == "propose":
            test = clean_text(body.get("test"), 64)
            found = _found(bench.progress(test), kind)
            if found["state"] != "done" or found["hash"] != text_hash(str(text)):
                raise RefusedError(409, "there is no finished back-test of this text", "run one: nothing goes further without it")
            return msgspec.to_builtins(versions.propose(str(text), base=found["base"], test=test, **who, seen=seen, wall_ms=wall_ms()))
        return self._decide(editor, kind, step, body.get("number"), {**who, "seen": seen, "wall_ms": wall_ms()})

    def _decide(self, editor: Editor, kind: str, step: str, number: Any, who: dict[str, Any]) -> dict[str, Any]:
        versions = editor.versions[kind]
        if isinstance(number, bool) or not isinstance(number, int):
            raise RefusedError(422, "which version is not said", '{"number": 3}')
        every = versions.all()
        if step == "activate" and 0 < number < len(every) and every[number].state == "proposed":
            found = editor.bench.progress(every[number].test)
            if found is None or found["state"] != "done" or found["hash"] != every[number].hash:
                raise RefusedError(409, "its back-test is gone", "test it again and propose it anew: nothing is activated without one")
        done = versions.activate(number, **who) if step == "activate" else versions.withdraw(number, **who)
        return msgspec.to_builtins(done)


def _with_sweep(bench: Bench, kind: str, text: str, test: Any) -> dict[str, Any]:
    """A check; of a text without faults also what it would tell on the events of a back-test, if one is named."""
    checked = bench.check(kind, text)
    if not checked["ok"] or not (name := clean_text(test, 64)):
        return checked
    try:
        return {**checked, "swept": bench.swept(name, text)}
    except DogwatchError as fault:
        return {**checked, "swept": {"what": fault.what, "remedy": fault.remedy}}


def _path(path: Any) -> list[str | int]:
    if not isinstance(path, list) or not all(isinstance(step, str | int) and not isinstance(step, bool) for step in path):
        raise RefusedError(422, "which value is not said", '{"path": ["rules", 1, "weight"], "value": 0.8}')
    return path


def _text(versions: Versions, number: int) -> dict[str, Any]:
    every = versions.all()
    if not 0 <= number < len(every):
        raise RefusedError(404, f"there is no version {number}", "the list of versions has their numbers")
    return {"number": number, "hash": every[number].hash, "text": versions.text(every[number])}


def _found(progress: dict[str, Any] | None, kind: str) -> dict[str, Any]:
    if progress is None or progress["kind"] != kind:
        raise RefusedError(404, "no such back-test", "it was forgotten, or never begun")
    return progress
