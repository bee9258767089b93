"""The doctor listens: what good, bad, late, wrongly clocked and wrongly set sources look like to it, with peers on loopback and pty."""

from __future__ import annotations

import json
import os
import pty
import socket
import termios
import threading
import time
import tty
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from commands import dogwatch

from dogwatch.batch import new_fixes
from dogwatch.config import Source
from dogwatch.times import iso
from runners import listening
from runners.doctor import serial_ports
from runners.listening import Heard, duplicate_shares, listen, verdict
from tests.decode_inputs import bits_of, one, position, tag

ROOT = Path(__file__).resolve().parent.parent
LISTEN_S = 1.0


@contextmanager
def talker(say):
    """A TCP server that sends `say()` every 20 ms to each of its clients; its port."""
    server, over = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve():
        while not over.is_set():
            try:
                peer, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(peer,), daemon=True).start()

    def talk(peer):
        with peer:
            while not over.wait(0.02):
                try:
                    peer.sendall(say())
                except OSError:
                    return

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        over.set()
        server.close()


class Ships:
    """Sentences of ever new positions, stamped `behind_s` before now."""

    def __init__(self, behind_s=0.0, *, tagged=True):
        self.behind_s, self.tagged, self.n = behind_s, tagged, 0

    def __call__(self):
        self.n += 1
        now_s = time.time() - self.behind_s
        head = tag(f"c:{int(now_s * 1000)}") if self.tagged else b""
        return head + one(position(257_000_000 + self.n, lat=30_000_000 + self.n, sec=int(now_s) % 60)) + b"\r\n"


def base_station(year_s: float) -> bytes:
    t = time.gmtime(year_s)
    clock = ((t.tm_year, 14), (t.tm_mon, 4), (t.tm_mday, 5), (t.tm_hour, 5), (t.tm_min, 6), (t.tm_sec, 6))
    return one(bits_of((4, 6), (0, 2), (2_570_001, 30), *clock, (1, 1), (6_000_000, 28), (30_000_000, 27), (1, 4), (0, 30))) + b"\r\n"


def examined(sources, for_s=LISTEN_S):
    heard = listen(sources, for_s)
    shares = duplicate_shares(heard)
    found = []
    for one_heard in heard:
        measures = one_heard.measures(shares)
        found.append((*verdict(one_heard, measures), measures))
    return found


def tcp(name, port, **other):
    return Source(id=name, kind="tcp", port=port, **other)


def test_a_good_source_and_its_numbers():
    with talker(Ships()) as port:
        [(state, what, remedy, measures)] = examined([tcp("mast", port)])
    assert (state, remedy) == ("OK", "")
    assert measures["messages"] == measures["types"]["1"] == measures["lines"] >= 10
    assert measures["messages_per_s"] == pytest.approx(measures["messages"] / measures["seconds"], rel=0.1)
    assert abs(measures["clock_error_s"]["p50"]) < 2
    assert measures["rejected"] == {}
    assert "types 1: " in what


@pytest.mark.parametrize(
    ("say", "state", "what", "remedy"),
    [
        (Ships(behind_s=20), "WARN", "clock", "NTP"),
        (Ships(behind_s=600), "FAIL", "clock", "NTP"),
        (lambda: b"<html>\r\n", "FAIL", "no valid message", "is this AIS"),
        (lambda: one(position()).replace(b"A", b"B", 1) + b"\r\n", "FAIL", "bad_checksum", "is this AIS"),
        (lambda: one(position()) + b"\r\n" + one(position()).replace(b"A", b"B", 1) + b"\r\n", "WARN", "fifth", "decoder.md"),
    ],
    ids=["20 s off", "10 min off", "no AIS", "damaged", "half damaged"],
)
def test_a_source_with_something_wrong(say, state, what, remedy):
    with talker(say) as port:
        [found] = examined([tcp("mast", port)])
    assert found[0] == state
    assert what in found[1]
    assert remedy in found[2]


def test_stamps_that_step_back_are_said():
    stamps = iter([0, 900] * 10_000)
    ships = Ships()

    def say():
        ships.behind_s = next(stamps)
        return ships()

    with talker(say) as port:
        [(state, _, _, measures)] = examined([tcp("mast", port)])
    assert measures["notes"]["time_backstep"] > 0
    assert state in ("WARN", "FAIL")


def test_late_reports_ask_for_more_lateness():
    with talker(Ships(tagged=False)) as port:
        [good] = examined([tcp("mast", port)])
    slow = Ships(tagged=False)

    def say():
        t_s = int(time.time()) - 12
        slow.n += 1
        return one(position(257_000_000 + slow.n, sec=t_s % 60)) + b"\r\n"

    with talker(say) as port:
        [(state, _, remedy, measures)] = examined([tcp("mast", port, lateness_s=5)])
    assert good[0] == "OK"
    assert state == "WARN"
    assert 10 < measures["lag_s"]["p50"] < 14
    assert "lateness_s above 1" in remedy


def test_the_clock_is_compared_with_base_stations():
    ships = Ships(tagged=False)
    with talker(lambda: ships() + base_station(time.time() - 7)) as port:
        [(_, what, _, measures)] = examined([tcp("mast", port)])
    assert 6 < measures["base_station_error_s"]["p50"] < 9
    assert "against base stations +7" in what or "against base stations +8" in what


