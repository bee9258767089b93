"""The decode benchmark counts right: what it measures is the same work however it is cut and whoever does it. Never speed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import reduce
from operator import xor
from pathlib import Path

import numpy as np
import pytest
from conftest import SHARED_DATA

from benchmarks import decode_ours, peers_pyais
from benchmarks.decode_agree import compare, read_ours
from benchmarks.decode_corpus import EOL, build, recordings, sentences, tag_block
from benchmarks.decode_report import goals, not_won
from benchmarks.decode_worker import Input, measure
from benchmarks.peers_columns import save_messages, to_array
from benchmarks.peers_gpsdecode import MARK, mark
from tests.decode_inputs import armour, bits_of, position, rmc, sentence, tag

ROOT = Path(__file__).resolve().parent.parent
FEW = ("nmea-aisnet-kystverket", "nmea-dma-aislib", "nmea-go-ais")


def one(bits: str) -> bytes:
    payload, fill = armour(bits)
    return sentence(payload, fill)


def parts(bits: str, channel: str = "A") -> list[bytes]:
    payload, fill = armour(bits)
    return [
        sentence(payload[:30], count=2, number=1, seq="3", channel=channel),
        sentence(payload[30:], fill, count=2, number=2, seq="3", channel=channel),
    ]


STATIC = bits_of((5, 6), (0, 2), (257000001, 30), (0, 2), (9074729, 30)) + "0" * 354
LINES = [
    one(position()),
    one(position(257000002, lat=54_600_000, lon=108_600_000, sog=1023, cog=3600, hdg=511)),
    *parts(STATIC),
    one(position(257000003))[:-2] + b"00",
    one(bits_of((10, 6), (0, 2), (257000001, 30), (0, 2), (257000002, 30), (0, 2))),
    one(position(257000004)[:100]),
    one(position(257000005, kind=3, lat=-12_345_678, lon=-98_765_432)),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Test data with one recording: sentences in wrappers, and lines that are none."""
    (tmp_path / "data" / "nmea-made").mkdir(parents=True)
    wrapped = [LINES[0], tag("c:1767225600") + LINES[1], b"1767225600 " + LINES[2], LINES[3] + b",r003669958,1767225600", rmc("010126", "000010"), b"# words"]
    (tmp_path / "data" / "nmea-made" / "made.nmea").write_bytes(b"\n".join([*wrapped, LINES[4] + LINES[5], *LINES[6:]]))
    (tmp_path / "data" / "nmea-made" / "made.chk").write_bytes(LINES[0])
    return tmp_path


def source(path: Path, lines: list[bytes]) -> Input:
    path.write_bytes(b"".join(line + EOL for line in lines))
    return Input(str(path))


def test_a_corpus_is_the_sentences_alone_in_order(folder: Path) -> None:
    corpora = {corpus.name: corpus for corpus in build(folder / "data", folder / "cache", 100)}
    plain = corpora["plain"].path.read_bytes().split(EOL)
    assert plain[: len(LINES)] == LINES
    assert plain[len(LINES) : 2 * len(LINES)] == LINES
    assert (corpora["plain"].lines, corpora["plain"].base_lines) == (100, len(LINES))
    assert {line for line in corpora["multipart"].path.read_bytes().split(EOL) if line} == set(LINES[2:4])
    assert corpora["dirty"].path.read_bytes() != b"".join(line + EOL for line in plain[:25])
    for number, line in enumerate(corpora["tagged"].path.read_bytes().split(EOL)[:-1]):
        block = tag_block(number)
        assert line == block + plain[number]
        body, checksum = block.strip(b"\\").split(b"*")
        assert reduce(xor, body) == int(checksum, 16)
    assert build(folder / "data", folder / "cache", 100) == list(corpora.values())


def test_without_recordings_it_says_so_and_ends_with_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.decode", "--data", str(tmp_path / "none"), "--cache", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.strip().count("\n") == 0
    assert "DOGWATCH_SHARED_DATA" in done.stderr


def test_a_peer_that_is_not_there_is_absent_and_says_how_to_get_it(folder: Path) -> None:
    options = ["--rounds", "1", "--lines", "100", "--only", "dogwatch,gpsdecode", "--start-times", "0", "--least-s", "0.01"]
    command = [sys.executable, "-m", "benchmarks.decode", *options, "--data", str(folder / "data"), "--cache", str(folder), "--out", str(folder / "out.json")]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PATH": ""}, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads((folder / "out.json").read_text())
    assert "gpsdecode" in told["decoders"]["gpsdecode"]["absent"]
    assert "gpsd-clients" in told["decoders"]["gpsdecode"]["remedy"]
    assert {row["decoder"] for row in told["results"]} == {"dogwatch"}


def test_a_short_pass_is_repeated_and_a_long_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "one.nmea"
    path.write_bytes(b"!")
    for pass_s, passes in ((0.0625, 8), (1.0, 1)):
        spent = [0.0]
        monkeypatch.setattr("benchmarks.decode_worker._cpu_s", lambda spent=spent: spent[0])

        def run(_source: Input, _look: object, spent: list[float] = spent, pass_s: float = pass_s) -> int:
            spent[0] += pass_s
            return 1

        told = measure(run, Input(str(path)), lambda _: None, 0.5)
        assert told["cpu_s"] == pass_s
        assert spent[0] == passes * pass_s


