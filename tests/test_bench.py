"""The bench: texts are checked as the run reads them, back-tests run beside it, and what is activated is what the next start decides with."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console as Terminal

from console.versions import Versions, text_hash
from dogwatch.config import Backtest, Config, Console, Metrics, Source
from dogwatch.errors import InputError
from runners.bench import Workbench, versions_of
from runners.live import run_live
from runners.profile_text import with_value
from runners.resweep import Resweep
from runners.rules import configured_text, read_profile
from runners.simulated import read_scenario
from sim.simulate import simulate
from tracks.presets import rules_of
from zones.check import collection_text

LIMIT_S = 120.0


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sea") / "dark.nmea"
    path.write_bytes(b"".join(chunk.data for chunk in simulate(read_scenario("dark"), 3)))
    return path


def over(bench: Workbench, test: str) -> dict[str, Any]:
    """The result, within a limit."""
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        found = bench.progress(test)
        assert found is not None
        if found["state"] != "running":
            return found
        time.sleep(0.1)
    bench.close()
    raise AssertionError(f"no result in {LIMIT_S} s")


def zone(lat: float = 50.0, **more: Any) -> str:
    ring = [[0.0, lat], [0.2, lat], [0.2, lat + 0.1], [0.0, lat + 0.1], [0.0, lat]]
    about = {"id": "north", "name": "North", "kind": "watch", **more}
    return collection_text([{"type": "Feature", "properties": about, "geometry": {"type": "Polygon", "coordinates": [ring]}}])


def deafened(text: str) -> str:
    """The profile with levels that a case may reach, but none does."""
    for number, name in enumerate(("caution", "warning", "alarm"), 1):
        text, found = re.subn(rf"{name}_milli = -\d+", f"{name}_milli = {13_000 + number}", text)
        assert found == 1
    return text


def test_rules_are_checked_as_the_run_reads_them(tmp_path: Path) -> None:
    bench = Workbench(Config(), tmp_path)
    text = configured_text("rules", Config())
    right = bench.check("rules", text)
    assert right["ok"], right["faults"]
    assert any("log-odds" in line for line in right["explained"])
    wrong = bench.check("rules", text.replace("weight =", "wieght =", 1).replace("caution_milli", "caution_mili", 1))
    lines = text.splitlines()
    found = {lines[fault["line"] - 1].split("=")[0].strip() for fault in wrong["faults"]}
    assert not wrong["ok"]
    assert {"weight"} <= found, wrong["faults"]
    assert not bench.check("rules", "name = ")["ok"]


def test_a_profile_that_extends_a_file_is_found_beside_the_one_it_stands_for(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(configured_text("rules", Config()))
    mine = tmp_path / "mine.toml"
    mine.write_text('extends = "base.toml"\nname = "mine"\n')
    bench = Workbench(Config(profile=str(mine)), tmp_path / "tests")
    assert bench.check("rules", mine.read_text() + 'title = "Mine"\n')["ok"]


def test_zones_are_checked_as_the_command_checks_them(tmp_path: Path) -> None:
    bench = Workbench(Config(), tmp_path)
    assert bench.check("zones", zone())["ok"]
    assert bench.check("zones", configured_text("zones", Config()))["ok"], "no zone is no fault"
    assert "watsh" in bench.check("zones", zone(kind="watsh"))["faults"][0]["what"]
    assert not bench.check("zones", "{")["ok"]


def test_a_back_test_runs_beside_the_run_and_says_what_would_change(tmp_path: Path, recording: Path) -> None:
    config = Config(backtest=Backtest([str(recording)]))
    bench, text = Workbench(config, tmp_path / "tests"), configured_text("rules", Config())
    deaf = deafened(text)
    assert bench.check("rules", deaf)["ok"], bench.check("rules", deaf)["faults"]
    test = bench.start("rules", deaf, text, set())
    with pytest.raises(InputError, match="running already"):
        bench.start("rules", deaf, text, set())
    found = over(bench, test)
    assert found["state"] == "done", found
    assert (found["hash"], found["base"]) == (text_hash(deaf), text_hash(text))
    assert found["data"]["positions"] > 100
    assert found["before"]["alerts"] > 0
    assert found["counts"]["lost"] == found["before"]["alerts"] == len(found["changes"])
    assert all(change["kind"] == "lost" and change["lat"] is not None for change in found["changes"])
    assert b"Back-test" in (bench.report(test) or b"")
    swept = bench.swept(test, text)
    assert (swept["alerts"], swept["added"], swept["kept"], swept["lost"]) == (found["before"]["alerts"],) * 2 + (0, 0), "as the replay says"
    assert swept["per_day"] == round(24 / found["data"]["hours"] * found["before"]["alerts"], 2)
    assert swept["tested_per_day"] == 0
    with pytest.raises(InputError, match="what detectors look for"):
        bench.swept(test, with_value(text, ["detectors", "dark", "enabled"], False))
    with pytest.raises(InputError, match="no such back-test"):
        bench.swept("0", text)
    folder = tmp_path / "tests" / test
    fewer = Resweep(folder, read_profile("border", text), None).told(read_profile("border", deaf), rules_of(read_profile("border", text).detectors).params_hash)
    assert (fewer["kept"], fewer["lost"], fewer["added"]) == (0, found["before"]["alerts"], 0)
    again = Workbench(config, tmp_path / "tests")
    assert again.progress(test) == found, "it is stored"


def test_zones_are_tried_on_the_same_recording(tmp_path: Path, recording: Path) -> None:
    bench = Workbench(Config(backtest=Backtest([str(recording)])), tmp_path)
    found = over(bench, bench.start("zones", zone(), configured_text("zones", Config()), set()))
    assert found["state"] == "done", found
    assert found["now"]["profile_hash"] == found["before"]["profile_hash"]


def test_a_back_test_is_cancelled_and_one_without_a_recording_is_refused(tmp_path: Path, recording: Path) -> None:
    text = configured_text("rules", Config())
    with pytest.raises(InputError, match="no recorded day"):
        Workbench(Config(), tmp_path).start("rules", text, text, set())
    bench = Workbench(Config(backtest=Backtest([str(recording)])), tmp_path)
    test = bench.start("rules", text, text, set())
    bench.cancel(test)
    assert over(bench, test)["state"] == "cancelled"
    lost = Workbench(Config(backtest=Backtest([str(tmp_path / "gone.nmea")])), tmp_path)
    found = over(lost, lost.start("rules", text, text, set()))
    assert found["state"] == "failed"
    assert "gone.nmea" in found["what"]
    assert lost.progress("../tests") is None
    assert lost.progress("nothing") is None


def live(tmp_path: Path, recording: Path) -> Config:
    source = Source("sea", "file", path=str(recording))
    return Config([source], data_dir=str(tmp_path / "data"), console=Console(enabled=False), metrics=Metrics(enabled=False))


def activate(versions: Versions, text: str) -> None:
    number = versions.propose(text, base=versions.active().hash, test="t", by="Ana", role="analyst", reason="r", seen=len(versions.journal()), wall_ms=1).number
    versions.activate(number, by="Ben", role="supervisor", reason="r", seen=len(versions.journal()), wall_ms=1)


def run(config: Config) -> Any:
    return run_live(config, Terminal(quiet=True), threading.Event(), until_end=True)


def test_what_was_activated_decides_from_the_next_start_on(tmp_path: Path, recording: Path) -> None:
    config = live(tmp_path, recording)
    versions = versions_of(config, Path(config.data_dir) / "versions")
    first = run(config)
    known = len(first.engine.watch.risk.records)
    text = configured_text("rules", config)
    activate(versions["rules"], deafened(text))
    second = run(config)
    assert second.engine.rules.profile.content_hash != first.engine.rules.profile.content_hash
    assert second.engine.watch.risk.profile_hash == second.engine.rules.profile.content_hash
    assert len(second.engine.watch.risk.records) == known > 0, "only the weighing changed: what was seen stays"
    assert second.engine.watch.track.vessel_count == first.engine.watch.track.vessel_count > 0
    activate(versions["zones"], zone())
    third = run(config)
    assert [one.id for one in third.engine.rules.geography.zones] == ["north"]
    assert third.engine.watch.track.vessel_count == 0, "other zones may find other things: the watch begins anew"
    assert third.engine.watch.track.coverage.to_sections().keys() == second.engine.watch.track.coverage.to_sections().keys()
    assert third.engine.intake.bytes_read == second.engine.intake.bytes_read, "and no byte is read twice"
    versions["zones"].activate(0, by="Cy", role="analyst", reason="back", seen=len(versions["zones"].journal()), wall_ms=2)
    assert run(config).engine.rules.geography.zones == first.engine.rules.geography.zones


def test_a_configuration_that_was_edited_by_hand_is_still_refused(tmp_path: Path, recording: Path) -> None:
    config = live(tmp_path, recording)
    run(config)
    config.profile = "cable-watch"
    with pytest.raises(InputError, match="other rules or zones"):
        run(config)


def test_an_asked_back_test_is_what_the_process_reads(tmp_path: Path) -> None:
    from runners.rehearsal import Asked

    asked = Asked("rules", "a", "b", "h", "i", Config(backtest=Backtest(["sim:dark"])))
    assert msgspec.json.decode(msgspec.json.encode(asked), type=Asked) == asked
