"""The raw sentences behind an alert: whose line it is, what is kept and for how long, what is shown of it."""

from __future__ import annotations

import random

import numpy as np
import pytest
from starlette.testclient import TestClient

from console.app import create_app
from console.board import Board
from console.decisions import Decisions
from console.exhibits import Exhibits
from console.picture import Picture
from console.sentences import LINES_MAX, Line, Sentences, lines_of, printable
from dogwatch.batch import empty_batch, new_fixes
from ingest.capture import record
from ingest.source import Received
from runners.desk import Desk
from runners.engine import Engine
from runners.lane import Lane
from runners.rules import read_rules
from tests.console_harness import HOSTILE, T0, Harness, alert, batch, fleet, gone_dark
from tests.console_page import READY, Browser, clean, in_browser
from tests.decode_inputs import armour, one, position, sentence

MINUTE = 60_000


def said(t_ms: int, mmsi: int, *, extra: bytes = b"") -> bytes:
    """A tagged position of a vessel."""
    return b"\\s:hill,c:%d%s*00\\" % (t_ms // 1000, extra) + one(position(mmsi=mmsi)) + b"\r\n"


def hear(kept: Sentences, t_ms: int, mmsi: list[int], *, cut: int | None = None) -> None:
    """These vessels speak at a time; the piece may be cut within its lines, the rest comes next."""
    data = b"".join(said(t_ms, vessel) for vessel in mmsi)
    rows = new_fixes(len(mmsi))
    rows["mmsi"], rows["t_ms"] = mmsi, t_ms
    for part in (data[:cut], data[cut:]) if cut is not None else (data,):
        kept.take([Received(part, None, "hill", "", "bytes")], batch(rows))


def sender(line: bytes) -> int | None:
    """The slow twin of the pattern: the number in a first part, bit by bit."""
    fields = line[line.index(b"!") :].split(b",")
    if fields[2] != b"1":
        return None
    bits = "".join(f"{(c - 48 if c < 88 else c - 56):06b}" for c in fields[5])
    return int(bits[8:38], 2)


@pytest.mark.parametrize("seed", range(4))
def test_the_pattern_finds_whose_line_it_is_like_reading_each_bit(seed: int) -> None:
    rng = random.Random(seed)
    near = rng.randrange(200_000_000, 800_000_000)
    vessels = [near + step for step in (0, 1, 2, 3, 4, 256, 1 << 20)] + [rng.randrange(1 << 30) for _ in range(20)] + [970_010_001, 2_130_001]
    payloads = [f"{rng.randrange(1, 28):06b}{rng.randrange(4):02b}{v:030b}{rng.getrandbits(130):0130b}" for v in rng.choices(vessels, k=300)]
    lines = [sentence(*armour(bits)) + b"\r\n" for bits in payloads]
    wanted = rng.sample(vessels, 6)
    found = lines_of(record("bytes", T0, "mast", "", b"".join(lines)), wanted)
    assert [(line.mmsi, line.text) for line in found] == [(sender(line), line.decode().strip()) for line in lines if sender(line) in wanted]


def test_the_parts_of_a_message_stay_together_though_others_speak_between() -> None:
    payload, fill = armour(f"{5:06b}00{219_000_001:030b}" + "0" * 386)
    first, second = sentence(payload[:60], count=2, seq="3"), sentence(payload[60:], fill, count=2, number=2, seq="3")
    data = b"\r\n".join([said(T0, 219_000_002).strip(), first.strip(), said(T0, 219_000_003).strip(), second.strip(), b""])
    found = list(lines_of(record("bytes", T0, "mast", "", data), [219_000_001]))
    assert [line.text for line in found] == [first.decode().strip(), second.decode().strip()]
    assert {line.t_ms for line in found} == {T0}


def test_lines_are_found_by_vessel_and_time_in_whatever_pieces_they_came() -> None:
    whole, cut = Sentences(block_bytes=2_000), Sentences(block_bytes=700)
    for minute in range(60):
        vessels = [219_000_001, 219_000_002] if minute % 3 else [219_000_002]
        hear(whole, T0 + minute * MINUTE, vessels)
        hear(cut, T0 + minute * MINUTE, vessels, cut=30 + minute)
    for kept in (whole, cut):
        found = kept.find([219_000_001], T0 + 10 * MINUTE, T0 + 20 * MINUTE)
        assert [(line.t_ms - T0) // MINUTE for line in found if line.t_ms is not None] == [10, 11, 13, 14, 16, 17, 19, 20]
        assert {line.text for line in found} == {printable(said(T0 + m * MINUTE, 219_000_001).strip()) for m in (10, 11, 13, 14, 16, 17, 19, 20)}
        assert kept.begins_ms == T0
        assert kept.find([219_000_009], 0, 2 * T0) == []


def test_memory_is_bounded_and_what_was_known_before_is_shown_with_what_is_found() -> None:
    kept = Sentences(block_bytes=2_000, bytes_max=6_000)
    hear(kept, T0, [219_000_001])
    total, lines = kept.behind([219_000_001], (T0, T0 + MINUTE), T0, T0)
    assert (total, len(lines)) == (1, 1)
    for minute in range(1, 150):
        hear(kept, T0 + minute * MINUTE, list(range(219_000_100, 219_000_110)))
    assert kept.begins_ms is not None
    assert kept.begins_ms > T0, "the beginning was let go"
    assert sum(len(block.data) + block.mmsi.nbytes for block in kept._blocks) <= 6_000
    assert kept.find([219_000_001], T0, T0 + MINUTE) == []
    assert kept.behind([219_000_001], (T0, T0 + MINUTE), T0, T0, lines) == (1, lines)


def test_of_too_many_lines_those_at_the_beginning_and_the_end_are_shown() -> None:
    kept = Sentences()
    for second in range(0, 3_000, 5):
        hear(kept, T0 + second * 1000, [219_000_001])
    total, lines = kept.behind([219_000_001], (T0, T0 + 3_000_000), T0, T0 + 2_995_000)
    assert (total, len(lines)) == (600, LINES_MAX)
    assert (lines[0].t_ms, lines[-1].t_ms) == (T0, T0 + 2_995_000)
    assert [line.t_ms for line in lines] == sorted(line.t_ms or 0 for line in lines)


def test_what_is_not_printable_is_made_so_and_capped() -> None:
    assert printable(b"\\s:\x00\xe2\x80\xae\x07*00\\!AIVDM") == "\\s:\ufffd\ufffd\ufffd\ufffd\ufffd*00\\!AIVDM"
    assert len(printable(b"A" * 5_000)) == 240


def test_a_run_keeps_the_lines_that_it_was_given_and_holds_them_when_an_alert_comes() -> None:
    desk = Desk(Engine(read_rules("border", []), [Lane("mast", lateness_ms=0)]))
    desk.picture, desk.board = Picture(), Board()
    piece = Received(one(position(mmsi=219_000_001)) + b"\r\n", T0, "mast", "peer", "bytes")
    desk.show(desk.engine.take(piece), 0.0, [piece])
    board, picture = desk.board, desk.picture
    board.publish(alert(1, mmsi=219_000_001, subjects=[], t_first=T0 - MINUTE, t_last=T0))
    Exhibits(board, picture).set_aside_due()
    assert [one[0] for one in picture.memory.exhibits().values()] == [1]
    client = TestClient(create_app(board, picture, Decisions(None)))
    answer = client.get(f"/api/v1/alerts/{1:032x}/sentences").json()
    assert answer["lines"] == [Line(T0, "mast", 219_000_001, piece.data.decode().strip())._asdict()]
    assert (answer["total"], answer["known_from_ms"]) == (1, picture.sentences.begins_ms)
    assert client.get("/api/v1/alerts/none/sentences").status_code == 404
    silent = TestClient(create_app(board, Picture(), Decisions(None))).get(f"/api/v1/alerts/{1:032x}/sentences").json()
    assert (silent["total"], silent["known_from_ms"]) == (0, None)
    picture.sentences = Sentences()
    assert client.get(f"/api/v1/alerts/{1:032x}/sentences").json() == answer, "evidence outlives the ring"


def test_what_the_decoder_found_nothing_in_is_not_kept() -> None:
    kept = Sentences(block_bytes=100)
    kept.take([Received(b"noise\r\n" * 100, T0, "mast", "", "bytes"), Received(b"", T0, "mast", "", "silent")], empty_batch())
    assert kept.begins_ms is None
    assert kept.find([1], 0, 2 * T0) == []


@in_browser[0]
@in_browser[1]
def test_they_stand_in_the_evidence_and_on_paper_and_hostile_ones_do_no_harm(browser: Browser, served: Harness) -> None:
    mmsi = gone_dark(served)
    rows = fleet(1)
    rows["mmsi"], rows["t_ms"] = mmsi, T0 - 75 * MINUTE
    lines = said(T0 - 75 * MINUTE, mmsi, extra=b",d:" + HOSTILE.encode()) + said(T0 - 15 * MINUTE, mmsi)
    served.picture.sentences.take([Received(lines, None, "hill", "", "bytes")], batch(np.concatenate([rows, rows])))
    url = served.start()
    browser("open", url=url)
    browser.until(READY)
    browser("press", key="j")
    browser("click", on="[data-test=sentences]")
    text = browser.until("document.querySelector('.raw')?.innerText")
    assert HOSTILE in text
    assert "!AIVDM" in text
    assert "2 sentences" in browser("evaluate", js="document.querySelector('[data-test=sentences-told]').innerText")
    assert browser("evaluate", js="getComputedStyle(document.querySelector('.raw code')).fontFamily.includes('mono')")
    assert browser("evaluate", js="((e) => e.scrollWidth <= e.clientWidth)(document.querySelector('.evidence .scroll'))"), "nothing beside the panel"
    assert browser("evaluate", js="window.hit ?? null") is None
    browser("press", key="r")
    paper = browser.until("document.querySelector('[data-test=print]')?.href")
    browser.until("dogwatch.state.replay?.evidence && document.querySelector('.raw .later')")
    clean(browser)
    browser("close")
    browser("open", "paper", url=paper)
    assert HOSTILE in browser.until("document.querySelector('[data-test=sheet]')?.innerText", "paper")
    assert browser("evaluate", "paper", js="window.hit ?? null") is None
    clean(browser, "paper")
    browser("close", "paper")
