"""The doctor: what is wrong with this installation and its sources, and the remedy. May hold: checks that look and change nothing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
import time
from pathlib import Path

from dogwatch.config import Config, Source
from dogwatch.errors import DogwatchError
from runners.finding import Finding

DISK_FREE_MIN_BYTES = 1 << 30
SENTENCE = b"!AIVDM,1,1,,A,13m62@@01TPeid0LW3P3Q2n>0000,0*68\r\n"  # a ship that never was


def examine(config_path: Path | None, for_s: float = 0.0) -> list[Finding]:
    """All findings, in the order a person would look; the sources of a configuration are listened to for `for_s` seconds (0 = only looked at)."""
    findings = [_python(), *_extras(), _kernels(), _geography(), _page_libraries(), _disk(Path.cwd()), *serial_ports()]
    if config_path is not None:
        findings += _config(config_path, for_s)
    return findings


def serial_ports(folder: Path = Path("/dev/serial/by-id")) -> list[Finding]:
    """Serial devices by the names that survive a restart, then those without such a name."""
    from serial.tools.list_ports import comports

    stable = sorted(folder.iterdir()) if folder.is_dir() else []
    known = {path.resolve() for path in stable}
    names = [(str(path), str(path.resolve())) for path in stable]
    names += [(port.device, port.description or "") for port in sorted(comports(), key=lambda port: port.device) if Path(port.device).resolve() not in known]
    if not names:
        return [Finding("serial ports", "OK", "none")]
    return [_serial_port(name, detail) for name, detail in names]


def _serial_port(path: str, detail: str) -> Finding:
    if os.access(path, os.R_OK | os.W_OK):
        return Finding(f"serial port {path}", "OK", detail)
    return Finding(f"serial port {path}", "WARN", f"{detail}, may not be opened", "add your user to the group that owns it (often dialout)")


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    return Finding("python", "OK" if good else "FAIL", version, "" if good else "use Python 3.11 or later")


def _extras() -> list[Finding]:
    wanted = {"console": "uvicorn", "kafka": "kafka", "serial": "serial"}
    found = {name: importlib.util.find_spec(module) is not None for name, module in wanted.items()}
    return [
        Finding(f"extra {name}", "OK" if there else "WARN", "installed" if there else "absent", "" if there else f"pip install 'dogwatch[{name}]'")
        for name, there in found.items()
    ]


def _kernels() -> Finding:
    started = time.perf_counter()
    from ingest.decode import DecodeState, decode

    batch = decode(DecodeState("doctor"), SENTENCE, final=True)
    took = time.perf_counter() - started
    if len(batch.fixes) != 1:
        return Finding("decoder", "FAIL", "a known sentence was not decoded", "run 'make clean install'")
    slow = took > 20
    return Finding(
        "decoder",
        "WARN" if slow else "OK",
        f"ready in {took:.1f} s",
        "make the installation folder writable, so that compiled kernels are kept" if slow else "",
    )


def _geography() -> Finding:
    from zones.geography import Geography

    try:
        geography = Geography.default()
    except DogwatchError as fault:
        return Finding("coastline", "FAIL", fault.what, fault.remedy)
    return Finding("coastline", "OK", f"approximate, not for legal use; version {geography.version}")


def _page_libraries() -> Finding:
    from importlib import resources

    there = (resources.files("console") / "static" / "vendor").is_dir()
    return Finding(
        "console libraries", "OK" if there else "WARN", "present" if there else "absent: the console works as a list", "" if there else "make install"
    )


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    low = free < DISK_FREE_MIN_BYTES
    return Finding("disk", "WARN" if low else "OK", f"{free / (1 << 30):.1f} GiB free", "free space: recordings and state are kept here" if low else "")


def _config(path: Path, for_s: float) -> list[Finding]:
    from runners.rules import read_config, read_coverage, read_rules

    config = read_config(path)
    findings = [Finding("configuration", "OK", f"{len(config.sources)} sources, profile {config.profile}")]
    try:
        read_rules(config.profile, config.zones, config.watchlists, config.normality)
        if config.coverage:
            read_coverage(Path(config.coverage))
    except DogwatchError as fault:
        findings.append(Finding("rules, zones, watchlists, coverage", "FAIL", fault.what, fault.remedy))
    findings += _listen(config, for_s) if for_s > 0 else [_source(source) for source in config.sources if source.kind in ("tcp", "file", "serial")]
    findings.append(_data_folder(Path(config.data_dir)))
    if config.kafka is not None:
        from runners.doctor_kafka import examine_kafka

        findings += examine_kafka(config.kafka)
    return findings


def _listen(config: Config, for_s: float) -> list[Finding]:
    """What the sources sound like; standard input belongs to the program that will be fed, not to the doctor."""
    from runners.listening import duplicate_shares, listen, verdict

    heard = listen([source for source in config.sources if source.kind != "stdin"], for_s)
    shares = duplicate_shares(heard)
    findings = []
    for one in heard:
        measures = one.measures(shares)
        findings.append(Finding(f"source {one.source.id}", *verdict(one, measures), measures))
    return findings


def _source(source: Source) -> Finding:
    if source.kind == "tcp":
        return _reachable(f"source {source.id}", source.host, source.port)
    there = Path(source.path).exists()
    return Finding(
        f"source {source.id}", "OK" if there else "FAIL", f"{source.path} {'is there' if there else 'does not exist'}", "" if there else "correct its path"
    )


def _data_folder(folder: Path) -> Finding:
    nearest = folder.absolute()
    while not nearest.exists():
        nearest = nearest.parent
    good = nearest.is_dir() and os.access(nearest, os.W_OK)
    return Finding("data_dir", "OK" if good else "FAIL", f"{folder} {'can be written' if good else 'cannot be written'}", "" if good else "name another folder")


def _reachable(name: str, host: str, port: int) -> Finding:
    try:
        with socket.create_connection((host, port), timeout=2):
            return Finding(name, "OK", f"{host}:{port} answers")
    except OSError as fault:
        return Finding(name, "FAIL", f"{host}:{port} does not answer ({fault.strerror or fault})", "start it, or correct host and port")
