"""What a reader should know beside the verdict, without changing it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from perfsuite.judge.errors_apart import fast_errors, slow_errors
from perfsuite.judge.fitness import long_pause, throttled
from perfsuite.judge.left_behind import soft_deleted
from perfsuite.judge.words import count, figure, listed, percent, seconds, time_of_day
from perfsuite.model import CUT_OFF, Coverage, Drift, Lack, Outage, Plan, Remark, Summary
from perfsuite.model.role import Role
from perfsuite.target.exchange import SERVER_TIME_HEADERS
from perfsuite.target.token import LIFETIME

_CLOCK_SET_S = 1.0
"""Less is what a time service corrects."""


def notes_of(plan: Plan, summary: Summary, roles: Sequence[Role]) -> list[str]:
    """One sentence each: what makes figures doubtful, what was not exercised and why, what was left behind."""
    coverage = summary.coverage
    notes = [
        _every_time(plan),
        fast_errors(summary),
        *slow_errors(plan, summary),
        *(_outage(outage) for outage in summary.outages if outage.end or summary.target_lost_at is None),
        _cut_off(summary),
        *map(_drift, summary.drifts),
        long_pause(summary.generator),
        throttled(summary),
        *_server_times(summary),
        *_token_lifetimes(summary.remarks),
        _expired(summary.whole_run.expired),
        _late_logins(summary),
        _clock_set(summary.clock_set_s),
        _through_proxy(plan),
        _differs(coverage.differs),
        _left_out(coverage.missing, "not offered by the target"),
        _left_out(coverage.broken, "failing without any load"),
        *_left_out_because(coverage),
        _dead(coverage.dead_behaviours),
        *(_lacking(coverage.lacking) or _not_possible(coverage.not_possible, roles)),
        *_unlike_the_database(coverage),
        _absent(plan),
        *_left_behind(plan, summary),
    ]
    return [note for note in notes if note]


def _every_time(plan: Plan) -> str:
    """What every run like this one has to be read with, on one line: docs/metrics.md says what follows from it."""
    parts = []
    if plan.demo:
        parts.append("load and target on one machine (demo)")
    elif _is_loopback(plan.host):
        parts.append("load and target on one machine (or a tunnel)")
    if plan.shared_accounts:
        users = sum(plan.users_by_role.get(role, 0) for role in plan.shared_accounts)
        parts.append(f"{count(users, 'user')} on {count(sum(plan.shared_accounts.values()), 'account')}")
    return "; ".join(parts)


def _outage(outage: Outage) -> str:
    until = "the end of the load" if outage.end is None else time_of_day(outage.end)
    return (
        f"the target gave no answer from {time_of_day(outage.start)} to {until}:"
        f" {count(outage.failed, 'request')} failed, most with {outage.message}"
    )


def _cut_off(summary: Summary) -> str:
    number = sum(each.count for each in summary.cut_off)
    if not number:
        return ""
    return (
        f"{count(number, 'request')} of the steady state cut off by the end of the load: unfinished, and no FAIL by"
        " themselves"
    )


def _server_times(summary: Summary) -> list[str]:
    """What was reported as the server's own time and was not used."""
    times = summary.server_times
    about = [remark for remark in summary.remarks if remark.about in SERVER_TIME_HEADERS]
    if times.used:
        return [
            f"{remark.about} of {remark.count:,} of {count(times.reported, 'answer')} was ignored:"
            f" {remark.example}; {remark.why}"
            for remark in about
        ]
    if times.zeros:
        return [f"the server's own time was ignored: it was 0 in {times.zeros:,} of {count(times.reported, 'answer')}"]
    if not about:
        return ["the server's own time was ignored: on average it was longer than the answers took"]
    told = [f"{remark.about} was ignored: {remark.example}; {remark.why}" for remark in about]
    if times.ignored < times.reported:
        told[0] += f"; so it was in {times.ignored:,} of {times.reported:,} answers, and no other is used either"
    return told


def _token_lifetimes(remarks: Iterable[Remark]) -> list[str]:
    """Lifetimes that cannot be; going by them would be a login before every action."""
    return [f"{remark.about} is {remark.example}; {remark.why}" for remark in remarks if remark.about == LIFETIME]


def _expired(number: int) -> str:
    if not number:
        return ""
    if number == 1:
        return (
            "1 request was refused since a token had expired: the user logged in and sent it once more; the refusal"
            " counts neither as a request nor as a failure"
        )
    return (
        f"{number:,} requests were refused since a token had expired: users logged in and sent each once more; the"
        " refusals count neither as requests nor as failures"
    )


def _late_logins(summary: Summary) -> str:
    """The steady state waits for the logins of the ramp-up, but not for ever."""
    logins = summary.logins
    if logins is None or not logins.late:
        return ""
    share = percent(logins.steady_share_rate or 0.0)
    late = f"{logins.late:,} of {count(summary.users.requested, 'user')}"
    return (
        f"{late} were still logging in when the steady state began, a quarter into the plateau: {share} of the"
        " requests that ended in it are logins; lower --spawn-rate, or run longer"
    )


