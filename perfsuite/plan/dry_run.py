"""A plan as text: stages, users per role, expected load, targets that can be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from perfsuite.format import bound, duration, figure, limit_text, number, option_duration, plural, setting
from perfsuite.messages import Message
from perfsuite.messages.plan import PlannedReason
from perfsuite.model import Arrival, Plan, Scenario, Target
from perfsuite.model.monitor import READINGS_NEEDED
from perfsuite.model.periods import settling_s
from perfsuite.model.plan import CONCURRENT_USERS, LASTS_AT_LEAST, MAX_QUERIES, RECOVERY
from perfsuite.model.role import Role
from perfsuite.model.stability import JUDGED_FROM_S
from perfsuite.model.stages import falls_back, load_text, mean_share, spans_of, steady_lengths
from perfsuite.model.summary import PERCENTILES, samples_needed
from perfsuite.roles.mix import arriving_rps, offered_rps
from perfsuite.target.hosts import is_local

_MONITORS = {
    "--monitor-server": ("server", "health"),
    "--monitor-postgres": ("postgres",),
    "--monitor-redis": ("redis",),
    "--monitor-prometheus": ("server", "prometheus", "application"),
}
"""Option → the components that it monitors, besides the machine and the application's pool."""
_REMEDIES = {
    "server": "give --monitor-server or --monitor-prometheus",
    "postgres": "give --monitor-postgres",
    "redis": "give --monitor-redis",
    "prometheus": "give --monitor-prometheus",
    "application": "give --monitor-prometheus with the address of its metrics page",
}
_RAMP_DOWN = "  ramp-down              requests in flight finish"


def ramp_s(scenario: Scenario) -> float:
    """Seconds until the last user is started."""
    return scenario.users / scenario.spawn_rate


def steady_s(scenario: Scenario) -> float:
    """Seconds of the steady state: the plateau without its settling time; 0 if it is never reached.

    With stages, that of all hold stages together.
    """
    if scenario.stages:
        return sum(steady_lengths(scenario.stages, scenario.spawn_rate).values())
    plateau_s = max(scenario.duration_s - ramp_s(scenario), 0.0)
    return plateau_s - settling_s(plateau_s)


def response_limit_s(targets: Sequence[Target]) -> float | None:
    """The limit of the average response time over all requests, in seconds; None without such a target."""
    limits = [t.limit for t in targets if t.metric == "avg_ms" and t.below and not (t.role or t.operation or t.stages)]
    return min(limits) / 1000 if limits else None


def why_not_judged(target: Target, plan: Plan, roles: Sequence[Role]) -> Message | None:
    """Why the target could not be judged in this plan; None if it can be, as far as is known."""
    plan = _until_first_is_done(plan, roles)
    scenario = plan.scenario
    if target.scenarios and scenario.name not in target.scenarios:
        return PlannedReason.ONLY_IN(scenarios=target.scenarios)
    if missing := [name for name in target.stages if name not in {stage.name for stage in scenario.stages}]:
        return PlannedReason.NO_SUCH_STAGES(stages=missing)
    if target.metric == RECOVERY:
        return None if falls_back(scenario.stages) else PlannedReason.NO_SPIKE()
    if nothing := _nothing_of(target, plan):
        return nothing
    if target.metric == CONCURRENT_USERS:
        users = plan.users_by_role[target.role] if target.role else scenario.users
        enough = target.below or users > target.limit
        return None if enough else PlannedReason.TOO_FEW_USERS(users=users, limit=target.limit)
    if target.metric == MAX_QUERIES and not plan.fingerprint:
        return PlannedReason.NO_FINGERPRINT(remedy=_REMEDIES["postgres"])
    if steady_s(scenario) <= 0:
        return PlannedReason.NO_STEADY_STATE()
    if target.metric == LASTS_AT_LEAST:
        return _why_not_lasting(plan)
    if "." in target.metric:
        return _why_no_reading(target, plan)
    if target.metric == "rps" and not target.below:
        return _why_no_throughput(target, plan, roles)
    if target.metric in PERCENTILES:
        return _why_no_percentile(target, plan, roles)
    return None


def _done_after_s(plan: Plan, roles: Sequence[Role]) -> list[float]:
    """After which time a user of each role is done, on average, if answers take as long as the response-time limit."""
    count, limit_s = plan.scenario.iterations or 0, response_limit_s(plan.targets) or 0.0
    present = [role for role in roles if plan.users_by_role.get(role.slug)]
    return [count * role.requests_per_action() * limit_s + (count - 1) * role.think_mean_s for role in present]


