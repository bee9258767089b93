"""The API described in OpenAPI 3.1, as api/v1/openapi.json serves it. May live here: that description. May not: handlers, rules.

Written as a table: a test holds it against the routes themselves, both ways, and against every address that the page asks.
"""

from __future__ import annotations

from typing import Any

from console.editing import STEPS
from console.life import DISPOSITIONS, MAY, SCOPES
from console.versions import ENDINGS
from console.watch import STEPS as WATCH_STEPS
from console.watch import TEXT_CHARS_MAX
from dogwatch import __version__

BASE = "/api/v1"
JSON, BINARY = "application/json", "application/octet-stream"
BBOX = ("string", "west,south,east,north in degrees")
Parameters = dict[str, tuple[str, str]]  # name -> (type, what it says)
DAYS = ("number", "how far back its track goes, up to 60, as far as positions are kept")

READS: dict[str, tuple[str, Parameters, str]] = {
    "/openapi.json": ("this document", {}, JSON),
    "/info": ("what does not change while the page is open: desk, version, parts installed", {}, JSON),
    "/session": ("whether this console has users, who asks and until when, and whether it is an exercise", {}, JSON),
    "/watch": ("who has the watch, what is offered to the relief, and the lists as they are now", {}, JSON),
    "/vessels.bin": ("a key frame of the picture (docs/console.md); JSON with fmt=json", {"bbox": BBOX, "fmt": ("string", "json")}, BINARY),
    "/vessels": ("web socket: a key frame, then a delta each half second", {"bbox": BBOX}, BINARY),
    "/static": ("who the handles of the picture are, what changed since a version", {"since": ("integer", "version of the answer before")}, JSON),
    "/search": ("vessels by MMSI, IMO number, call sign or name, the closest first, at most 20", {"q": ("string", "at least two characters")}, JSON),
    "/vessels/{mmsi}": ("the dossier: identity, voyage, histories, track, alerts, gaps, port calls, watchlist hits", {"days": DAYS}, JSON),
    "/vessels/{mmsi}/track": ("positions of the last hours with speed and course, oldest first", {"hours": ("number", "back from now, up to 25")}, JSON),
    "/vessels/{mmsi}/export.{form}": ("the dossier as a file, without any person", {"days": DAYS}, BINARY),
    "/export.{form}": ("risk alerts as a file, without who rescues or is rescued", {"ids": ("string", "with commas; else all")}, BINARY),
    "/rescues": ("the rescue areas that are open, and what each holds back", {}, JSON),
    "/events": ("server-sent events alert, health, reset; resumed by Last-Event-ID or after", {"after": ("string", "cursor")}, "text/event-stream"),
    "/alerts": (
        "records, worst and newest first, and the cursor for the stream",
        {"limit": ("integer", "up to 2000"), "after": ("string", "`next` of the page before"), "offset": ("integer", "from 0")},
        JSON,
    ),
    "/alerts/{alert_id}": ("one record; its ETag is the op_revision", {}, JSON),
    "/alerts/{alert_id}/evidence": ("the record with tracks, receivers and traffic around its time", {}, JSON),
    "/assets": ("SHA-256 of each file of the page, by its path under static/", {}, JSON),
    "/alerts/{alert_id}/normal": ("what speed is usual for vessels of its class there, beside what was observed", {}, JSON),
    "/alerts/{alert_id}/sentences": ("the raw sentences of its vessels around its time, as they were received", {}, JSON),
    "/alerts/{alert_id}/rescuers": ("the vessels that can be there first", {}, JSON),
    "/versions/{kind}": ("every version of the rules or zones, the text in force and what it says", {}, JSON),
    "/versions/{kind}/schema": ("what a text of the rules may say, as JSON Schema: the page makes its form from it", {}, JSON),
    "/versions/{kind}/texts/{number}": ("the text of one version", {}, JSON),
    "/versions/{kind}/tests/{test}": ("how far a back-test is, then what it found", {}, JSON),
    "/versions/{kind}/tests/{test}/report": ("the whole report of a back-test, as a file", {}, "text/html"),
    "/analysis": ("alerts by time, rule, zone, flag, disposition; precision; data age per source", {"hours": ("number", "back from now")}, JSON),
    "/analysis.csv": ("the same shares as a file, without any person", {"hours": ("number", "back from now")}, "text/csv"),
    "/load": ("alarm load in event time", {"hours": ("number", "back from now"), "positions": ("integer", "operators")}, JSON),
    "/drift": (
        "where a person or a craft drifts, as GeoJSON",
        {
            **dict.fromkeys(("lat", "lon", "wind_from", "current_to"), ("number", "degrees")),
            "class": ("string", "PIW-1, REFUGEE-RAFT-1, LIFE-RAFT-NB-1 or SKIFF-1"),
            "hours": ("number", "from the call"),
            **dict.fromkeys(("wind_ms", "current_ms"), ("number", "m/s")),
            "error_m": ("number", "of the position"),
            "seed": ("integer", "of the particles"),
        },
        JSON,
    ),
}  # fmt: skip
WORDS = {"by": {"type": "string", "maxLength": 60}, "role": {"type": "string", "maxLength": 20}, "reason": {"type": "string", "maxLength": 300}}
ORDER = {
    **WORDS,
    "code": {"enum": list(DISPOSITIONS)},
    "of": {"type": "string", "maxLength": 64},
    "scope": {"enum": list(SCOPES)},
    "until": {"type": "string", "format": "date-time", "description": "event time"},
}
WRITES: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "/session": ("log in: a session in a cookie", {"name": WORDS["by"], "password": {"type": "string", "maxLength": 128}}, ["name", "password"]),
    "/session/end": ("log out", {}, []),
    "/watch/{step}": (
        "take the watch, offer it, take the offer back, accept it; If-Match has the `version` that was seen",
        {**{name: WORDS[name] for name in ("by", "role")}, "words": {"type": "string", "maxLength": TEXT_CHARS_MAX}},
        ["by"],
    ),
    "/rescues": ("open a rescue area by hand", {**WORDS, **{key: {"type": "number"} for key in ("lat", "lon")}}, ["lat", "lon", "by", "role", "reason"]),
    "/silence": ("the sounds of this desk are off for half a minute, logged", {name: WORDS[name] for name in ("by", "role")}, ["by"]),
    "/alerts/{alert_id}/ack": ("acknowledge for everybody", {"by": WORDS["by"], "seen_revision": {"type": "integer"}}, ["by", "seen_revision"]),
    "/alerts/{alert_id}/end-rescue": ("end the rescue areas that an alert opened", WORDS, ["by", "role", "reason"]),
    "/alerts/{alert_id}/{action}": ("what people decide about an alert", ORDER, ["by"]),
    "/versions/{kind}/{step}": (
        "check a text, set one value of it, back-test it, propose it; activate or withdraw a version; If-Match has the `revision` that was seen",
        {**WORDS, "text": {"type": "string"}, "test": {"type": "string"}, "number": {"type": "integer"}, "path": {"type": "array"}, "value": {}},
        [],
    ),
}
REFUSALS = {
    "400": "a parameter makes no sense", "401": "log in first",
    "403": "from elsewhere, or the role may not", "404": "no such thing", "409": "never done to it, or its level rose",
    "412": "somebody decided before", "422": "a word is missing or senseless", "428": "If-Match is missing", "429": "too many requests from this address",
    "503": "not recorded, or not to be read",
}  # fmt: skip
READ_REFUSALS, WRITE_REFUSALS = ("400", "401", "403", "404", "429", "503"), ("401", "403", "404", "409", "412", "422", "428", "429", "503")


