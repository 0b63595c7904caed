"""Why a load process was lost."""

from __future__ import annotations

from perfsuite.messages import Code


class LoadMessage(Code):
    """One sentence each; the subject is the load process."""

    NOT_FINISHED = "did not finish within {limit_s:seconds} after the end of the load"
    STOPPED = "ended normally before the end of the load: something stopped it"
    SILENT = "reported nothing for {silent_s:seconds} and was given up"
    DEAF = "heard nothing from the master for {silent_s:seconds} and was given up"
    KILLED = "was killed by {signal}"
    OUT_OF_MEMORY = KILLED + "; out of memory? See the system's log"
    SUITE_ERROR = "ended by an error of the suite; its traceback is in {log}"
    EXITED = "ended with exit code {code}"
    CANNOT = "could not make the load: {why}"
    TOO_FEW_WORKERS = (
        "{joined:number} of {expected:n worker} joined within {waited_s:seconds}; start the others with "
        "`run_performance_tests.py worker --master …`, or wait longer (--expect-workers-max-wait)"
    )
    FOREIGN_USERS = (
        "{names:list}: user classes of your own run in one process only; leave out --processes, --master and --worker, "
        "or name the roles to load"
    )
    NO_WORKERS = "no load process is there that could make the load"
    LOAD_FAILED = "was ended, since the master could not go on with the load"


class WorkerMessage(Code):
    """What a worker on another machine says of itself, or its master of it."""

    WRONG_TOKEN = (
        "the master at {master} refused this worker's token; set AGENTMITRA_WORKER_TOKEN to the same value on both "
        "machines"
    )
    NO_MASTER = "no master answered at {master} within {waited_s:seconds}; check the address, and that the run waits"
    OTHER_VERSION = (
        "{what} differs: {here} at the master, {there} at the worker; bring both machines to the same version"
    )
    OTHER_TOKEN = (
        "its token differs from the master's, or it is no worker of this suite; is AGENTMITRA_WORKER_TOKEN the same?"
    )
    OTHER_ROLES = "the module {module} differs from the master's; bring both machines to the same version"
    OTHER_ACCOUNTS = (
        "the accounts here ({here:n account}) are not those of the master; give both the same credentials file"
    )
    OTHER_HEADERS = "the run adds the headers {names:list}; give the worker the same with --header"
    HOST_NOT_ALLOWED = "this machine may not load {host}; allow it here with --allow-host"
    OTHER_TARGET = "it is no Agent Mitra backend from here (HTTP {status}, service {service!r})"
    NO_TARGET = "cannot reach the target {host} from here: {why}"
    JOINED = "joined run {run} of the master at {master}"
    REFUSED = "the master refused this worker: {why}"
    GIVEN_UP = "the master says that this worker {why}"
    MASTER_GONE = (
        "the master has not answered for {silent_s:seconds}: the load here has ended; {batches:n batch/batches} "
        "not acknowledged"
    )
    MASTER_ENDED = "the master ended before the load did"
    RUN_ENDED = "is not needed any more, since the run ended: {why}"
    UNKNOWN = "belonged to another run"
    ELSEWHERE = "was silent for too long, and its users are elsewhere"
    INTERRUPTED = "interrupted"
