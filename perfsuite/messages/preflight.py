"""What preflight reports: why the target cannot be loaded, who cannot log in, which operations are left out."""

from __future__ import annotations

from perfsuite.messages import Code


class PreflightMessage(Code):
    """One sentence each."""

    # ── the target is not there ─────────────────────────────────────────────────────────────────────────────────
    REFUSED = (
        "{host}: nothing listens there (connection refused). Start the backend, or use --demo for the reference backend"
    )
    NAME_NOT_FOUND = "{host}: the name is not known. Check --host for a typing error, and the DNS or VPN"
    TIMEOUT = "{host}: no answer in time. Is a firewall in between, or the backend stuck? Try it with curl"
    TLS = "{host}: the certificate was not accepted ({why}). {fix}; verification is never switched off"
    TLS_UNKNOWN_AUTHORITY = "Give the certificate authority that signed it with --ca-file FILE (PEM)"
    TLS_OTHER_NAME = "Give the host name of the certificate with --host"
    TLS_NOT_VALID_NOW = "Renew it, and check the clock of this machine"
    TLS_NOT_HTTPS = "Is it an HTTPS server? Check scheme and port of --host"
    PROXY = "{host}: {why}. Check --proxy, or leave it out if the target is reachable without it"
    CLIENT_CERTIFICATE = (
        "{host}: the target requires a client certificate. Give one with --client-cert FILE and --client-key FILE (PEM)"
    )
    LOST_OVER_TLS = (
        "{host}: {why}. Does it require a client certificate (--client-cert FILE)? If not, check scheme and port"
    )
    LOAD_MACHINE = "{host} could not be asked: {why}"
    INVALID_RESPONSE = "{host}: {why}. Check scheme and port, and what stands between this machine and the backend"
    NOT_HTTP = "{host}: {why}. Is it an HTTP server? Check scheme and port"

    # ── it is not ours, or not ready ────────────────────────────────────────────────────────────────────────────
    REDIRECT = (
        "{host} redirects: GET {path} gave HTTP {status} to {location}.\n"
        "Redirects are not followed: give the address behind it with --host"
    )
    RATE_LIMIT = "{host}: the target's rate limit already answers GET {path} (HTTP 429). Raise it for the load, or wait"
    OTHER_SERVICE = (
        "{host} answers, but is not an Agent Mitra backend: GET {path} gave {seen}.\n"
        "Give the backend's address with --host (behind a gateway with its base path), or use --demo"
    )
    NO_ROUTES = (
        "{host} lists none of the routes under /api/v1/: it is not an Agent Mitra backend.\n"
        "Check --host; if all its paths are different, map them in a file for --mapping"
    )
    NOT_HEALTHY = (
        "{host} says it is not healthy (HTTP {status}, status {health!r}); look at its log and at"
        " /api/v1/health/database before you load it"
    )

    # ── accounts ────────────────────────────────────────────────────────────────────────────────────────────────
    NO_ACCOUNT = "the credentials contain no account for {roles:list}. Add a line for each of these roles to the file"
    CANNOT_LOG_IN = "{role}: the account {account} cannot log in ({why}).\n{fix}"
    CANNOT_LOG_IN_SEVERAL = "{accounts:n account} cannot log in: {each}.\n{fix}"
    CHECK_ACCOUNTS = "Check the credentials file (--credentials), and whether the target has these accounts"
    RAISE_LIMIT = "HTTP 429 is the target's rate limit, and waiting did not help: raise it for the load accounts"

    # ── operations ──────────────────────────────────────────────────────────────────────────────────────────────
    ROLE_DIFFERS = "role is {role!r}, the contract says {expected}"
    NOT_LISTED = "not in the target's list of routes"
    NOT_LISTED_WITH_HINT = NOT_LISTED + "; {hint}"
    CANDIDATE_ANSWERED = "{paths} answered 200: if that is it, name it for --mapping"
    CANDIDATE_WRITES = "{path} is listed, and was not tried because it writes"
    NO_ID = "needs an id that the target's answers did not give"
    NO_DELETION = "the target does not offer {method} {path}"
    ROWS_OF_OTHERS = "{failure}; if agents of this target may see rows of others, switch the rule off (--mapping)"
    EXCLUDED = "excluded by the scenario or by --exclude"
    CREATION_LEFT_OUT = "its rows cannot be removed ({why})"
    ROWS_LEFT_OUT = "it works on rows of {operation}, which is left out"
    LEFT_OUT = "{operation} is left out: {why}; --accept-leftovers makes them anyway"
    ROWS_REMAIN = "{operation}: its rows cannot be removed ({why}) and will remain (--accept-leftovers)"
    FAILED_FIRST = "{operation} as {role} failed once with {failure} and worked when it was repeated"
    DIFFERENCE = "{method} {path} ({operation}): {difference}, as {roles}"

    # ── progress ────────────────────────────────────────────────────────────────────────────────────────────────
    PROGRESS = "Preflight: {done} of {total} operations"
    CONNECTING = "Preflight"
    WAITING = "{progress}; waiting for {request} since {waited_s:seconds}"
    TOOK = "Preflight took {took_s:seconds}; slowest: {slowest}"
