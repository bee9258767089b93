"""The Kafka client as every stage uses it: settings, errors in our words, topic names. May not: know stages, columns, state.

Settings that differ from the client's defaults stand here once, with their reason. kafka-python 3 is pinned by the lock:
it is young, and the way it speaks to a broker is part of what the tests of this house prove.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dogwatch.config import Kafka
from dogwatch.errors import InputError, SurroundingsError

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

MESSAGE_BYTES_MAX = 4 * 1024 * 1024  # with the topics' max.message.bytes: a message is a batch
TRANSACTION_TIMEOUT_MS = 30_000  # a dead worker's open transaction holds its readers at most this long
ANSWER_S_MAX = 10.0  # a restarted broker never answers what its predecessor was asked: whoever waited asks anew, as after a crash
BLOCK_MS_MAX = 30_000  # the first transaction of a new cluster creates an internal topic
BOOTSTRAP_MS = 10_000
RETRY_BACKOFF_MS = 20  # the default of 100 is waited after almost every commit ("previous transaction still completing")
RECONNECT_MS_MAX = 1_000  # the default of 30,000 is how late a client may notice that the broker is back
MESSAGES_PER_POLL = 64  # a message is up to 10,000 rows: 500 (the default) would be half a gigabyte
STAGES = ("ingest", "track", "score")  # the partition of a stage's state is its place in this row


def topic(kafka: Kafka, name: str) -> str:
    """Full name of one of our topics: the configured prefix and 'ais.fixes', 'risk.events' ..."""
    return kafka.prefix + name


def worker_id(kafka: Kafka, stage: str, shard: int = 0) -> str:
    """Transactional id and group of a worker: deployment-stage-shard, the same after every restart, so that the broker fences its zombie."""
    return f"{kafka.prefix.rstrip('.-_') or 'dogwatch'}-{stage}-{shard}"


def new_producer(kafka: Kafka, client_id: str, *, transactional: bool = False, compression: str | None = None) -> KafkaProducer:
    """A producer with acks=all and idempotence; transactional under `client_id`. Raises SurroundingsError without a broker."""
    settings: dict[str, Any] = {
        "client_id": client_id,
        "compression_type": compression,
        "batch_size": 256 * 1024,
        "max_request_size": MESSAGE_BYTES_MAX,
        "max_block_ms": BLOCK_MS_MAX,
        "allow_auto_create_topics": False,
    }
    if transactional:
        settings |= {"transactional_id": client_id, "transaction_timeout_ms": TRANSACTION_TIMEOUT_MS}
    return _connect("KafkaProducer", kafka, settings)


def new_consumer(kafka: Kafka, client_id: str, *, group: str | None = None, lost: str = "earliest") -> KafkaConsumer:
    """A consumer of committed records only, that starts at the earliest and never commits by itself. Raises SurroundingsError.

    lost: what follows where the record that comes next was deleted: "earliest" = go on there, "none" = OffsetOutOfRangeError from `poll`.
    """
    settings = {
        "client_id": client_id,
        "group_id": group,
        "enable_auto_commit": False,
        "isolation_level": "read_committed",
        "auto_offset_reset": lost,
        "allow_auto_create_topics": False,
        "max_poll_records": MESSAGES_PER_POLL,
        "max_partition_fetch_bytes": 2 * MESSAGE_BYTES_MAX,
        "fetch_max_wait_ms": 250,
    }
    return _connect("KafkaConsumer", kafka, settings)


def security_settings(kafka: Kafka) -> dict[str, Any]:
    """The client's settings for TLS and SASL. Raises InputError for a file that cannot be read. The password stands in a file, never in the configuration."""
    if kafka.security == "plaintext":
        return {}
    settings: dict[str, Any] = {"security_protocol": kafka.security.upper()}
    if kafka.security.endswith("ssl"):
        named = {"ssl_cafile": kafka.ca_file, "ssl_certfile": kafka.cert_file, "ssl_keyfile": kafka.key_file}
        settings |= {"ssl_check_hostname": True} | {name: str(_readable(path)) for name, path in named.items() if path}
    if kafka.security.startswith("sasl"):
        password = _readable(kafka.sasl_password_file).read_text(encoding="utf-8").rstrip("\r\n")
        settings |= {"sasl_mechanism": kafka.sasl_mechanism, "sasl_plain_username": kafka.sasl_user, "sasl_plain_password": password}
    return settings


def _readable(path: str) -> Path:
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}, named in [kafka], cannot be read", remedy="correct the path, or let this user read the file", value=path)
    return Path(path)


def new_admin(kafka: Kafka) -> KafkaAdminClient:
    """An admin client. Raises SurroundingsError without a broker."""
    return _connect("KafkaAdminClient", kafka, {"client_id": worker_id(kafka, "admin")})


def within(wait_s: float, call: Callable[..., Any], *arguments: Any) -> Any:
    """`call(*arguments)`, or KafkaTimeoutError after `wait_s`.

    kafka-python 3.0.12 waits without limit for the end of a transaction, also for an answer that a restarted broker will
    never give. The thread that waits is left behind; it ends with its producer or with the process.
    """
    from kafka.errors import KafkaTimeoutError

    done: list[tuple[bool, Any]] = []

    def work() -> None:
        try:
            done.append((True, call(*arguments)))
        except BaseException as fault:  # handed to the caller below
            done.append((False, fault))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(wait_s)
    if not done:
        raise KafkaTimeoutError(f"no answer within {wait_s:.0f} s")
    succeeded, value = done[0]
    if succeeded:
        return value
    raise value


def fenced(fault: BaseException) -> bool:
    """Whether the broker refuses us because our transactional id has another owner. The client says it in several ways."""
    from kafka.errors import InvalidProducerEpochError, ProducerFencedError

    kinds = (ProducerFencedError, InvalidProducerEpochError)
    return any(isinstance(part, kinds) for part in (fault, *fault.args, fault.__cause__))


class TakenOverError(SurroundingsError):
    """This worker's place belongs to another one now: it stops and writes nothing more."""


def taken_over(stage: str) -> TakenOverError:
    """What a fenced worker ends with."""
    return TakenOverError(
        f"another {stage} worker has taken over, or a transaction took longer than {TRANSACTION_TIMEOUT_MS // 1000} s",
        remedy="let one worker of a stage run; started again, it goes on where the last commit stands",
    )


def _connect(kind: str, kafka: Kafka, settings: dict[str, Any]) -> Any:
    try:
        import kafka as client  # here: the embedded product runs without the extra
    except ImportError as fault:
        raise InputError("the Kafka client is not installed", remedy="pip install 'dogwatch[kafka]'") from fault
    from kafka.errors import KafkaError

    common = {
        "bootstrap_servers": kafka.bootstrap,
        "retry_backoff_ms": RETRY_BACKOFF_MS,
        "reconnect_backoff_max_ms": RECONNECT_MS_MAX,
        "bootstrap_timeout_ms": BOOTSTRAP_MS,
    }
    try:
        return getattr(client, kind)(**common, **security_settings(kafka), **settings)
    except KafkaError as fault:
        remedy = "start one (`make kafka`), or correct [kafka] bootstrap"
        if kafka.security != "plaintext":  # the client tries again until its time is over, and keeps the reason in its log
            remedy += "; also whether that port speaks what [kafka] security says, ca_file knows its certificate, and sasl_user and the password are right"
        raise SurroundingsError(f"no Kafka broker answers at {kafka.bootstrap}: {fault}", remedy=remedy, value=kafka.bootstrap) from fault
