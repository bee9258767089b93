"""The broker of `make kafka` without starting one: what is missing is said, a taken port is an error, a stranger's process is left alone."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from dogwatch.errors import InputError
from runners import broker as house_broker
from runners.broker import SERVER, Broker, main


def folder_with(tmp_path: Path, port: int) -> Path:
    text = SERVER.format(data=tmp_path / "data", port=port, controller_port=house_broker.free_port(), message_bytes=1)
    (tmp_path / "server.properties").write_text(text, encoding="utf-8")
    return tmp_path


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("DOGWATCH_KAFKA_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "java" in house_broker.missing()
    with pytest.raises(InputError, match="java"):
        house_broker.resolve()


def test_the_jars_are_keyed_on_the_pom(tmp_path, monkeypatch):
    before = house_broker.libs_path()
    pom = tmp_path / "pom.xml"
    pom.write_bytes(house_broker.POM.read_bytes() + b"\n")
    monkeypatch.setattr(house_broker, "POM", pom)
    assert house_broker.libs_path() != before


def test_a_folder_keeps_its_port_and_a_taken_one_is_an_error(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        broker = Broker.at(folder_with(tmp_path, port))
        assert broker.bootstrap == f"127.0.0.1:{port}"
        with pytest.raises(InputError, match=f"port {port} is taken"):
            broker.start()


def test_a_recycled_process_id_is_not_the_broker(tmp_path):
    broker = Broker.at(folder_with(tmp_path, house_broker.free_port()))
    (tmp_path / "broker.pid").write_text(str(os.getpid()), encoding="ascii")
    assert broker.pid() == 0
    broker.stop()
    assert not (tmp_path / "broker.pid").exists()


def test_the_command_line_says_what_it_finds(tmp_path, capsys):
    assert main(["status", "--dir", str(tmp_path / "none")]) == 1
    assert "no broker" in capsys.readouterr().out
    assert main(["stop", "--dir", str(tmp_path / "none")]) == 0