def _until_first_is_done(plan: Plan, roles: Sequence[Role]) -> Plan:
    """With iterations, the plan of the part in which all users are there; else the plan itself."""
    if plan.scenario.iterations is None:
        return plan
    within_s = min([plan.scenario.duration_s, *_done_after_s(plan, roles)])
    return replace(plan, scenario=replace(plan.scenario, duration_s=within_s))


def _nothing_of(target: Target, plan: Plan) -> Message | None:
    """Why no request that the target is about would be sent."""
    if target.role is not None and not plan.scenario.includes(target.role):
        return PlannedReason.ROLE_LEFT_OUT(role=target.role)
    if target.operation is not None and not plan.scenario.sends(target.operation):
        return PlannedReason.EXCLUDED(operation=target.operation)
    if target.role is not None and not plan.users_by_role.get(target.role):
        return PlannedReason.ROLE_ABSENT(role=target.role)
    return None


def _expected_rps(target: Target, plan: Plan, roles: Sequence[Role]) -> float:
    """Expected requests/s in the scope of the target if every answer takes as long as the response-time limit."""
    arrival, share = plan.scenario.arrival, _mean_share(target, plan.scenario)
    if arrival is not None:
        counted = None if target.role is None else [target.role]
        rate = _mean_rate(arrival) * share
        return arriving_rps(rate, plan.users_by_role, roles, operation=target.operation, counted=counted)
    counts = {slug: users for slug, users in plan.users_by_role.items() if target.role in (None, slug)}
    return share * offered_rps(counts, roles, response_limit_s(plan.targets) or 0.0, operation=target.operation)


def _mean_share(target: Target, scenario: Scenario) -> float:
    """The mean load over what the target is judged on, as a share of the most."""
    return mean_share(scenario.stages, _lengths(target, scenario))


def _lengths(target: Target, scenario: Scenario) -> dict[str, float]:
    """Name of each stage that the target is judged on → seconds of it that count."""
    steady = steady_lengths(scenario.stages, scenario.spawn_rate)
    if not target.stages:
        return steady
    return {
        stage.name: steady.get(stage.name, stage.duration_s) for stage in scenario.stages if stage.name in target.stages
    }


def _judged_s(target: Target, scenario: Scenario) -> float:
    """Seconds that the target is judged on."""
    return sum(_lengths(target, scenario).values()) if scenario.stages else steady_s(scenario)


def _mean_rate(arrival: Arrival) -> float:
    """Average actions per second over the plateau."""
    return arrival.rate if arrival.rate_end is None else (arrival.rate + arrival.rate_end) / 2


def _why_no_throughput(target: Target, plan: Plan, roles: Sequence[Role]) -> Message | None:
    offered = _expected_rps(target, plan, roles)
    if offered > target.limit:
        return None
    return PlannedReason.OFFERS_TOO_LITTLE(offered=figure("rps", offered), limit=target.limit)


def _why_no_percentile(target: Target, plan: Plan, roles: Sequence[Role]) -> Message | None:
    samples = _expected_rps(target, plan, roles) * _judged_s(target, plan.scenario)
    needed = samples_needed(PERCENTILES[target.metric])
    return None if samples >= needed else PlannedReason.TOO_FEW_SAMPLES(samples=round(samples), needed=needed)


def _why_no_reading(target: Target, plan: Plan) -> Message | None:
    component = target.metric.partition(".")[0]
    if component not in _monitored(plan):
        return PlannedReason.NOT_MONITORED(remedy=_REMEDIES.get(component, "give one of the --monitor options"))
    samples = _judged_s(target, plan.scenario)  # one a second
    enough = samples >= READINGS_NEEDED
    return None if enough else PlannedReason.TOO_FEW_SAMPLES(samples=round(samples), needed=READINGS_NEEDED)


def _why_not_lasting(plan: Plan) -> Message | None:
    if plan.scenario.duration_s < JUDGED_FROM_S:
        return PlannedReason.TOO_SHORT(needed_s=JUDGED_FROM_S)
    return None if "server" in _monitored(plan) else PlannedReason.NOT_MONITORED(remedy=_REMEDIES["server"])


def _monitored(plan: Plan) -> set[str]:
    """The components that are monitored, by options or by the demo."""
    options = {argument.partition("=")[0] for argument in plan.command}
    monitors = {option for option in _MONITORS if option in options}
    monitors |= {"--monitor-server"} if plan.demo else set()
    monitors |= {"--monitor-postgres", "--monitor-redis"} if plan.demo == "full" else set()
    return {component for option in monitors for component in ("machine", "pool", *_MONITORS[option])}


