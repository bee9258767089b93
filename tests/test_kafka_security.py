"""TLS and SASL against a broker that demands them: every client of ours goes through, and who is not let in is told why."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from kafka_reading import committed

from dogwatch.config import Config, Kafka, parse
from dogwatch.errors import ConfigError, InputError, SurroundingsError
from runners import broker as house_broker
from runners import kafka_client
from runners.broker import Broker, free_port
from runners.kafka_client import new_admin, new_producer, security_settings, topic
from runners.kafka_topics import init_topics

pytestmark = pytest.mark.kafka

PASSWORD = "a long night"
MORE = """
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
listener.name.ssl.ssl.client.auth=required
listener.name.sasl_ssl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_plaintext.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_watch="{password}";
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
"""
KINDS = {
    "TLS, both sides with certificates": {"security": "ssl"},
    "SCRAM over TLS": {"security": "sasl_ssl"},
    "SCRAM-SHA-256 over TLS": {"security": "sasl_ssl", "sasl_mechanism": "SCRAM-SHA-256"},
    "PLAIN over TLS": {"security": "sasl_ssl", "sasl_mechanism": "PLAIN"},
    "SCRAM in the clear": {"security": "sasl_plaintext"},
}


def openssl(folder: Path, *words: str) -> None:
    done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def certificates(folder: Path) -> None:
    """ca.pem; broker.pem (key and certificate for 127.0.0.1); watch.pem and watch.key; other.pem, an authority that signed nothing here."""
    for name in ("ca", "other"):
        openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n", encoding="ascii")
    for name in ("broker", "watch"):
        openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        signed = ["x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"]
        openssl(folder, *signed, "-extfile", "names", "-out", f"{name}.pem")
    (folder / "broker.pem").write_text((folder / "broker.key").read_text() + (folder / "broker.pem").read_text(), encoding="ascii")
    (folder / "password").write_text(PASSWORD + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, int]]]:
    """Folder with the papers, and the port of each kind of listener of a running broker."""
    give_up = pytest.fail if os.environ.get("DOGWATCH_REQUIRE_KAFKA") == "1" else pytest.skip
    if why := house_broker.missing():
        give_up(f"no Kafka here: {why}")
    folder = tmp_path_factory.mktemp("guarded")
    certificates(folder)
    broker = Broker.at(folder / "run")
    ports = {"SASL_SSL": free_port(), "SSL": free_port(), "SASL_PLAINTEXT": free_port()}
    properties = folder / "run" / "server.properties"
    lines = [line for line in properties.read_text(encoding="utf-8").splitlines() if not line.startswith("listener.security")]
    more = "".join(f",{kind}://127.0.0.1:{port}" for kind, port in ports.items())
    lines = [line + more if line.startswith(("listeners=", "advertised.listeners=")) else line for line in lines]
    properties.write_text("\n".join(lines) + MORE.format(folder=folder, password=PASSWORD), encoding="utf-8")
    broker.start()
    try:
        let_in(broker.bootstrap)
        yield folder, {kind.lower(): port for kind, port in ports.items()}
    finally:
        broker.stop()


def let_in(bootstrap: str) -> None:
    from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

    with contextlib.closing(new_admin(Kafka(bootstrap=bootstrap))) as admin:
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            told = admin.alter_user_scram_credentials([UserScramCredentialUpsertion("watch", mechanism, PASSWORD, iterations=4096)])
            assert set(told.values()) == {None}, told


def settings(guarded: tuple[Path, dict[str, int]], prefix: str, **more: str) -> Kafka:
    folder, ports = guarded
    known = {"bootstrap": f"127.0.0.1:{ports[more['security']]}", "prefix": prefix}
    if more["security"].endswith("ssl"):
        known["ca_file"] = str(folder / "ca.pem")
    if more["security"] == "ssl":
        known |= {"cert_file": str(folder / "watch.pem"), "key_file": str(folder / "watch.key")}
    if more["security"].startswith("sasl"):
        known |= {"sasl_user": "watch", "sasl_password_file": str(folder / "password")}
    return Kafka(**(known | more))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_admin_transaction_and_reader_go_through(guarded, kafka_prefix, kind):
    kafka = settings(guarded, kafka_prefix, **KINDS[kind])
    assert all("created" in line for line in init_topics(kafka))
    with contextlib.closing(new_producer(kafka, "guest", transactional=True)) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic(kafka, "ais.safety"), b"mayday", partition=0)
        producer.commit_transaction()
    assert [record.value for record in committed(kafka, "ais.safety")] == [b"mayday"]


def test_a_wrong_password_is_said_so(guarded, kafka_prefix, tmp_path, monkeypatch):
    monkeypatch.setattr(kafka_client, "BOOTSTRAP_MS", 3000)
    (tmp_path / "wrong").write_text("guess", encoding="utf-8")
    kafka = settings(guarded, kafka_prefix, security="sasl_ssl", sasl_password_file=str(tmp_path / "wrong"))
    with pytest.raises(SurroundingsError, match="sasl_user and the password") as met:
        new_admin(kafka)
    assert "guess" not in str(met.value)


@pytest.mark.parametrize(
    "wrong", [{"ca_file": "other.pem"}, {"cert_file": "", "key_file": ""}], ids=["an authority that did not sign", "no certificate of ours"]
)
def test_who_cannot_prove_who_he_is_is_not_talked_to(guarded, kafka_prefix, monkeypatch, wrong):
    monkeypatch.setattr(kafka_client, "BOOTSTRAP_MS", 3000)
    paths = {name: str(guarded[0] / value) if value else "" for name, value in wrong.items()}
    with pytest.raises(SurroundingsError, match=r"certificate|security"):
        new_admin(settings(guarded, kafka_prefix, security="ssl", **paths))


def test_plain_clients_do_not_get_through_a_guarded_port(guarded, kafka_prefix, monkeypatch):
    monkeypatch.setattr(kafka_client, "BOOTSTRAP_MS", 3000)
    kafka = msgspec.structs.replace(Kafka(prefix=kafka_prefix), bootstrap=f"127.0.0.1:{guarded[1]['sasl_plaintext']}")
    with pytest.raises(SurroundingsError):
        new_admin(kafka)


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(InputError, match=r"/nowhere/ca\.pem"):
        security_settings(Kafka(security="ssl", ca_file="/nowhere/ca.pem"))


@pytest.mark.parametrize(
    "text",
    [
        'security = "sasl_ssl"',
        'security = "sasl_ssl"\nsasl_user = "watch"',
        'sasl_user = "watch"\nsasl_password_file = "x"',
        'ca_file = "ca.pem"',
        'security = "ssl"\nkey_file = "k"',
    ],
)
def test_half_a_setting_is_an_error_of_the_configuration(text):
    with pytest.raises(ConfigError):
        parse(f"[kafka]\n{text}\n", Config, file="c.toml")
