"""What is deployed agrees with the program: files parse, commands exist, settings are known, metrics are real."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase
from typer.main import get_command

from dogwatch.config import Config, parse

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
METRIC = re.compile(r"\bdogwatch_[a-z_]+\b")
STAGES = ("ingest", "track", "track-standby", "score", "console")


def compose() -> dict:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def dashboards() -> dict[str, dict]:
    found = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in (DEPLOY / "grafana" / "dashboards").glob("*.json")}
    assert found
    return found


def expressions() -> list[tuple[str, str]]:
    """(where, PromQL) of every rule and panel."""
    rules = yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))
    found = [(rule["alert"], rule["expr"]) for group in rules["groups"] for rule in group["rules"]]
    for name, board in dashboards().items():
        found += [(f"{name}: {panel['title']}", target["expr"]) for panel in board["panels"] for target in panel["targets"]]
    return found


def exported() -> dict[str, set[str]]:
    """Sample name -> label names, of everything that the program exports."""
    from runners.metrics import Metrics
    from runners.source_metrics import SourceMetrics
    from runners.webhook_metrics import OUTCOMES, WebhookMetrics

    found: dict[str, set[str]] = {}
    for collector in vars(Metrics()).values():
        for metric in collector.describe() if isinstance(collector, MetricWrapperBase | SourceMetrics) else ():
            labels = set(getattr(collector if isinstance(collector, MetricWrapperBase) else metric, "_labelnames", ()))
            suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(metric.type, [""])
            found |= {metric.name + suffix: labels | ({"le"} if suffix == "_bucket" else set()) for suffix in suffixes}
    for family in WebhookMetrics(lambda: {"room": dict.fromkeys((*OUTCOMES, "waiting"), 0)}).collect():
        found |= {sample.name: set(sample.labels) for sample in family.samples}
    assert len(found) >= 10
    return found


def test_every_metric_that_is_asked_for_exists():
    real, asked = exported(), expressions()
    assert len(asked) >= 15
    unknown = [(where, name) for where, text in asked for name in METRIC.findall(text) if name not in real]
    assert not unknown


def test_every_label_that_is_asked_for_exists():
    real = exported()
    checked = 0
    for where, text in expressions():
        allowed = {"job", "instance", "stage_host"}.union(*(real[name] for name in METRIC.findall(text))) if METRIC.findall(text) else {"job", "instance"}
        grouped = [label.strip() for group in re.findall(r"by \(([^)]*)\)", text) for label in group.split(",")]
        matched = re.findall(r"(\w+)\s*[!=]~?\"", text)
        checked += len(grouped) + len(matched)
        assert not set(grouped + matched) - allowed, where
    assert checked > 10


def test_each_metric_is_on_the_dashboard():
    shown = {name for board in dashboards().values() for name in METRIC.findall(json.dumps(board))}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported()}
    assert not families - {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}


def test_each_alert_says_what_to_do():
    rules = yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))
    for rule in rules["groups"][0]["rules"]:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["action"]


def test_each_alert_has_its_paragraph_and_each_paragraph_its_alert():
    rules = yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    chapter = text.split("## What each alarm means")[1].split("\n## ")[0]
    told = re.findall(r"^\*\*(\w+)\*\*[^\n]{40,}", chapter, re.MULTILINE)
    assert sorted(told) == sorted(rule["alert"] for group in rules["groups"] for rule in group["rules"])


def test_each_metric_is_explained():
    """Every family that is exported stands in the table of docs/operations.md, and nothing there is invented."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported()}
    assert not families - set(METRIC.findall(text))
    assert not set(METRIC.findall(text)) - families - {"dogwatch_capture_up", "dogwatch_capture_lost_bytes"}