def render(plan: Plan, roles: Sequence[Role], generator: Sequence[str] = ()) -> str:
    """The plan as text. `generator`: what is known about the load processes that it needs."""
    sections = (
        heading_lines(plan),
        _stages(plan, roles),
        user_lines(plan, roles),
        _load(plan, roles),
        _generator(plan, generator),
        _targets(plan, roles),
    )
    return "\n".join(line for section in sections for line in section)


def heading_lines(plan: Plan) -> list[str]:
    """Scenario, target, and what is special about the run."""
    scenario = plan.scenario
    host = plan.host or f"the reference backend ({plan.demo}), on a free port"
    purpose = f", {scenario.purpose}" if scenario.purpose else ""
    lines = [f"Plan of scenario {scenario.name}{purpose}", f"  target   {host}"]
    lines += [f"  {term + ':':<12} {text}" for term, text in scenario.work]
    lines += _connection(plan)
    if plan.read_only:
        lines.append("  read-only: without operations that write")
    if plan.fingerprint:
        lines.append("  before the load: what each operation costs the database (--no-fingerprint leaves it out)")
    return lines


def _connection(plan: Plan) -> list[str]:
    """The settings of the connection and of the mapping, if there are any."""
    access, mapping = plan.access, plan.mapping
    parts = (
        ("CA file", access.ca_file),
        ("proxy", access.proxy),
        ("headers", ", ".join(access.header_names)),
        ("client certificate", access.client_cert),
        ("client key", access.client_key),
        ("repeated GETs", "" if access.retry else "off"),
        ("mapping", ", ".join(f"{ours} → {theirs}" for ours, theirs in (mapping.paths | mapping.roles).items())),
        ("allowed roles", "; ".join(f"{name}: {', '.join(roles)}" for name, roles in mapping.allowed.items())),
        ("rules off", "; ".join(f"{rule}: {', '.join(names)}" for rule, names in mapping.off.items())),
    )
    return [f"  {name:<8} {value}" for name, value in parts if value]


def _stages(plan: Plan, roles: Sequence[Role]) -> list[str]:
    scenario = plan.scenario
    if scenario.stages:
        return _own_stages(scenario)
    if scenario.iterations is not None:
        return _until_done(plan, roles)
    ramp, steady = ramp_s(scenario), steady_s(scenario)
    users = f"{plural(scenario.users, 'user')}, {setting(scenario.spawn_rate)} per second"
    ramp_up = f"{duration(min(ramp, scenario.duration_s)):>11}   to {users}"
    lines = [
        f"  duration {option_duration(scenario.duration_s)}",
        "Stages",
        f"  ramp-up  {ramp_up}",
    ]
    if steady <= 0:
        lines.append(
            f"  no plateau: the last user would start after {duration(ramp)}. Lengthen --duration or raise --spawn-rate"
        )
        return lines
    settling = scenario.duration_s - ramp - steady
    lines.append(f"  settling {duration(settling):>11}   not judged")
    lines.append(f"  steady   {duration(steady):>11}   judged")
    lines.append(_RAMP_DOWN)
    return lines


def _until_done(plan: Plan, roles: Sequence[Role]) -> list[str]:
    """The stages of a load that ends when all users have made their iterations."""
    scenario = _until_first_is_done(plan, roles).scenario
    most_s, ramp, steady = plan.scenario.duration_s, ramp_s(scenario), steady_s(scenario)
    last_s = ramp + max(_done_after_s(plan, roles))
    falls_s = min(last_s, most_s) - scenario.duration_s
    users = f"{plural(scenario.users, 'user')}, {setting(scenario.spawn_rate)} per second"
    lines = [
        f"  duration {_length(last_s, most_s)}",
        "Stages",
        f"  ramp-up  {duration(min(ramp, most_s)):>11}   to {users}",
    ]
    if steady <= 0:
        done = duration(scenario.duration_s)
        return [
            *lines,
            f"  no plateau: the first user is done after about {done}, before the last one has started."
            " Raise --iterations or --spawn-rate",
        ]
    return [
        *lines,
        f"  settling {duration(scenario.duration_s - ramp - steady):>11}   not judged",
        f"  steady   {duration(steady):>11}   judged{', until the first user is done' if falls_s else ''}",
        f"  ramp-down{duration(falls_s):>11}   until the last user is done" if falls_s else _RAMP_DOWN,
    ]


def _length(last_s: float, most_s: float) -> str:
    most = option_duration(most_s)
    if last_s <= most_s:
        return f"about {duration(last_s)}, at most {most}"
    return f"{most}: not all users are done by then, which takes about {duration(last_s)}. Lengthen --duration"


