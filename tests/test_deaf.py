"""A receiver that dies must not look like a fleet going dark: half of a small sea is heard by one receiver only, which fails."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache

import msgspec
import pytest
from seas import recording

from ingest.decode import DecodeState, decode
from ingest.source import Health, Received
from runners.engine import Engine
from runners.lane import Lane
from runners.rules import read_rules

END_S, DIES_S, BACK_S, PIECE_S = 4_200, 1_500, 3_900, 10
NOISE = b"\x91\xf3 wrong speed \xfe\x81\r\n" * 20


@cache
def heard() -> tuple[int, dict[tuple[int, str], bytes], set[int]]:
    """(start in ms, bytes per ten seconds and source, vessels that only `hill` hears): even MMSI numbers are out of sight of `cape`."""
    state, start_ms, alone = DecodeState("sorting"), 0, set()
    pieces: dict[tuple[int, str], bytes] = defaultdict(bytes)
    for line in recording().splitlines(keepends=True):
        stamp = re.match(rb"\\s:EX-(HILL|CAPE),c:(\d+)", line)
        if stamp is None:
            continue  # later parts of statics: nothing here needs a name
        source, t_ms = stamp.group(1).decode().lower(), int(stamp.group(2)) * 1000
        start_ms = start_ms or t_ms
        mmsi = next(iter(decode(state, line).fixes["mmsi"].tolist()), 1)
        if mmsi % 2 == 0:
            alone.add(mmsi)
            if source == "cape":
                continue
        pieces[(t_ms - start_ms) // 1000 // PIECE_S, source] += line
    return start_ms, pieces, alone


def story(how: str) -> list[Received]:
    """What both sources say; `hill` fails from DIES_S to BACK_S: it falls silent, is garbled, or nobody says what happened."""
    start_ms, pieces, _ = heard()
    said = []
    for number in range(END_S // PIECE_S):
        second = number * PIECE_S
        for source in ("cape", "hill"):

            def say(kind, data=b"", after_s=0.0, source=source, second=second):
                said.append(Received(data, start_ms + round((second + after_s) * 1000), source, "peer", kind))

            failed = source == "hill" and DIES_S <= second < BACK_S
            if source == "hill" and how == "silent" and second in (DIES_S + 60, BACK_S):
                say("silent" if second < BACK_S else "back")
            if not failed:
                say("bytes", pieces.get((number, source), b""), 9.0)
            elif how == "garbled":
                say("bytes", NOISE, 9.0)
            if how != "untold":
                say("beat", msgspec.json.encode(Health("connected")), 9.5)
    return said


def dark(how: str) -> tuple[set[int], Engine]:
    engine = Engine(read_rules("border", []), [Lane(source, lateness_ms=20_000) for source in ("hill", "cape")])
    outputs = [engine.take(received) for received in story(how)]
    outputs.append(engine.end())
    assert sum(len(output.batch.fixes) for output in outputs) > 3_000
    assert not [alert for output in outputs for alert in output.all_alerts() if alert.kind == "risk" and "dark" in alert.headline.lower()]
    return {event.mmsi[0] for output in outputs for event in output.events if event.type == "dark"}, engine


def test_without_being_told_the_watch_would_wonder_about_half_the_fleet():
    found, engine = dark("untold")
    vessels = {mmsi for mmsi in heard()[2] if mmsi < 970_000_000}
    assert len(vessels) >= 4
    assert vessels <= found, "otherwise the tests below prove nothing"
    assert engine.watch.track.counters["dark_minutes_deaf"] == 0


@pytest.mark.parametrize("how", ["silent", "garbled"])
def test_a_deaf_receiver_accuses_nobody(how):
    found, engine = dark(how)
    assert found & heard()[2] == set()
    assert engine.watch.track.counters["dark_minutes_deaf"] >= 35
    assert engine.intake.deaf == set(), "it is heard again at the end"
