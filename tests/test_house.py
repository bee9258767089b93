"""The house is a test: floors, effects, function length. It reads the source with `ast` and runs none of it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOOR = {"dogwatch": 1, "ingest": 2, "zones": 2, "risk": 2, "watchlists": 2, "sim": 2, "tracks": 3, "runners": 4, "console": 4}
SIDEWAYS = {("sim", "zones"), ("runners", "console")}  # the only imports allowed on one floor
NEVER = {("tracks", "risk"), ("tracks", "sim"), ("tracks", "ingest"), ("console", "tracks"), ("console", "risk"), ("console", "sim"), ("console", "watchlists")}
PURE = ("dogwatch", "tracks", "risk", "watchlists", "zones")
MAY_TOUCH_FILES = {"zones/load.py", "zones/build.py"}
PURE_FILES = {
    "runners/step.py",
    "ingest/decode.py",
    "ingest/kernel.py",
    "ingest/safety.py",
    "sim/world.py",
    "sim/judge.py",
    "sim/report.py",
    "sim/mix.py",
    "sim/damage.py",
}
EFFECTS = {
    "time",
    "socket",
    "threading",
    "asyncio",
    "logging",
    "random",
    "subprocess",
    "kafka",
    "prometheus_client",
    "os",
    "shutil",
    "tempfile",
    "io",
    "pathlib",
    "multiprocessing",
    "secrets",
    "uuid",
}
CALLS = {"open", "print", "input"}
CLOCKS = {"now", "utcnow", "today", "monotonic", "perf_counter", "time_ns"}
LINES_MAX = 70
FLAT = "flat"  # a kernel may be longer if a comment above it says why it is flat


NAMES = sorted(path.relative_to(ROOT).as_posix() for room in FLOOR for path in (ROOT / room).glob("*.py"))


@pytest.fixture(scope="module")
def sources() -> dict[str, ast.Module]:
    """Every file of the house, read; only while these tests run, for they are large."""
    return {name: ast.parse((ROOT / name).read_text(encoding="utf-8")) for name in NAMES}


def imported(tree: ast.Module) -> list[tuple[int, str]]:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names.append((node.lineno, node.module or ""))
    return names


def test_there_is_a_house_to_look_at():
    rooms = {name.split("/")[0] for name in NAMES}
    assert rooms == set(FLOOR)
    assert len(NAMES) > 20


def test_imports_point_down(sources):
    wrong = []
    for name, tree in sources.items():
        room = name.split("/")[0]
        for line, target in imported(tree):
            other = target.split(".")[0]
            if other not in FLOOR or other == room:
                continue
            down = FLOOR[other] < FLOOR[room] or (room, other) in SIDEWAYS
            if not down or (room, other) in NEVER:
                wrong.append(f"{name}:{line}: {room} imports {other}")
    assert not wrong, "\n".join(wrong)


def test_no_circle_among_files(sources):
    graph = {}
    for name, tree in sources.items():
        me = name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        graph[me] = {target for _, target in imported(tree) if target.split(".")[0] in FLOOR}
    state: dict[str, int] = {}

    def walk(node: str, trail: list[str]) -> None:
        assert state.get(node) != 1, "circle: " + " -> ".join([*trail, node])
        if state.get(node) == 2 or node not in graph:
            return
        state[node] = 1
        for target in sorted(graph[node]):
            walk(target, [*trail, node])
        state[node] = 2

    for node in graph:
        walk(node, [])


def test_pure_floors_have_no_effects(sources):
    wrong = []
    for name, tree in sources.items():
        if name.split("/")[0] not in PURE and name not in PURE_FILES:
            continue
        if name in MAY_TOUCH_FILES:
            continue
        for line, target in imported(tree):
            if target.split(".")[0] in EFFECTS:
                wrong.append(f"{name}:{line}: imports {target}")
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Name) and node.func.id in CALLS:
                wrong.append(f"{name}:{node.lineno}: calls {node.func.id}()")
            if isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
                wrong.append(f"{name}:{node.lineno}: asks {node.func.attr}()")
            if isinstance(node.func, ast.Attribute) and node.func.attr == "default_rng" and not node.args:
                wrong.append(f"{name}:{node.lineno}: randomness without a seed")
    assert not wrong, "\n".join(wrong)


def test_functions_fit_on_a_screen(sources):
    wrong = []
    for name, tree in sources.items():
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            length = (node.end_lineno or 0) - node.lineno + 1
            if length <= LINES_MAX:
                continue
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1
            above = []
            while first > 0 and lines[first - 1].lstrip().startswith("#"):
                first -= 1
                above.append(lines[first].lower())
            if not any(FLAT in comment for comment in above):
                wrong.append(f"{name}:{node.lineno}: {node.name} has {length} lines and no comment that says why it is flat")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_each_file_says_what_it_is(name, sources):
    text = ast.get_docstring(sources[name])
    assert text, f"{name} has no module docstring"
    assert len(text) > 20, f"{name}: its first line must say what may live there"


def test_public_functions_have_docstrings(sources):
    wrong = []
    for name, tree in sources.items():
        for node in tree.body:
            public = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if public and not ast.get_docstring(node):
                wrong.append(f"{name}:{node.lineno}: {node.name}")
    assert not wrong, "public, without docstring:\n" + "\n".join(wrong)