def _own_stages(scenario: Scenario) -> list[str]:
    """The stages of a scenario that has its own, one in a line."""
    steady = steady_lengths(scenario.stages, scenario.spawn_rate)
    width = max(len(stage.name) for stage in scenario.stages)
    lines = [f"  duration {option_duration(scenario.duration_s)}", "Stages"]
    for span in spans_of(scenario.stages):
        name = span.stage.name
        judged = f"steady for {duration(steady[name])}" if steady.get(name) else "not judged"
        lines.append(f"  {name:<{width}} {duration(span.stage.duration_s):>11}   {load_text(span)}, {judged}")
    return lines


def user_lines(plan: Plan, roles: Sequence[Role]) -> list[str]:
    """How many users each role has."""
    lines = ["Users by role"]
    for role in roles:
        users = plan.users_by_role[role.slug]
        note = ""
        if role.slug in plan.shared_accounts:
            accounts = plan.shared_accounts[role.slug]
            note = f"   share {accounts} account{'s' if accounts > 1 else ''}"
        elif role.slug in plan.absent_roles:
            note = f"   absent: all roles need at least {len(roles)} users"
        lines.append(f"  {number(users):>5}  {role.title}{note}")
    return lines


def _load(plan: Plan, roles: Sequence[Role]) -> list[str]:
    if (arrival := plan.scenario.arrival) is not None:
        if plan.scenario.stages:
            return [f"Open model: actions/s as the stages say, on {plural(plan.scenario.users, 'session')}"]
        kind = "at random gaps" if arrival.poisson else "at equal gaps"
        to = f" to {setting(arrival.rate_end)}" if arrival.rate_end is not None else ""
        requests = arriving_rps(_mean_rate(arrival), plan.users_by_role, roles)
        return [
            f"Open model: {setting(arrival.rate)}{to} actions/s {kind}, on {plan.scenario.users} sessions",
            f"  {number(requests):>7}  expected requests/s on the plateau, however slow the answers are",
        ]
    at_once = offered_rps(plan.users_by_role, roles, 0.0)
    where = "with the most users" if plan.scenario.stages else "on the plateau"
    lines = [f"Expected requests/s {where}", f"  {number(at_once):>7}  at 0 ms"]
    limit_s = response_limit_s(plan.targets)
    if limit_s is not None:
        at_limit = offered_rps(plan.users_by_role, roles, limit_s)
        lines.append(f"  {number(at_limit):>7}  at {limit_text('avg_ms', limit_s * 1000)}, the response-time limit")
    return lines


def _generator(plan: Plan, known: Sequence[str]) -> list[str]:
    lines = [*_workers(plan), *(f"  {line}" for line in known)]
    return ["Load generator", *lines] if lines else []


def _workers(plan: Plan) -> list[str]:
    """Which workers the run waits for, and how many users each load process gets."""
    if not plan.expect_workers:
        return []
    least, more = divmod(plan.scenario.users, plan.load_processes)
    each = f"{number(least)} or {number(least + 1)} users" if more else plural(least, "user")
    wait = duration(plan.expect_workers_max_wait_s)
    here = f" and {plural(plan.processes, 'load process', 'load processes')} on this machine" if plan.processes else ""
    lines = [
        f"  {plural(plan.expect_workers, 'worker')} from elsewhere{here}, {each} each",
        f"  they join at {plan.bind} within {wait}, each with: worker --master HOST:PORT of this machine",
    ]
    if plan.host and is_local(urlsplit(plan.host).hostname or ""):
        lines.append(f"  {plan.host} is, for each worker, its own machine")
    return lines


def _targets(plan: Plan, roles: Sequence[Role]) -> list[str]:
    lines = ["Targets"]
    for target in plan.targets:
        limit = f"{target.metric} {bound(target.metric, target.limit, below=target.below)}"
        reason = why_not_judged(target, plan, roles)
        if reason is not None:
            outcome = f"not judged: {reason}"
        elif plan.scenario.name in target.information_in:
            outcome = "shown as information"
        elif "." in target.metric or target.metric == LASTS_AT_LEAST:
            outcome = "judged where it can be read"
        else:
            outcome = "judged"
        if target.abort_after_s is not None and reason is None:
            outcome += f"; ends the run once missed for {duration(target.abort_after_s)}"
        lines.append(f"  {target.name}{_scope(target)} ({limit}): {outcome}")
    return lines


def _scope(target: Target) -> str:
    parts = [f"{kind} {name}" for kind, name in (("role", target.role), ("operation", target.operation)) if name]
    parts += [f"stage {name}" for name in target.stages]
    return f" of {', '.join(parts)}" if parts else ""
