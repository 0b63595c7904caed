"""What a monitor lacks or could not read, and wrong values of its options."""

from __future__ import annotations

from perfsuite.messages import Code


class MonitorMessage(Code):
    """Notes and errors of sources, and errors of the command line and the file of queries."""

    NO_PROCESS_OPTION = "--monitor-server {pid}: there is no process with this id on this machine"
    OPTION = "{option}: {why}"
    SERVER_OPTION = "--monitor-server {url}: give a process id, or a URL such as http://localhost:8015"
    PORT_OPTION = "--monitor-server {url}: the port has to be a number below 65536"
    URL_OPTION = "{option} {url}: give a URL such as http://localhost:9090"
    NO_URL = "{option} {url}: this is no URL"

    QUERIES_UNREADABLE = "{path}: cannot be read ({why})"
    QUERIES_WRONG = "{path}: {why}"
    QUERIES_WRONG_LINE = "{path}, line {line}: {why}"
    UNKNOWN_KEY = "unknown key '{key}'{suggestion}"
    QUERIES_TABLE = "[queries] has to be a table of metric = query"
    QUOTES = "queries.{metric}.{part}: put the name of the metric in quotes"
    QUERY_TEXT = 'queries."{metric}" has to be a text'
    UNKNOWN_METRIC = "there is no metric '{metric}'{suggestion}"
    LOAD_METRIC = 'queries."{metric}": the load measures this itself, nobody else can'
    KEY_TEXT = "{key} has to be a text"

    NOTE = "{source}: {text}"
    NOT_MONITORED = "{source}: {text}; not monitored"
    ONCE = "{source}: {text} (at {at})"
    REPEATED = "{source}: {text} ({times} times, {first} to {last})"
    NOT_READY = "not ready within {limit_s:seconds}; the suite goes on trying"
    NO_ANSWER = "no answer within {limit_s:seconds}"
    MONITOR_FAILED = "stopped by an error of the monitor itself"
    SECONDS_MISSED = "seconds were missed: this machine was too busy or asleep"
    READINGS_LOST = "readings are no longer written: {why}"

    REFUSED = "nothing listens there (connection refused)"
    NO_SOCKET = "nothing listens at that socket"
    UNKNOWN_HOST = "the name of the host is not known"
    BAD_PASSWORD = "the password or the account was refused"
    CERTIFICATE = "the certificate was not accepted ({why})"
    FAILED = "{why}"
    GET = "GET {target}: {why}"
    NO_JSON = "no JSON object"
    HTTP = "HTTP {status}"
    MISSING = "{path} has no {metrics:list}"
    NO_POOL = "the application keeps no pool of database connections (NullPool), so there are no figures of one"
    BLOCKS_SERVER = (
        "GET {path} blocks the server: it took {took_s:seconds}, and GET {probe} beside it waited {waited_s:seconds}; "
        "asked only before and after the load"
    )

    PROCESS_ENDED = "the process has ended"
    NO_PROCESS = "there is no process {pid}"
    NO_LISTENER = (
        "the process that listens on port {port} cannot be found: it does not run here, or belongs to another user; "
        "give its process id"
    )
    ONLY_PASSES_ON = "port {port} belongs to {name}, which only passes connections on; give the backend's process id"
    OTHER_USER = (
        "process {pid} belongs to another user, so descriptors, disk and listen queue cannot be read: run the suite as "
        "that user or as root"
    )
    NO_PORT = "process {pid} listens on no TCP port, so there is no listen queue to read"
    NO_SCHEDULING = "this system does not report context switches and waiting for a core by thread"
    NO_TCP = "this system does not count TCP retransmits (no /proc/net/snmp)"

    BAD_DSN = "the DSN cannot be read; postgresql://user@host:5432/database is one"
    NO_SESSIONS = (
        "account {account} may not see other sessions, so there is no {metrics:list}: GRANT pg_monitor TO {account}"
    )
    NO_STATEMENTS = (
        "there is no pg_stat_statements in this database, so its totals are missing: CREATE EXTENSION "
        "pg_stat_statements (and shared_preload_libraries)"
    )
    NO_METRICS = "no {metrics:list}: {why}"
    NO_PASSWORD = "no password was given: put it into PGPASSWORD or ~/.pgpass"
    POOLER = "this is a pooler; give the address of PostgreSQL itself"
    SLOW_ANSWER = "the answer took longer than {limit_ms} ms"
    NO_CONNECTION = "no connection within {limit_s:seconds}"

    BAD_REDIS_URL = "the URL cannot be read; redis://user@host:6379 is one"
    NO_SLOWLOG = "the account may not read the length of the slow log, so slowlog_per_s is missing: +slowlog|len"
    NO_INFO = "the account may not use INFO: +info"

    NO_SERIES = "no {metric}: nothing matches {expression}"
    MANY_SERIES = "no {metric}: {series} series instead of one; sum() or max() them: {expression}"
    NO_QUERY_WORKS = "no query gives a figure: set node and process to match its labels"
    NO_PROMETHEUS = "this is not a Prometheus server: /api/v1/query gives something else"
    NO_KNOWN_METRIC = (
        "it has none of the metrics that the suite knows (process_…, node_…, http_request_duration_seconds, …)"
    )
    PAGE_TOO_LONG = "a page of {length:number} bytes is not read"
    PAGE_TAKES_NO_QUERIES = "this is a page of metrics, which takes no queries"
    PAGE_UNREADABLE = "the page of metrics cannot be read ({why})"
