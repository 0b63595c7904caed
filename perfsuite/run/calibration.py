"""What a request costs the load generator on this machine: measured for about a second, then kept for a week.

One real load process does the roles' work at about 2,000 requests/s, against a server of canned answers in a process of
its own. Its CPU time per request does not depend on how the two share the cores, so that one core is enough. In the
open model a request costs more than in the closed one, so each has its own measurement.
"""

from __future__ import annotations

import math
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from perfsuite import __version__
from perfsuite.clock import for_children, utc_s
from perfsuite.errors import LoadError
from perfsuite.measurements.file import FILE_NAME, read
from perfsuite.measurements.health import CpuLimit
from perfsuite.measurements.records import Generator, Phase, Record, Requests, to_json
from perfsuite.messages import Message
from perfsuite.messages.calibration import CalibrationMessage, ProcessNote
from perfsuite.model import Account, Arrival, Plan, PreflightReport, Scenario, Secrets
from perfsuite.model.calibration import Calibration
from perfsuite.model.role import Role
from perfsuite.plan.processes import most_rps, too_few
from perfsuite.roles import ROLES
from perfsuite.roles.mix import arriving_rps, users_by_role
from perfsuite.roles.work import sending_roles
from perfsuite.run import canned_roles
from perfsuite.run.canned_roles import ROLES as HASTY

KEPT_S = 7 * 86_400.0
CACHE_VARIABLE = "AGENTMITRA_CACHE_DIR"
CACHE_FILE = "calibration.json"
WORTH_RPS = 500.0
"""So many requests/s any machine can make with one load process."""
USERS = 100
DURATION_S = 3.5
"""Users begin spread over the first second; of the rest, at least one second lies between two turns of the clock."""
_SETTLED_S = 0.2
RPS = 2_000.0
"""About what the hasty roles make, too."""
_LONGEST_S = 30.0
_ROOT = Path(__file__).resolve().parents[2]
_OLDEST_KEPT = 10
"""Calibrations of other versions, Pythons and processors in the file."""


class _Kept(msgspec.Struct, frozen=True):
    """One calibration in the file, with what it holds for."""

    key: str
    calibration: Calibration


def calibrated(
    plan: Plan, say: Callable[[str], None], *, measure: Callable[[bool], Calibration] | None = None
) -> Calibration:
    """The calibration of this machine, measured where none is known. Raises LoadError where that fails."""
    open_model = plan.scenario.arrival is not None
    known = known_calibration(open_model)
    if known is not None:
        return known
    say(CalibrationMessage.MEASURING())
    found = (measure or measured)(open_model)
    keep_calibration(found, open_model)
    return found


def process_notes(plan: Plan, say: Callable[[str], None]) -> list[Message]:
    """Before a run: what to change where the planned load processes, or the cores for them, are too few.

    Measures only where the load is large enough for that to matter. Nothing here keeps a run from beginning.
    """
    roles = sending_roles(plan.scenario, ROLES)
    rps = most_rps(plan, roles)
    if rps < plan.load_processes * WORTH_RPS or math.isinf(rps):
        return []
    try:
        return too_few(plan, roles, calibrated(plan, say))
    except (LoadError, OSError) as error:
        return [ProcessNote.NOT_KNOWN(why=error)]


# ── what is kept ────────────────────────────────────────────────────────────────────────────────────


def known_calibration(open_model: bool) -> Calibration | None:
    """The kept calibration of this version, Python and processor; None where there is none, or it is old."""
    now, key = utc_s(), _key(open_model)
    fresh = (each.calibration for each in _kept() if each.key == key)
    return next((each for each in fresh if 0 <= now - each.measured_at < KEPT_S), None)


def cache_file() -> Path:
    """Where calibrations are kept: in the user's cache directory, or the one of `CACHE_VARIABLE`."""
    if own := os.environ.get(CACHE_VARIABLE):
        return Path(own) / CACHE_FILE
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) / "agentmitra-performance" / CACHE_FILE


def _kept() -> list[_Kept]:
    """A file that is missing, unreadable or damaged holds nothing."""
    with suppress(OSError, RuntimeError, msgspec.DecodeError):
        return msgspec.json.decode(cache_file().read_bytes(), type=list[_Kept])
    return []


