"""A real PostgreSQL for the tests: a cluster of their own on loopback, run by a user without rights. Skips (or fails) with the reason."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PLACES = Path("/usr/lib/postgresql")  # where Debian puts it


class Cluster:
    """One cluster in a folder of its own; `stop`, `kill` and `start` as often as a test wants."""

    def __init__(self) -> None:
        found = sorted(PLACES.glob("*/bin"), key=lambda p: int(p.parent.name)) if PLACES.is_dir() else []
        which = shutil.which("initdb")
        if not found and not which:
            raise FileNotFoundError("no initdb: apt-get install postgresql")
        self.bin = found[-1] if found else Path(str(which)).parent
        self.folder = Path(tempfile.mkdtemp(prefix="dogwatch-pg-"))
        self.as_user = ["setpriv", f"--reuid={_nobody()}", f"--regid={_nobody()}", "--clear-groups"] if os.geteuid() == 0 else []
        if self.as_user:
            os.chown(self.folder, _nobody(), _nobody())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.data = self.folder / "data"
        self._run("initdb", "-D", str(self.data), "-U", "dogwatch", "-A", "trust", "-E", "UTF8", "--locale=C")
        self.start()

    def url(self, database: str = "postgres") -> str:
        """How to reach a database of it."""
        return f"postgresql://dogwatch@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c max_connections=30"
        self._run("pg_ctl", "-D", str(self.data), "-l", str(self.folder / "log"), "-w", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it: `fast` as an administrator does, `immediate` as a power cut does."""
        self._run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    def remove(self) -> None:
        """Stop it for good."""
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run([*self.as_user, str(self.bin / program), *words], cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        if done.returncode:
            raise OSError(f"{program}: {done.stderr.decode()[-400:]}")


def _nobody() -> int:
    return pwd.getpwnam("nobody").pw_uid


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A running cluster. `DOGWATCH_REQUIRE_POSTGRES=1` forbids skipping."""
    try:
        import psycopg  # noqa: F401

        cluster = Cluster()
    except (ImportError, OSError) as fault:
        (pytest.fail if os.environ.get("DOGWATCH_REQUIRE_POSTGRES") == "1" else pytest.skip)(f"no PostgreSQL here: {fault}")
    try:
        yield cluster
    finally:
        cluster.remove()


@pytest.fixture
def postgres_url(postgres: Cluster, request: pytest.FixtureRequest) -> str:
    """A database of its own for every test."""
    import psycopg

    name = f"t{abs(hash(request.node.nodeid)) % 10**12}"
    with psycopg.connect(postgres.url(), autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}")
    return postgres.url(name)
