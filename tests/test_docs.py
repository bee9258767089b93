"""The documents are tested: every command in a `sh` block exists with its options, and the ones that end by themselves are run."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
from commands import dogwatch
from typer.main import get_command

from runners.cli import app

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
NEVER_END = {"run", "ingest", "track", "score", "console", "kafka"}


def commands(path: Path) -> list[str]:
    found = []
    for block in FENCE.findall(path.read_text(encoding="utf-8")):
        joined = block.replace("\\\n", " ")
        found += [line.split(" #")[0].strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return found


def runs_by_itself(words: list[str]) -> bool:
    if words[0] != "dogwatch" or "--help" in words:
        return words[0] == "dogwatch"
    if words[1] in NEVER_END or "--serve" in words:
        return False
    return words[1] != "demo" or "--for" in words


def test_there_are_documents_with_commands():
    assert len(DOCUMENTS) >= 8
    assert sum(len(commands(path)) for path in DOCUMENTS) >= 15


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_commands_exist(path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    top = get_command(app)
    for line in commands(path):
        words = shlex.split(line)
        if words[0] == "make":
            assert {w for w in words[1:] if "=" not in w} <= targets, line
        elif words[0] == "dogwatch":
            command = top
            rest = words[1:]
            while rest and hasattr(command, "commands") and rest[0] in command.commands:
                command = command.commands[rest.pop(0)]
            options = {name for p in command.params for name in (*p.opts, *p.secondary_opts)} | {"--help"}
            assert not hasattr(command, "commands") or not rest or rest[0].startswith("-"), f"no such command: {line}"
            unknown = [w for w in rest if w.startswith("--") and w != "--" and w.split("=")[0] not in options]
            assert not unknown, f"{line}: unknown {unknown}"


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """A folder as the documents assume it: the examples, and shared recordings beside it where they exist."""
    folder = tmp_path_factory.mktemp("docs") / "project"
    folder.mkdir()
    (folder / "examples").symlink_to(ROOT / "examples")
    shared = Path(os.environ.get("DOGWATCH_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if shared.is_dir():
        (folder.parent / "shared").mkdir()
        (folder.parent / "shared" / "data").symlink_to(shared)
    return folder


@pytest.mark.parametrize(
    "path", [p for p in DOCUMENTS if any(runs_by_itself(shlex.split(c)) for c in commands(p))], ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_commands_run(path, workshop):
    ran = 0
    for line in commands(path):
        words = shlex.split(line)
        if not runs_by_itself(words):
            continue
        if "../shared/data" in line and not (workshop.parent / "shared").exists():
            continue
        done = dogwatch(*words[1:], cwd=workshop)
        assert done.returncode in (0, 1) if words[1] == "doctor" else done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, f"{line}\n{done.stderr}"
        if words[1] == "demo":
            promised = re.findall(r"^\d\d:\d\dZ .*", path.read_text(encoding="utf-8"), re.MULTILINE)
            missing = [alert for alert in promised if alert not in done.stdout.splitlines()]
            assert not missing, f"{path.name} promises alerts that the demo does not print:\n" + "\n".join(missing) + f"\nit prints:\n{done.stdout}"
        ran += 1
    if ran == 0:
        pytest.skip(f"all commands of {path.name} need the shared recordings, absent at {ROOT.parent / 'shared' / 'data'}")