def keep_calibration(calibration: Calibration, open_model: bool) -> None:
    """Keep it for the next time. Where the file cannot be written, that measures again."""
    key = _key(open_model)
    others = [each for each in _kept() if each.key != key]
    with suppress(OSError, RuntimeError):
        path = cache_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.{os.getpid()}")
        new.write_bytes(msgspec.json.encode([_Kept(key, calibration), *others[: _OLDEST_KEPT - 1]]))
        new.replace(path)


def _key(open_model: bool) -> str:
    model = "open" if open_model else "closed"
    machine = f"{_processor()} · {usable_cores()} cores"
    return f"{model} model · {__version__} · Python {platform.python_version()} · {machine}"


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def usable_cores() -> float:
    """Cores that this process may use, by its affinity and its CPU limit."""
    with suppress(AttributeError):  # not Linux
        allowed = float(len(os.sched_getaffinity(0)))
        return min(allowed, CpuLimit().take().cores or allowed)
    return float(os.cpu_count() or 1)


# ── measuring ───────────────────────────────────────────────────────────────────────────────────────


def measured(open_model: bool) -> Calibration:
    """Make the load and read what it recorded. Raises LoadError where it failed."""
    with tempfile.TemporaryDirectory(prefix="calibration-") as name, canned_server() as port:
        folder = Path(name)
        plan = calibration_plan(port, open_model)
        (folder / "plan.json").write_bytes(to_json(plan))
        (folder / "preflight.json").write_bytes(to_json(PreflightReport(plan.host, "canned", "1", (), ())))
        _load(folder)
        return calibration_of(list(read(folder / FILE_NAME)))


def calibration_of(records: Iterable[Record]) -> Calibration:
    """CPU time per request over the whole seconds in which all users were at work. Raises LoadError without any."""
    records = list(records)
    phases = {record.name: record.at for record in records if isinstance(record, Phase)}
    begin, end = phases.get("plateau", float("inf")) + _SETTLED_S, phases.get("ramp-down", 0.0)
    # The whole seconds between the two: a busy process may report twice in one of them.
    whole = range(math.ceil(min(begin, end)), math.floor(end))
    health = [record for record in records if isinstance(record, Generator) and record.second in whole]
    of_seconds = [record for record in records if isinstance(record, Requests) and record.second in whole]
    cpu_s = math.fsum(record.cpu_percent / 100 * record.span_s for record in health)
    requests, failed = sum(record.ended for record in of_seconds), sum(record.ended_failed for record in of_seconds)
    if not requests or failed or not cpu_s:
        raise LoadError(CalibrationMessage.NOTHING_MEASURED(requests=requests, failed=failed))
    return Calibration(1e6 * cpu_s / requests, requests, usable_cores(), utc_s())


def calibration_plan(port: int, open_model: bool, roles: Sequence[Role] = HASTY) -> Plan:
    """The load that is measured, with at least one user of each role."""
    users = users_by_role(USERS, roles)
    arrival = Arrival(RPS / (arriving_rps(1.0, users, roles) or 1.0)) if open_model else None
    return Plan(
        run_id="calibration",
        scenario=Scenario("calibration", USERS, USERS, DURATION_S, arrival=arrival),
        host=f"http://127.0.0.1:{port}",
        users_by_role=users,
        targets=(),
        allowed_hosts=("127.0.0.1",),
        seed=1,
        created_at="",
        roles_module=canned_roles.__name__,
        stop_timeout_s=5.0,
    )


@contextmanager
def canned_server() -> Iterator[int]:
    """A server in a process of its own, gone afterwards; its port."""
    with _started("perfsuite.run.canned_server") as process:
        try:
            yield int((process.stdout.readline() if process.stdout else b"") or 0)
        finally:
            process.kill()


def _load(folder: Path) -> None:
    secrets = Secrets(tuple(Account(role.slug, "canned", role.slug) for role in ROLES), ())
    with _started("perfsuite.load", str(folder)) as process:
        try:
            if process.stdin is not None:  # stays open: its end would end the load
                process.stdin.write(msgspec.json.encode(secrets) + b"\n")
                process.stdin.flush()
            code = process.wait(_LONGEST_S)
        except (subprocess.TimeoutExpired, BrokenPipeError) as error:
            raise LoadError(CalibrationMessage.NOT_ENDED(limit_s=_LONGEST_S)) from error
        finally:
            process.kill()
    if code:
        raise LoadError(CalibrationMessage.LOAD_FAILED(code=code))


def _started(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  our own module
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=_ROOT,
        env={**os.environ, **for_children()},
        start_new_session=True,
    )