def document() -> dict[str, Any]:
    """The whole description, ready for JSON."""
    paths: dict[str, Any] = {path: {"get": _read(path, *said)} for path, said in READS.items()}
    for path, said in WRITES.items():
        paths.setdefault(path, {})["post"] = _write(path, *said)
    return {
        "openapi": "3.1.0",
        "info": {"title": "dogwatch console", "version": __version__, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": BASE.removeprefix("/"), "description": "relative to the address of the console"}],
        "paths": paths,
        "components": {
            "schemas": {
                "Problem": {
                    "type": "object",
                    "required": ["error", "remedy", "request_id"],
                    "properties": {name: {"type": "string"} for name in ("error", "remedy", "request_id")},
                }
            }
        },
    }


def _read(path: str, says: str, parameters: Parameters, media_type: str) -> dict[str, Any]:
    asked = [{"name": name, "in": "query", "description": what, "schema": {"type": kind}} for name, (kind, what) in parameters.items()]
    return {"summary": says, "parameters": [*_in_path(path), *asked], "responses": {"200": _answer(says, media_type), **_refused(READ_REFUSALS)}}


def _write(path: str, says: str, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    headers = [
        {"name": "If-Match", "in": "header", "required": True, "description": "the op_revision that was seen, in quotes", "schema": {"type": "string"}},
        {"name": "Idempotency-Key", "in": "header", "description": "the same key is carried out once", "schema": {"type": "string"}},
    ]
    body = {"type": "object", "required": required, "properties": properties}
    return {
        "summary": says,
        "parameters": [*_in_path(path), *(() if path.startswith(("/session", "/silence", "/rescues")) else headers)],
        "requestBody": {"required": True, "content": {JSON: {"schema": body}}},
        "responses": {"200": _answer("recorded; the record as it is now", JSON), **_refused(WRITE_REFUSALS)},
    }


def _in_path(path: str) -> list[dict[str, Any]]:
    kinds: dict[str, dict[str, Any]] = {
        "mmsi": {"type": "integer"},
        "form": {"enum": ["geojson", "kml", "csv", "gpx", "cot", "parquet"]},
        "action": {"enum": list(MAY)},
        "kind": {"enum": list(ENDINGS)},
        "step": {"enum": list(STEPS)},
        "number": {"type": "integer"},
    }
    names = [part.partition("}")[0] for part in path.split("{")[1:]]
    if path.startswith("/watch/"):
        kinds["step"] = {"enum": list(WATCH_STEPS)}
    return [{"name": name, "in": "path", "required": True, "schema": kinds.get(name, {"type": "string"})} for name in names]


def _answer(says: str, media_type: str) -> dict[str, Any]:
    return {"description": says, "content": {media_type: {}}}


def _refused(codes: tuple[str, ...]) -> dict[str, Any]:
    content = {JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {code: {"description": REFUSALS[code], "content": content} for code in codes}