def _clock_set(by_s: float) -> str:
    """Figures do not depend on it; but whoever looks for a request in the server's log does."""
    if abs(by_s) < _CLOCK_SET_S:
        return ""
    way = "forward" if by_s > 0 else "back"
    return (
        f"the system clock was set {way} by {seconds(abs(by_s))} during the run, or the machine slept; the times of"
        " this run follow the clock as it was when the run began"
    )


def _through_proxy(plan: Plan) -> str:
    proxy = plan.access.proxy
    return f"all requests went through {proxy}: the times are those of proxy and target together" if proxy else ""


def _differs(entries: Sequence[str]) -> str:
    return f"answers that differ from the contract and were used all the same: {listed(entries)}" if entries else ""


def _is_loopback(host: str) -> bool:
    name = urlsplit(host).hostname or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


_DRIFTING = {"p50_ms": "the median response time", "p95_ms": "the 95th percentile", "rps": "the throughput"}


def _drift(drift: Drift) -> str:
    """A trend within the steady state: the run was not steady after all."""
    way = "rose" if drift.end > drift.start else "fell"
    values = f"{figure(drift.figure, drift.start)} to {figure(drift.figure, drift.end)}"
    return (
        f"{_DRIFTING.get(drift.figure, drift.figure)} {way} within the steady state from about {values}"
        f" ({_by(drift)}, p = {drift.p_value:.1g}): what is told is a mean over a change; run longer, or look for"
        " what fills up or warms up"
    )


def _by(drift: Drift) -> str:
    return f"{percent(abs(drift.end - drift.start) / drift.start)}" if drift.start else "from nothing"


def _left_out(entries: Sequence[str], which: str) -> str:
    return f"left out, {which}: {listed(entries)}" if entries else ""


def _left_out_because(coverage: Coverage) -> list[str]:
    """A note for each reason."""
    by_reason: dict[str, list[str]] = {}
    for entry in coverage.left_out:
        reason = coverage.left_out_because.get(entry, "which write, while the run is read-only")
        by_reason.setdefault(reason, []).append(entry)
    return [_left_out(entries, reason) for reason, entries in by_reason.items()]


def _dead(behaviours: Sequence[str]) -> str:
    return f"nothing is left to do of {listed(behaviours)}: not exercised at all" if behaviours else ""


def _lacking(lacks: Sequence[Lack]) -> list[str]:
    """What could not be made and what it needed, a note for each role and reason."""
    groups: dict[tuple[str, str], list[Lack]] = {}
    for lack in lacks:
        groups.setdefault((lack.role, lack.why or "the reason was not recorded"), []).append(lack)
    return [
        f"{listed([lack.operation for lack in group])} as {role} could not be made"
        f" {count(sum(lack.times for lack in group), 'time')}: {why}"
        for (role, why), group in groups.items()
    ]


def _unlike_the_database(coverage: Coverage) -> list[str]:
    """Answers without a row for which the database read some, where no other note says so."""
    told = " ".join(lack.why for lack in coverage.lacking)
    found = [entry.partition(" / ") for entry in coverage.empty if "the database read" in entry]
    return [f"as {role}, {answer}: is an error passed over there?" for role, _, answer in found if answer not in told]


def _not_possible(times: Mapping[str, int], roles: Sequence[Role]) -> list[str]:
    """The same for files of earlier versions, which do not have the reasons."""
    steps = [step for role in roles for behaviour in role.behaviours for step in behaviour.steps]
    of_run = {step.operation for step in steps if step.of_run}
    of_run -= {step.operation for step in steps if not step.of_run}
    wanting = "it works on what the same load process has made, and none of that was left"
    return [
        f"{operation} could not be made {count(number, 'time')}:"
        f" {wanting if operation in of_run else 'the target holds no data for it'}"
        for operation, number in times.items()
        if number
    ]


def _absent(plan: Plan) -> str:
    if not plan.absent_roles:
        return ""
    return f"with {count(plan.scenario.users, 'user')} nobody was there as {listed(plan.absent_roles)}"


def _left_behind(plan: Plan, summary: Summary) -> list[str]:
    """Rows that should have been removed are told elsewhere: they change the verdict."""
    cleanup = summary.cleanup
    if summary.ended == CUT_OFF and not plan.read_only and not plan.demo:
        return ["what this run created may still be at the target: remove it with the command cleanup"]
    if cleanup is None:
        return []
    changed = () if plan.demo else (*cleanup.not_restored, *cleanup.not_restorable)
    put_back = [f"changed by this run and not put back: {listed(changed)}"] if changed else []
    return [*soft_deleted(cleanup), *put_back]
