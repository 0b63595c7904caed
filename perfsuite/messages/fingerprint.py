"""What a fingerprint reports: errors of the database, what is not known about an operation and why, and notes."""

from __future__ import annotations

from perfsuite.messages import Code

_GRANT = "Give the account the right to read statistics: GRANT pg_read_all_stats TO the_account"


class FingerprintMessage(Code):
    """One sentence each."""

    # ── the database ────────────────────────────────────────────────────────────────────────────────────────────
    NO_DSN = "a fingerprint needs the database: give its DSN with --monitor-postgres, or use --demo full"
    BAD_DSN = "this is not a PostgreSQL DSN: write postgresql://user@host:5432/database"
    NO_CONNECTION = "PostgreSQL: no connection ({why})"
    NOT_READ = "PostgreSQL: the statistics could not be read ({why})"
    NO_PRIVILEGE = "PostgreSQL: {why}. " + _GRANT
    NOT_LOADED = (
        "PostgreSQL: pg_stat_statements is not loaded. Set shared_preload_libraries = 'pg_stat_statements' and restart"
        " the server"
    )
    NOT_LOADED_OR_CREATED = NOT_LOADED + "; then, in the database {database}: CREATE EXTENSION pg_stat_statements"
    NOT_CREATED = (
        "PostgreSQL: pg_stat_statements is not created; in the database {database}: CREATE EXTENSION pg_stat_statements"
    )
    TOO_OLD = "PostgreSQL: pg_stat_statements {version} is too old: ALTER EXTENSION pg_stat_statements UPDATE"
    ONLY_OWN_STATEMENTS = "PostgreSQL: this account may not read the statements of others. " + _GRANT
    NOT_TRACKED = "PostgreSQL: no statements are counted ({setting}). Set it back to its default"

    # ── files ───────────────────────────────────────────────────────────────────────────────────────────────────
    NOT_TAKEN = "{folder}: this run has no fingerprint ({file} does not exist)"
    WRONG_SCHEMA = "{path}: schema {schema}, this version of the suite reads {expected}"
    DAMAGED = "{path}: damaged, or written by another version ({why})"

    # ── why the cost of an operation is not known ───────────────────────────────────────────────────────────────
    LEFT_OUT = "left out of the run"
    READ_ONLY = "a write, and the run is read-only"
    NO_ACCOUNT = "no account of this role"
    NO_LOGIN = "the account could not log in"
    NO_ID = "needs an id that the target's answers did not give"
    FAILED = "the call failed ({why})"
    NO_TIME = "not asked: the {limit_s:seconds} for the fingerprint were over"
    NOT_REACHED = "no request reached the database: a cache answered all of them, or nothing is needed from it"
    RESET = "pg_stat_statements was reset during the measurement"
    EVICTED = "pg_stat_statements evicted entries during the measurement ({times:n time}): raise pg_stat_statements.max"
    ENTRIES_LOST = "entries of pg_stat_statements were reset or evicted during the measurement"
    OTHER_TRAFFIC = "other traffic: {statement} ran {rate_per_s} times a second while nothing was asked"

    # ── notes ───────────────────────────────────────────────────────────────────────────────────────────────────
    MEASURED_AGAIN = "measured again: {why}"
    ODD_STATEMENTS = "odd statements among the first requests"
    BY_ARGUMENTS = "which statements run depends on the arguments"
    IRREGULAR = (
        "not every request ran the same statements ({statement} in {count} of {requests}): it depends on the arguments,"
        " or is other traffic"
    )
    OTHER_USERS = "statements of other users were left out ({users})"
    NOT_AT_REST = "the database did not come to rest after every request"
    NO_STATEMENT = "no statement was seen at all: is this the database of the target?"
    UNEXPLAINED = "{transactions:n transaction} not explained by statements: other traffic on the database"
    ACTIVE_CLIENT = "a client was active while nothing was asked: {client}"
    OTHER_CLIENT = "another client was active during {requests} of the requests: {client}"
    UTILITY_NOT_COUNTED = "BEGIN, COMMIT and the like are not counted (pg_stat_statements.track_utility is off)"
    NO_EVICTIONS = "pg_stat_statements {version} does not count evictions: only vanished entries are noticed"
    INSIDE_FUNCTIONS = "statements inside functions are counted as queries (pg_stat_statements.track is all)"

    # ── progress ────────────────────────────────────────────────────────────────────────────────────────────────
    ROLE = "Fingerprint: {role}"
    WAITING_FOR_CACHES = "Fingerprint: waiting until caches expire, {limit_s:seconds} at most"
