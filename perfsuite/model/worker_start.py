"""What a worker process gets when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from perfsuite.model.plan import Access, Secrets


@dataclass(frozen=True, slots=True)
class OwnConnection:
    """What a machine uses instead of the plan's settings: paths of files differ there. Empty: as in the plan."""

    ca_file: str = ""
    proxy: str = ""
    client_cert: str = ""
    client_key: str = ""

    def over(self, planned: Access) -> Access:
        """The plan's settings with those of this machine in their place. A certificate comes with its own key."""
        cert, key = (
            (self.client_cert, self.client_key) if self.client_cert else (planned.client_cert, planned.client_key)
        )
        return replace(
            planned,
            ca_file=self.ca_file or planned.ca_file,
            proxy=self.proxy or planned.proxy,
            client_cert=cert,
            client_key=key,
        )


@dataclass(frozen=True, slots=True)
class WorkerStart:
    """What `python -m perfsuite.load.worker` reads as one JSON line on its standard input.

    `local`: started by the coordinator itself, in the folder of the run. Such a worker trusts the plan, and
    `allowed_hosts` is empty; elsewhere that is what this machine's own files and options allow. `secrets` are those of
    this machine. `index`: of the pod in its job; None where there is none. `master_within_s` and `master_gone_s`: how
    long it waits for a master that was never there, or has fallen silent, before it ends.
    """

    master_host: str
    master_port: int
    token: str = field(repr=False)
    secrets: Secrets = field(repr=False)
    allowed_hosts: tuple[str, ...] = ()
    local: bool = True
    connection: OwnConnection = field(default_factory=OwnConnection)
    index: int | None = None
    master_within_s: float = 600.0
    master_gone_s: float = 30.0
