"""What the target package reports: hosts that may not be loaded, rate limits, damaged journals."""

from __future__ import annotations

from perfsuite.messages import Code


class TargetMessage(Code):
    """One sentence each."""

    # ── --host and --allow-host ─────────────────────────────────────────────────────────────────────────────────
    CREDENTIALS_IN_URL = "--host: a URL must not contain a user name or password. Accounts belong in --credentials FILE"
    NOT_A_URL_WITH_CREDENTIALS = "--host: must be a URL such as http://localhost:8015, without user name and password"
    NO_SCHEME = "--host: {url!r} has no scheme. Did you mean 'http://{bare}'?"
    NOT_A_URL = "--host: {url!r} is not an HTTP URL. Write it as http://localhost:8015"
    BAD_PORT = "--host: the port of {url!r} is not a number from 1 to 65535"
    MORE_THAN_A_BASE = "--host: give scheme, host, port and base path only: {base}"
    API_PREFIX = "--host: leave out /api/v1 and everything after it: {base}"
    BAD_BASE_PATH = "--host: {path!r} is not a base path. Write it as https://gateway.example/mitra"
    BAD_NAME = "{option}: {name!r} is not a host name. Write it as staging-api.agentmitra.com or 10.0.0.7"

    # ── --bind and --master ─────────────────────────────────────────────────────────────────────────────────────────
    NOT_AN_ENDPOINT = "{text!r} is not HOST:PORT. Write it as 10.0.0.5:{port}, or [fd00::5]:{port} for IPv6"

    # ── hosts that may not be loaded ────────────────────────────────────────────────────────────────────────────
    LOOKS_LIKE_PRODUCTION = (
        "refused: {name} looks like production ({why}).\n"
        "If you may load it, add both --allow-host {name} and --i-accept-production-load"
    )
    NAME_SAYS_PRODUCTION = 'its name contains "prod"'
    IS_AN_ADDRESS = "an address does not say that it is a test system"
    NOT_NAMED_A_TEST = "nothing in its name says staging, test, dev, qa, uat, sandbox or perf"
    NOT_ALLOWED = (
        "refused: {name} is not among the hosts that may be loaded ({allowed}).\n"
        "If you may load it, add --allow-host {name}, or add it to allowed_hosts in scenarios.toml"
    )
    NOT_OF_THIS_RUN = "refused: {host} is not among the hosts that this run may load"

    # ── before and after the load ───────────────────────────────────────────────────────────────────────────────
    RATE_LIMITED = "The target's rate limit answered {method} {path} (HTTP 429): continuing more slowly"

    # ── the journal ─────────────────────────────────────────────────────────────────────────────────────────────
    JOURNAL_DAMAGED = "{path}, line {line}: damaged ({why}); remove that line and try again"