@pytest.mark.parametrize("way", list(decode_ours.WAYS))
@pytest.mark.parametrize("chunk_bytes", [1, 17, 65_536])
def test_messages_do_not_depend_on_the_chunks_nor_on_the_output(tmp_path: Path, way: str, chunk_bytes: int) -> None:
    given = source(tmp_path / "lines", LINES * 3)
    given.chunks = lambda size=0, whole=given.chunks: whole(chunk_bytes)  # type: ignore[method-assign]
    positions = [0]

    def look(piece: object) -> None:
        positions[0] += decode_ours.positions(piece)

    assert decode_ours.WAYS[way](given, look) == 3 * 6
    assert positions[0] == (3 * 2 if way in ("columns/all columns", "dicts/NDJSON") else 0)


@pytest.mark.parametrize("way", list(peers_pyais.WAYS))
def test_pyais_gives_every_message_in_every_way(tmp_path: Path, way: str) -> None:
    found: list[object] = []
    assert peers_pyais.WAYS[way](source(tmp_path / "lines", LINES), found.append) == 7  # it reads the one with a wrong checksum, too
    assert sum(len(piece) for piece in found) == (5 if way == "columns/arrays" else 7)  # type: ignore[arg-type,misc]


def test_disagreements_are_found_and_named(tmp_path: Path) -> None:
    lines = [line + EOL for line in LINES]
    save_messages(peers_pyais, lines, str(tmp_path / "rows.npy"))
    theirs = np.load(tmp_path / "rows.npy")
    told = compare(read_ours(lines), theirs, "pyais")
    assert (told["messages"], told["both"]) == (7, 6)
    assert told["unexplained"] == {}
    assert told["disagreements"]["message only theirs"] == {"we reject: bad_checksum": 1}
    assert told["disagreements"]["lat"] == {"sentinel given as a number": 1, "cut field read as a value": 1}
    wrong = theirs.copy()
    wrong[0, 3] += 0.01
    assert compare(read_ours(lines), wrong, "pyais")["unexplained"] == {"lat": 1}
    assert compare(read_ours(lines), theirs[1:], "pyais")["unexplained"] == {"message only ours": 1}


def test_words_and_absent_values_are_missing() -> None:
    array = to_array([(1, 2, None, 3.0, "nan", 4, 5, 6, "fastleft"), (1, 2, 3, 3.0, 1, 4, 5, 6, 7)])
    assert np.isnan(array[0, [2, 4, 8]]).all()
    assert not np.isnan(array[1]).any()


def test_a_mark_is_a_sentence_that_says_its_line() -> None:
    (fields,) = (fields for _, fields in peers_pyais.messages([mark(12_345)]))
    assert (fields["msg_type"], fields["mmsi"], fields["dest_mmsi"]) == (10, MARK + 12_345, MARK)
    assert sentences(mark(7)) == [mark(7).strip()]


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The report of a quick run over a few recordings; test_agreement_pyais.py compares message by message over all of them."""
    if not recordings(SHARED_DATA):
        pytest.skip(f"no recording under {SHARED_DATA} (set DOGWATCH_SHARED_DATA)")
    folder = tmp_path_factory.mktemp("bench")
    (folder / "data" / "nmea-few").mkdir(parents=True)
    for path in recordings(SHARED_DATA):
        if path.parent.name in FEW:
            (folder / "data" / "nmea-few" / f"{path.parent.name}-{path.name}").symlink_to(path)
    options = ["--rounds", "1", "--lines", "6000", "--only", "pyais,dogwatch", "--corpora", "plain,dirty", "--start-times", "0", "--least-s", "0.01"]
    command = [sys.executable, "-m", "benchmarks.decode", *options, "--data", str(folder / "data"), "--cache", str(folder), "--out", str(folder / "out.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "out.json").read_text())


def test_a_quick_run_accounts_for_every_message(quick: dict) -> None:
    rows = {(row["corpus"], row["tier"], row["decoder"], row["output"]): row for row in quick["results"]}
    assert {name for _, _, name, _ in rows} == {"pyais", "dogwatch"}
    for corpus in ("plain", "dirty"):
        for decoder in ("pyais", "dogwatch"):
            assert len({row["messages"] for row in rows.values() if (row["corpus"], row["decoder"]) == (corpus, decoder)}) == 1
        ours, theirs = rows[corpus, "columns", "dogwatch", "all columns"], rows[corpus, "columns", "pyais", "arrays"]
        told = quick["agreement"][corpus]
        assert (told["dogwatch"]["messages"], told["pyais"]["messages"]) == (ours["messages"], theirs["messages"])
        only_ours, only_theirs = (sum(told["pyais"]["disagreements"][f"message only {who}"].values()) for who in ("ours", "theirs"))
        assert ours["messages"] - only_ours == theirs["messages"] - only_theirs == told["pyais"]["both"]
        if corpus == "plain":
            assert told["pyais"]["unexplained"] == {}
            assert ours["positions"] == theirs["positions"] > 4_000


def test_conclusions_come_from_the_figures(quick: dict) -> None:
    assert {goal["met"] for goal in goals(quick) if "aiscat" in goal["name"] or "tagged" in goal["name"]} == {None}
    slowed = json.loads(json.dumps(quick))
    for row in slowed["results"]:
        row["lines_per_cpu_s"] = 1 if row["decoder"] == "dogwatch" else 2
    assert not any(goal["met"] for goal in goals(slowed) if "plain" in goal["name"])
    keys = [(row["corpus"], row["tier"], row["decoder"]) for row in slowed["results"]]
    pairs = sum(keys.count((corpus, tier, "pyais")) for corpus, tier, decoder in keys if decoder == "dogwatch")
    assert sum("lines/CPU-s" in line for line in not_won(slowed)) == pairs > 0