def test_panels_do_not_overlap_and_have_a_datasource():
    sources = yaml.safe_load((DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text(encoding="utf-8"))
    uid = sources["datasources"][0]["uid"]
    for board in dashboards().values():
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            box = panel["gridPos"]
            cells = {(x, y) for x in range(box["x"], box["x"] + box["w"]) for y in range(box["y"], box["y"] + box["h"])}
            assert not cells & taken
            assert box["x"] + box["w"] <= 24
            taken |= cells
            assert panel["datasource"]["uid"] == uid


def require_command(name: str, words: list[str]) -> None:
    """A command of ours with options that it has."""
    from runners.cli import app

    command, rest = get_command(app), list(words)
    while rest and hasattr(command, "commands") and rest[0] in command.commands:
        command = command.commands[rest.pop(0)]
    options = {option for parameter in command.params for option in parameter.opts}
    assert not hasattr(command, "commands"), f"{name}: {words} is no command"
    assert {word for word in rest if word.startswith("--")} <= options, name


def test_compose_runs_commands_that_exist_with_files_that_exist():
    services = compose()["services"]
    assert set(services) >= {"kafka", "topics", "prometheus", "grafana", *STAGES}
    asked = {name: service["command"] for name, service in services.items() if service["image"] == "dogwatch"}
    [header] = re.findall(r"^#   docker compose exec console dogwatch (.*)$", (ROOT / "docker-compose.yml").read_text(encoding="utf-8"), re.MULTILINE)
    for name, words in (asked | {"header": header.split()}).items():
        require_command(name, list(words))
    mounts = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())]
    assert all((ROOT / source).exists() for source in mounts if source.startswith("./"))
    assert {source for source in mounts if not source.startswith("./")} == set(compose()["volumes"])


def test_no_port_is_published_beyond_this_machine():
    ports = [port for service in compose()["services"].values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_images_are_pinned():
    images = [service["image"] for service in compose()["services"].values()]
    images += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert all(image == "dogwatch" or (":" in image and not image.endswith(":latest")) for image in images)


def test_the_configuration_of_the_stages_is_sound():
    config = parse((DEPLOY / "kafka.toml").read_text(encoding="utf-8"), Config, file="deploy/kafka.toml")
    services = compose()["services"]
    assert config.kafka is not None
    assert config.kafka.bootstrap.split(":")[0] in services
    assert config.sources[0].host in services
    assert config.console.decisions == "postgresql://dogwatch@postgres/dogwatch"
    database, console = services["postgres"]["environment"], services["console"]
    assert (database["POSTGRES_USER"], database["POSTGRES_DB"], database["POSTGRES_PASSWORD"]) == ("dogwatch", "dogwatch", console["environment"]["PGPASSWORD"])
    assert f":{config.metrics.port}/health" in str(console["healthcheck"]["test"])
    assert config.sources[0].exercise, "a simulated source is an exercise"
    targets = yaml.safe_load((DEPLOY / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"][0]["static_configs"][0]["targets"]
    assert targets == [f"{stage}:{config.metrics.port}" for stage in STAGES]
    assert f"127.0.0.1:{config.console.port}" in (DEPLOY / "door.conf").read_text(encoding="utf-8")


def test_the_image_holds_every_room():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    rooms = re.search(r"packages = \[([^\]]*)\]", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert rooms
    for room in re.findall(r'"(\w+)"', rooms.group(1)):
        assert f"COPY {room} {room}" in text
        assert f"!{room}\n" in kept
    for name in re.search(r"^COPY (constraints.*) \./$", text, re.MULTILINE).group(1).split():
        assert f"!{name}\n" in kept
        assert (ROOT / name).exists() or name == "README.md"


@pytest.mark.parametrize("name", ["LICENSE", "CONTRIBUTING.md", "CHANGELOG.md", "changes/README.md"])
def test_the_papers_are_there(name):
    assert len((ROOT / name).read_text(encoding="utf-8")) > 300


def test_the_licence_is_whole():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert len(text.splitlines()) == 201


def test_docker_compose_accepts_the_file():
    program = shutil.which("docker-compose")
    command = [program] if program else ["docker", "compose"]
    if not program and (not shutil.which("docker") or subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode):
        pytest.skip("neither 'docker-compose' nor 'docker compose' is installed")
    done = subprocess.run([*command, "-f", str(ROOT / "docker-compose.yml"), "config", "--quiet"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
