"""A target that requires a client certificate: refused without it, and loaded with it; its password stays secret."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from perfsuite.messages.plan import PlanMessage
from perfsuite.messages.preflight import PreflightMessage
from perfsuite.plan.certificates import KEY_PASSWORD_VARIABLE
from tests.certificates import ClientFiles, needs_openssl, private_ca
from tests.integration.cost_runs import easy
from tests.integration.programs import ROOT, Ended, read_json, run_suite, running_backend
from tests.integration.test_real_backend import KEY, gateway
from tests.integration.test_secrets import contents

pytestmark = [pytest.mark.integration, needs_openssl]

PASSWORD = "geheim-0815"
SHORT = ("--users", "16", "--spawn-rate", "16", "--duration", "12s", "--read-only", "--processes", "2")


@dataclass(frozen=True)
class Guarded:
    """A backend behind a gateway that lets in known clients only."""

    folder: Path
    host: str
    options: tuple[str, ...]
    client: ClientFiles

    def run(self, name: str, *more: str, **variables: str) -> Ended:
        given = ("--host", self.host, *self.options, *SHORT, *easy(self.folder), *more)
        return run_suite(*given, results=self.folder / name, env={"MITRA_KEY": KEY} | variables)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    ca = private_ca(folder / "ca")
    with (
        running_backend(folder / "backend") as backend,
        gateway(backend, ca.server, "--clients", str(ca.authority)) as host,
    ):
        options = (
            *("--ca-file", str(ca.authority), "--header", "X-Api-Key: env:MITRA_KEY"),
            *("--mapping", str(ROOT / "examples" / "mapping" / "target.toml"), "--credentials"),
        )
        yield Guarded(folder, host, (*options, str(backend.credentials)), ca.client(PASSWORD))


def test_without_a_certificate_preflight_names_what_is_missing(guarded: Guarded) -> None:
    done = guarded.run("without")
    # Which of them is chance: the gateway may close the connection, or reset it, before its alert arrives.
    wanted = (
        PreflightMessage.CLIENT_CERTIFICATE(host=guarded.host),
        PreflightMessage.LOST_OVER_TLS(host=guarded.host, why="|").partition("|")[2],
    )
    assert done.code == 3
    assert done.err.strip().endswith(wanted)


def test_without_the_password_of_its_key_nothing_is_sent(guarded: Guarded) -> None:
    key = str(guarded.client.key)
    done = guarded.run("locked", "--client-cert", str(guarded.client.cert), "--client-key", key)
    fields = {"option": "--client-key", "path": key, "variable": KEY_PASSWORD_VARIABLE}
    assert (done.code, done.err.strip()) == (2, PlanMessage.CLIENT_KEY_NO_PASSWORD(**fields))


def test_with_it_every_request_is_let_in_and_the_password_is_nowhere(guarded: Guarded) -> None:
    given = ("--client-cert", str(guarded.client.cert), "--client-key", str(guarded.client.key))
    done = guarded.run("let in", *given, **{KEY_PASSWORD_VARIABLE: PASSWORD})

    assert (done.code, done.err) == (0, ""), done.out
    assert done.summary["whole_run"]["failures"] == 0
    assert done.summary["whole_run"]["requests"] > 20
    access = read_json(done.folder / "plan.json")["access"]
    assert (access["client_cert"], access["client_key"]) == (str(guarded.client.cert), str(guarded.client.key))
    assert [name for name, content in contents(done.folder) if PASSWORD.encode() in content] == []
    assert any("perfsuite.load" in line for line in done.command_lines)
    assert not any(PASSWORD in text for text in (*done.command_lines, done.out))
