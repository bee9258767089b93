"""A real Apache Kafka on this machine, from Maven artifacts: resolve, start, stop, ask. For `make kafka` and the tests.

May live here: finding Java and Maven, the broker's own files, its process, readiness. May not: topics of ours, stages.

    python -m runners.broker start|run|stop|status|resolve [--port N] [--dir PATH]

One node, KRaft, loopback only, no container. The jars are resolved once into a cache outside git, keyed on the text of
`deploy/kafka/pom.xml` (`DOGWATCH_KAFKA_CACHE`, default `.cache/kafka` beside the repository's README).
Ready means that an admin call answers and a produced record reads back: a log line promises nothing.
What it acknowledges stands in the page cache: enough for a killed process, not for a power cut. It is a broker for
one desk and for tests; for more see docs/kafka.md.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dogwatch.errors import DogwatchError, InputError, SurroundingsError

ROOT = Path(__file__).resolve().parent.parent
POM = ROOT / "deploy" / "kafka" / "pom.xml"
COPY_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
CLUSTER_ID = "dogwatchAAAAAAAAAAAAAA"  # any 22 characters of base64: one-node clusters are told apart by their folder
HEAP_MB = 512
READY_S_MAX = 60.0
STOP_S_MAX = 30.0
RESOLVE_S_MAX = 900.0
MESSAGE_BYTES_MAX = 4 * 1024 * 1024  # together with the producers' max_request_size (runners/kafka_client.py)
PROBE_TOPIC = "dogwatch.probe"
PORT_DEFAULT = 9092
# A short-lived broker on few cores starts faster with the quick compiler and the simplest collector.
JVM = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-Xmx{HEAP_MB}m"]

SERVER = """\
process.roles=broker,controller
node.id=1
log.dirs={data}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
message.max.bytes={message_bytes}
"""


def missing() -> str:
    """Why no broker can run here ('no java on PATH'), or '' if one can."""
    if shutil.which("java") is None:
        return "no `java` on PATH (Java 17 or newer is needed)"
    if _libs_ready(libs_path()):
        return ""
    return "" if shutil.which("mvn") else "no `mvn` on PATH and no resolved jars in " + str(libs_path())


def libs_path() -> Path:
    """Folder of the resolved jars: its name is the hash of the pom, so that a changed pom never meets old jars."""
    cache = Path(os.environ.get("DOGWATCH_KAFKA_CACHE") or ROOT / ".cache" / "kafka")
    return cache / f"libs-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"


def resolve() -> Path:
    """The folder with the jars; asks Maven only where it is absent. Raises InputError or SurroundingsError."""
    libs = libs_path()
    if _libs_ready(libs):
        return libs
    if why := missing():
        raise InputError(f"Apache Kafka cannot be resolved: {why}", remedy="install OpenJDK 17 and Maven (Debian: `apt install openjdk-17-jdk-headless maven`)")
    fresh = libs.with_name(f"{libs.name}.{os.getpid()}")
    libs.parent.mkdir(parents=True, exist_ok=True)
    command = ["mvn", "-B", "-q", "-f", str(POM), COPY_GOAL, "-DincludeScope=runtime", f"-DoutputDirectory={fresh}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=RESOLVE_S_MAX, check=False)
    if done.returncode != 0 or not _libs_ready(fresh):
        shutil.rmtree(fresh, ignore_errors=True)
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise SurroundingsError(f"Maven could not resolve Apache Kafka:\n{tail}", remedy="look at the network and ~/.m2/settings.xml, then try again")
    with contextlib.suppress(OSError):  # somebody else was first: theirs is as good
        fresh.rename(libs)
    shutil.rmtree(fresh, ignore_errors=True)
    return libs


@dataclass
class Broker:
    """One broker and its folder. Not thread-safe. A folder keeps its ports: a restarted broker is the same broker."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def at(cls, folder: Path, port: int = 0) -> Broker:
        """The broker of a folder, formatted if it is new; port 0 = a free one. Starts nothing."""
        folder.mkdir(parents=True, exist_ok=True)
        properties = folder / "server.properties"
        if properties.exists():
            known = _ports(properties)
            return cls(folder, known[0])
        port, controller_port = port or free_port(), free_port()
        text = SERVER.format(data=folder / "data", port=port, controller_port=controller_port, message_bytes=MESSAGE_BYTES_MAX)
        draft = folder / "server.properties.draft"  # renamed after the format: a folder with properties is a formatted folder
        draft.write_text(text, encoding="utf-8")
        shutil.rmtree(folder / "data", ignore_errors=True)
        command = _java("kafka.tools.StorageTool", "format", "--standalone", "-t", CLUSTER_ID, "-c", str(draft))
        done = subprocess.run(command, capture_output=True, text=True, timeout=READY_S_MAX, check=False)
        if done.returncode != 0:
            raise SurroundingsError(f"Kafka could not format {folder / 'data'}: {(done.stderr or done.stdout).strip()}")
        draft.rename(properties)
        return cls(folder, port)

    @property
    def bootstrap(self) -> str:
        """What clients are given."""
        return f"127.0.0.1:{self.port}"

    def start(self, *, detached: bool = False) -> None:
        """Start the process and wait until it is ready. A detached one outlives us (`start` of the command line)."""
        for port in _ports(self.folder / "server.properties"):
            if not _is_free(port):
                raise InputError(f"port {port} is taken", remedy="stop what listens there, or take another --port with a new --dir", value=port)
        log = (self.folder / "broker.log").open("ab")
        with log:
            command = _java("kafka.Kafka", str(self.folder / "server.properties"))
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=detached)
        (self.folder / "broker.pid").write_text(str(self.process.pid), encoding="ascii")
        process = self.process

        def alive() -> bool:
            return process.poll() is None

        try:
            wait_ready(self.bootstrap, alive=alive)
        except DogwatchError as fault:
            self.kill()
            tail = "\n".join((self.folder / "broker.log").read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
            raise SurroundingsError(f"{fault.what}\n{tail}", remedy=f"the whole log is {self.folder / 'broker.log'}") from fault

    def stop(self) -> None:
        """SIGTERM and wait; SIGKILL after a patient while. Harmless when it does not run."""
        pid = self.pid()
        if pid:
            _signal(pid, signal.SIGTERM)
            self._wait_gone(pid)
        (self.folder / "broker.pid").unlink(missing_ok=True)
        self.process = None

    def kill(self) -> None:
        """SIGKILL, as a crash would: for tests."""
        if pid := self.pid():
            _signal(pid, signal.SIGKILL)
            self._wait_gone(pid)
        self.process = None

    def pid(self) -> int:
        """Process id while it runs, else 0. A recycled number is not mistaken for the broker."""
        try:
            pid = int((self.folder / "broker.pid").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0
        if self.process is not None and self.process.pid == pid:
            return pid if self.process.poll() is None else 0
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return 0
        return pid if str(self.folder / "server.properties").encode() in command else 0

    def _wait_gone(self, pid: int) -> None:
        deadline = time.monotonic() + STOP_S_MAX
        while self.pid() == pid:
            if time.monotonic() > deadline:
                _signal(pid, signal.SIGKILL)
            time.sleep(0.05)


def wait_ready(bootstrap: str, *, alive: Callable[[], bool] = lambda: True, wait_s: float = READY_S_MAX) -> None:
    """Return once an admin call answers and a produced record reads back; SurroundingsError after `wait_s`."""
    deadline = time.monotonic() + wait_s
    fault: Exception | None = None
    while time.monotonic() < deadline and alive():
        try:
            _probe(bootstrap)
            return
        except Exception as met:  # whatever a starting broker does to its client, the answer is to ask again
            fault = met
            time.sleep(0.1)
    why = "it ended" if not alive() else f"no answer within {wait_s:.0f} s"
    raise SurroundingsError(f"Kafka at {bootstrap} is not ready: {why} ({fault})")


def _probe(bootstrap: str) -> None:
    with socket.create_connection(tuple_of(bootstrap), timeout=1):  # cheap refusal while the JVM still loads
        pass
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition  # here: `status` and `--help` stay quick, and the extra is optional
    from kafka.errors import TopicAlreadyExistsError

    limits = {"bootstrap_servers": bootstrap, "bootstrap_timeout_ms": 5000, "request_timeout_ms": 5000}
    with KafkaAdminClient(**limits) as admin:
        admin.describe_cluster()
        with contextlib.suppress(TopicAlreadyExistsError):
            admin.create_topics(
                {PROBE_TOPIC: {"num_partitions": 1, "replication_factor": 1, "configs": {"retention.ms": "600000"}}}, wait_for_metadata=True, timeout_ms=5000
            )
    with contextlib.closing(KafkaProducer(**limits, delivery_timeout_ms=10000, max_block_ms=5000)) as producer:
        sent = producer.send(PROBE_TOPIC, b"ready?", partition=0).get(timeout=5)
    where = TopicPartition(PROBE_TOPIC, 0)
    with contextlib.closing(KafkaConsumer(**limits, group_id=None, enable_auto_commit=False)) as consumer:
        consumer.assign([where])
        consumer.seek(where, sent.offset)
        found = consumer.poll(timeout_ms=5000)
    if not any(record.offset == sent.offset for record in found.get(where, [])):
        raise SurroundingsError("a produced record does not read back")


def tuple_of(bootstrap: str) -> tuple[str, int]:
    """('127.0.0.1', 9092) of '127.0.0.1:9092'; the first of several."""
    host, _, port = bootstrap.split(",", maxsplit=1)[0].strip().rpartition(":")
    return host.strip("[]"), int(port)


def free_port() -> int:
    """A loopback port that nobody holds at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the JVM sets it too: a port in TIME_WAIT is no obstacle
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _ports(properties: Path) -> list[int]:
    line = next(line for line in properties.read_text(encoding="utf-8").splitlines() if line.startswith("listeners="))
    return [int(part.rsplit(":", 1)[1]) for part in line.split(",")]


def _libs_ready(libs: Path) -> bool:
    return any(libs.glob("kafka_2.13-*.jar")) and any(libs.glob("log4j-slf4j-impl-*.jar"))


def _java(*arguments: str) -> list[str]:
    if shutil.which("java") is None:
        raise InputError("no `java` on PATH", remedy="install OpenJDK 17 or newer")
    return ["java", *JVM, "-cp", f"{resolve()}/*", *arguments]


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m runners.broker", description="A single-node Apache Kafka on loopback, resolved by Maven.")
    parser.add_argument("action", choices=["start", "run", "stop", "status", "resolve"])
    parser.add_argument("--port", type=int, default=PORT_DEFAULT, help="port of a new broker folder (default %(default)s)")
    parser.add_argument("--dir", type=Path, default=ROOT / ".cache" / "kafka" / "run", help="data, log and pid of the broker")
    given = parser.parse_args(arguments)
    say: Callable[[str], object] = lambda text: sys.stdout.write(text + "\n")  # noqa: E731 - one word for output
    try:
        return _act(given.action, given.dir.resolve(), given.port, say)
    except DogwatchError as fault:
        sys.stderr.write(f"{fault}\n")
        return fault.exit_code


def _act(action: str, folder: Path, port: int, say: Callable[[str], object]) -> int:
    if action == "resolve":
        say(f"{resolve()}")
        return 0
    if action in ("stop", "status") and not (folder / "server.properties").exists():
        say(f"no broker in {folder}")
        return 0 if action == "stop" else 1
    broker = Broker.at(folder, port)
    if action == "stop":
        broker.stop()
        say("stopped")
    elif action == "status":
        if not broker.pid():
            say(f"not running ({folder})")
            return 1
        wait_ready(broker.bootstrap, wait_s=10)
        say(f"ready at {broker.bootstrap}, process {broker.pid()}")
    elif broker.pid():
        say(f"already running at {broker.bootstrap}, process {broker.pid()}")
    else:
        broker.start(detached=action == "start")
        say(f"ready at {broker.bootstrap}, process {broker.pid()}")
        if action == "run":
            _serve(broker)
    return 0


def _serve(broker: Broker) -> None:
    process = broker.process
    assert process is not None, "start() left a process"
    signal.signal(signal.SIGTERM, lambda *_: _signal(process.pid, signal.SIGTERM))
    try:
        process.wait()
    except KeyboardInterrupt:
        pass
    finally:
        broker.stop()


if __name__ == "__main__":
    sys.exit(main())