def test_nobody_there_nothing_said_and_a_port_in_use():
    with socket.create_server(("127.0.0.1", 0)) as mute, socket.create_server(("127.0.0.1", 0)) as gone:
        closed = gone.getsockname()[1]
        gone.close()
        sources = [tcp("mute", mute.getsockname()[1]), tcp("gone", closed), Source(id="taken", kind="tcp_server", port=mute.getsockname()[1])]
        found = examined([*sources, Source(id="lost", kind="file", path="/nowhere")], 0.4)
    assert [row[0] for row in found] == ["FAIL"] * 4
    for row, word in zip(found, ("nothing came", "refused", "in use", "does not exist")):
        assert word in row[1]
        assert row[2], "every finding has a remedy"


def test_duplicates_of_each_receiver():
    ships = Ships(tagged=False)
    with talker(lambda: (line := ships()) + line) as port:
        [(_, what, _, measures)] = examined([tcp("mast", port)])
    assert measures["receivers"]["mast"]["repeated_share"] == 0.5
    assert "50% repeated" in what


def test_duplicates_across_sources_agree_with_counting_by_hand():
    rng = np.random.default_rng(3)
    heard, said = [], []
    for source in ("hill", "cape"):
        fixes = new_fixes(300)
        fixes["mmsi"] = rng.integers(1, 120, 300)
        fixes["src"] = rng.integers(0, 2, 300)
        heard.append(Heard(Source(id=source, kind="udp"), fixes=[fixes[:100], fixes[100:]], receivers=(source, f"{source}/X")))
        said += [((source, f"{source}/X")[row["src"]], int(row["mmsi"])) for row in fixes]
    found = duplicate_shares(heard)
    assert len(found) == 4
    for name, share in found.items():
        mine = [mmsi for who, mmsi in said if who == name]
        others = {mmsi for who, mmsi in said if who != name}
        assert share["fixes"] == len(mine)
        assert share["repeated_share"] == pytest.approx((len(mine) - len(set(mine))) / len(mine), abs=0.001)
        assert share["heard_by_others_share"] == pytest.approx(sum(mmsi in others for mmsi in mine) / len(mine), abs=0.001)


@pytest.mark.parametrize(("speed", "found"), [(termios.B4800, 4800), (termios.B9600, 9600), (None, 0)])
def test_a_serial_line_is_tried_at_the_usual_speeds(speed, found, tmp_path, monkeypatch):
    """A pty has no speed of its own, but knows which one was asked for: the peer makes sense only at its own."""
    monkeypatch.setattr(listening, "SPEED_TRIAL_S", 0.6)
    master, slave = pty.openpty()
    tty.setraw(slave)
    over = threading.Event()

    def speak():
        while not over.wait(0.02):
            right = termios.tcgetattr(slave)[4] == speed
            os.write(master, (one(position()) if right else b"\x91\xf3\x00\xfe\x81") + b"\r\n")

    thread = threading.Thread(target=speak, daemon=True)
    thread.start()
    try:
        [(state, _, remedy, measures)] = examined([Source(id="line", kind="serial", path=os.ttyname(slave))], 0.6)
    finally:
        over.set()
        thread.join()
        os.close(master)
        os.close(slave)
    assert state == "FAIL"
    assert measures["baud_found"] == (found or None)
    assert (f"baud = {found}" in remedy) if found else ("none of the usual speeds" in remedy)


def test_serial_ports_by_their_stable_names(tmp_path):
    master, slave = pty.openpty()
    folder = tmp_path / "by-id"
    folder.mkdir()
    (folder / "usb-receiver-0001").symlink_to(os.ttyname(slave))
    found, device = serial_ports(folder), os.ttyname(slave)
    os.close(master)
    os.close(slave)
    assert (found[0].name, found[0].state, found[0].detail) == (f"serial port {folder}/usb-receiver-0001", "OK", device)
    assert serial_ports(tmp_path / "absent"), "without any there is still an answer"


def test_the_command_says_it_in_words_and_in_json_and_by_its_exit_code(tmp_path):
    config = tmp_path / "c.toml"
    with talker(Ships()) as good, talker(lambda: b"<html>\r\n") as bad:
        text = f'data_dir = "{tmp_path}"\n[[sources]]\nid = "mast"\nkind = "tcp"\nport = {good}\n'
        config.write_text(text)
        fine = dogwatch("doctor", "--config", str(config), "--for", "1s", "--json", cwd=tmp_path, COLUMNS="300")
        config.write_text(f'{text}[[sources]]\nid = "page"\nkind = "tcp"\nport = {bad}\n')
        wrong = dogwatch("doctor", "--config", str(config), "--for", "1s", cwd=tmp_path, COLUMNS="300")
    assert fine.returncode == 0, fine.stderr + fine.stdout
    rows = {row["name"]: row for row in json.loads(fine.stdout)}
    assert rows["source mast"]["state"] == "OK"
    assert rows["source mast"]["measures"]["types"]["1"] > 5
    assert wrong.returncode == 1
    assert "OK   source mast" in wrong.stdout
    assert "FAIL source page: bytes, but no valid message" in wrong.stdout


def test_iso_of_a_base_station_is_read():
    assert listening.from_iso(iso(1_767_225_600_000)) == 1_767_225_600_000
    assert listening.BASE_STATION.findall(base_station(1_767_225_600.0)) == [base_station(1_767_225_600.0).rstrip()]
