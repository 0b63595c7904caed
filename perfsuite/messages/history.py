"""The history of runs: errors of its database and of names of runs; and what a comparison of runs says."""

from __future__ import annotations

from perfsuite.messages import Code


class HistoryMessage(Code):
    """Errors of the database, of baseline files, and of names that a user gave."""

    # ── the database ────────────────────────────────────────────────────────────────────────────────────────────
    NOT_A_DATABASE = "--history: must be a PostgreSQL URL or a SQLite file; postgresql://user@host:5432/database is one"
    NEWER_SCHEMA = (
        "{where}: written by a newer suite (schema {schema}, this one knows up to {newest}).\n"
        "Update the suite, or name another history with --history"
    )
    DAMAGED = (
        "{where} is damaged, or no history of runs.\n"
        "The runs' folders hold everything: the command `history rebuild` makes it again"
    )
    DAMAGED_WITHIN = "{where} is damaged ({found}).\nThe command `history rebuild` makes it again"
    DISK_FULL = (
        "{where} cannot be written: the disk is full.\n"
        "Free some space; the command `history rebuild` then adds what is missing"
    )
    LOCKED = (
        "{where} is being written by others, for too long.\nThe command `history rebuild` adds what is missing later"
    )
    NO_ACCESS = (
        "{where} cannot be opened or written.\nCheck the folder's permissions, or name another place with --history"
    )
    UNREACHABLE = (
        "{where} cannot be reached or refuses access ({why}).\n"
        "Check --history: postgresql://user@host:5432/database is one"
    )
    UNUSABLE = "{where} cannot be used ({why}).\nName another place with --history"

    # ── baseline files ──────────────────────────────────────────────────────────────────────────────────────────
    FILE_NOT_WRITTEN = "{path} cannot be written: {why}. Name another file with --file"
    FILE_NOT_READ = "{path} cannot be read: {why}"
    FILE_NEWER = "{path}: written by a newer suite (schema {schema}, this one knows up to {newest})"
    NOT_A_BASELINE = "{path}: not a baseline of runs, or damaged ({why})"
    NO_RUNS = "{path}: a baseline without runs"

    # ── names of runs ───────────────────────────────────────────────────────────────────────────────────────────
    UNKNOWN = (
        "{name}: neither a run, a release nor a baseline in {where}\n"
        "The commands `history` and `baseline list` show what there is"
    )
    UNKNOWN_PATH = (
        "{name}: no such folder or file, and neither a run, a release nor a baseline in {where}\n"
        "The commands `history` and `baseline list` show what there is"
    )
    SIMILAR = "{name}: neither a run, a release nor a baseline in {where}{similar}"
    SIMILAR_PATH = "{name}: no such folder or file, and neither a run, a release nor a baseline in {where}{similar}"
    AMBIGUOUS = "{name}: is both a {first} and a {second}. Write {first}:{name} or {second}:{name}"
    LAST_HOW_MANY = "{name}: give the number of the last passing runs, as in last:5"
    NO_PASSING_RUN = "{name}: no passing run is in {where}"
    NO_PASSING_RUN_OF = "{name}: no passing run of scenario {scenario} is in {where}"
    NONE_ALIKE = "{name}: none of {runs:n passing run} was made under the same conditions: {reasons}"


class ComparisonMessage(Code):
    """Reasons of outcomes, differences between conditions, and notes."""

    # ── why nothing can be said of a figure ─────────────────────────────────────────────────────────────────────
    TOO_FEW_RUNS = "{a} + {b} runs: {needed} + {needed} are needed"
    NOT_IN_ALL_RUNS = "measured in {a:n run} of A and {b:n run} of B only: all are needed"
    MAY_BE_CHANCE = "so much may be chance"
    NOT_RULED_OUT = "small, but a change that matters is not ruled out: more runs would show"
    FAILED = (
        "{failed_a:number} of {requests_a:number} failed, then {failed_b:number} of {requests_b:number}"
        " (Fisher {p:p}, if requests failed independently)"
    )

    # ── notes ───────────────────────────────────────────────────────────────────────────────────────────────────
    ONLY_COSTS = (
        "{a} + {b} runs: in so few, times, rates and failures cannot be distinguished from chance; {needed} + {needed}"
        " are needed (--runs {needed} --against URL). Costs at the database can be compared"
    )
    NO_NOISE = "the noise of this environment was not measured: changes count from 5 % and 2 ms"
    INCONCLUSIVE_RUN = "{run_id} is {outcome}: its figures may not be due to the target"
    FAILURES_MIXED_IN = (
        "stored by an earlier version, with failed requests among times and throughput: {runs:list}. The command"
        " `history rebuild` makes the figures again if the folders are there"
    )
    ONLY_IN = "only in {group}, so not compared: {operations:list}"
    OTHER_VERSIONS = "made by different versions of the suite ({a}, {b})"
    OTHER_CHECKS = (
        "made with different values of --check-correctness ({a}, {b}): checks add up to 2 % (sample) or 10 %"
        " (thorough) to the requests of the load"
    )

    # ── differences between conditions ──────────────────────────────────────────────────────────────────────────
    SCENARIO = "other scenario: {a}, {b}"
    SCENARIO_CONTENT = "scenario {scenario} has changed (users, spawn rate, duration, arrivals or work)"
    USERS = "other mix of users: {users:list}"
    ONE_SEARCH = "only {which} was a search for the capacity"
    SEARCH_BY = "capacity by {a}, capacity by {b}"
    SEARCH_TARGETS = "other targets"
    TARGET = "other target: {a}, {b}"
    DATA_SIZE = "other size of data at the target: {sizes:list}"
    READ_ONLY = "one run was read-only, the other was not"
    LEFT_OUT = "operations left out in one of them only: {operations:list}"
    PROCESSES = "other number of load processes: {a}, {b}"
    MACHINE = "the load was made on different machines: {a}; {b}"
