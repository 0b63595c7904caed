"""The command line: parse, call, print, return the exit code."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from perfsuite import __version__, pipeline
from perfsuite.api.catalogue import CATALOGUE
from perfsuite.api.way import Way
from perfsuite.arguments import COMMANDS, PROGRAM, command_parser, options_of, reaching_of, run_parser
from perfsuite.demo.alone import BackendSettings, start_backend
from perfsuite.demo.client import Demo, DemoSettings, running_demo
from perfsuite.demo.faults import check_faults
from perfsuite.desk import Desk, Screen
from perfsuite.errors import (
    EXIT_FAIL,
    EXIT_INTERRUPTED,
    EXIT_PASS,
    EXIT_TARGET,
    LoadError,
    SuiteError,
    TargetError,
    UsageError,
)
from perfsuite.exposition import Exposition, serving
from perfsuite.fingerprint import FILE_NAME as FINGERPRINT_FILE
from perfsuite.fingerprint import (
    compare,
    not_compared,
    read_fingerprint,
    render_differences,
    render_fingerprint,
)
from perfsuite.hosts import HostRules, checked_url
from perfsuite.interrupts import Interrupts
from perfsuite.judge import severest
from perfsuite.leftovers import clean
from perfsuite.model import Plan, RunReport, Target, Works
from perfsuite.model.fingerprint import Fingerprint
from perfsuite.model.monitor import METRICS
from perfsuite.monitor import Queries, Watch, check_watch, read_queries
from perfsuite.output import settle, silence, writing_to
from perfsuite.plan import dry_run
from perfsuite.plan.access import reached_again
from perfsuite.plan.build import DEFAULT_HOST, Ground, Inputs, Options, build, read_inputs, with_demo
from perfsuite.plan.credentials import read_accounts
from perfsuite.plan.scenarios import STANDARD_SCENARIOS, read_scenarios
from perfsuite.plan.targets import Known, read_targets
from perfsuite.report.console import render_many, render_summary
from perfsuite.report.files import write_all
from perfsuite.report.short import render_preflight, render_verdict
from perfsuite.roles import ROLES
from perfsuite.run_files import PLAN_FILE, load
from perfsuite.screen import PageScreen, PlainScreen, QuietScreen, Screens, live_page, screen_for

PAUSE_BETWEEN_S = 10.0
_MIN_WIDTH, _MAX_WIDTH = 80, 120


def main(argv: Sequence[str]) -> int:
    """Do what the command line says; the exit code. The only place that catches the suite's errors."""
    with Interrupts() as interrupts:
        try:
            return _command(list(argv), interrupts)
        except SuiteError as error:
            _err(str(error))
            return error.exit_code
        except KeyboardInterrupt:
            _err("Interrupted.")
            return EXIT_INTERRUPTED
        finally:
            settle(sys.stdout)


def _command(argv: list[str], interrupts: Interrupts) -> int:
    if argv and argv[0] in COMMANDS:
        handler = _HANDLERS[argv[0]]
        return handler(command_parser(argv[0]).parse_args(argv[1:]), argv, interrupts)
    arguments = run_parser().parse_args(argv)
    return _run(arguments, argv, interrupts)


def _ground() -> Ground:
    return Ground(ROLES, tuple(CATALOGUE), __version__, os.environ)


# ── running load ────────────────────────────────────────────────────────────────────────────────────


def _run(arguments: argparse.Namespace, argv: list[str], interrupts: Interrupts) -> int:
    options, ground = options_of(arguments, (PROGRAM, *argv)), _ground()
    inputs = _inputs(arguments, options, ground)
    check_watch(replace(_watch(arguments, None), way=Way(inputs.host or DEFAULT_HOST)))
    if options.dry_run:
        for scenario in inputs.scenarios:
            _out(dry_run.render(build(options, inputs, scenario, ground, datetime.now(UTC)), ROLES))
        return EXIT_PASS
    screen = _screen(options)
    with ExitStack() as stack:
        page = _page(stack, arguments)
        exposition = _exposition(stack, arguments)
        screens = Screens([screen, *(also for also in (page, exposition) if also)])
        inputs, demo = _started(stack, arguments, options, inputs, screens)
        summary_file = os.environ.get("GITHUB_STEP_SUMMARY")
        desk = Desk(
            options.results,
            screens,
            interrupts,
            request_log=demo.request_log if demo else None,
            step_summary=Path(summary_file) if summary_file else None,
            watch=_watch(arguments, demo),
            listener=exposition,
            headers=inputs.reached.headers,
        )
        return _run_scenarios(options, inputs, ground, desk, page)


def _inputs(arguments: argparse.Namespace, options: Options, ground: Ground) -> Inputs:
    if arguments.fault and not options.demo:
        raise UsageError("--fault works on the reference backend only: add --demo, or leave --fault out")
    if options.demo and arguments.credentials is not None:
        raise UsageError("--demo makes accounts of its own: leave out --credentials, or leave out --demo")
    check_faults(arguments.fault or ())
    return read_inputs(options, ground)


def _started(
    stack: ExitStack, arguments: argparse.Namespace, options: Options, inputs: Inputs, screen: Screen
) -> tuple[Inputs, Demo | None]:
    """The inputs pointed at a running target, and the demo where it is one."""
    if not options.demo:
        return inputs, None
    screen.say(f"Demo: starting the reference backend ({options.demo})")
    settings = DemoSettings(faults=tuple(arguments.fault or ()))
    demo = stack.enter_context(running_demo(options.demo, settings))
    return with_demo(inputs, demo.host, demo.credentials, _ground()), demo


def _page(stack: ExitStack, arguments: argparse.Namespace) -> PageScreen | None:
    """The live page while the command lasts; None where it was not asked for. Its address is told even when quiet."""
    if arguments.web is None:
        return None
    page = stack.enter_context(live_page(arguments.web))
    _out(f"Live page: {page.address}")
    return page


def _exposition(stack: ExitStack, arguments: argparse.Namespace) -> Exposition | None:
    """What Prometheus reads while the command lasts; None where it was not asked for."""
    if arguments.metrics_port is None:
        return None
    exposition = Exposition()
    _out(f"Metrics: {stack.enter_context(serving(exposition, arguments.metrics_port))}")
    return exposition


def _watch(arguments: argparse.Namespace, demo: Demo | None) -> Watch:
    """What was asked to be watched; everything of a demo. Run and way are filled in by the run."""
    return Watch(
        run_id="",
        way=Way(""),
        server=arguments.monitor_server or (str(demo.pid) if demo else None),
        postgres_dsn=arguments.monitor_postgres or (demo.postgres_dsn if demo else None),
        redis_url=arguments.monitor_redis or (demo.redis_url if demo else None),
        prometheus_url=arguments.monitor_prometheus,
        queries=_queries(arguments),
    )


def _queries(arguments: argparse.Namespace) -> Queries:
    if arguments.monitor_prometheus_queries is None:
        return Queries()
    if arguments.monitor_prometheus is None:
        raise UsageError("--monitor-prometheus-queries: name the server to ask, too: --monitor-prometheus URL")
    return read_queries(arguments.monitor_prometheus_queries)


def _run_scenarios(options: Options, inputs: Inputs, ground: Ground, desk: Desk, page: PageScreen | None) -> int:
    reports: list[RunReport] = []
    codes: list[int] = []
    for number, scenario in enumerate(inputs.scenarios):
        if number:
            pipeline.pause(PAUSE_BETWEEN_S, desk)
        plan = build(options, inputs, scenario, ground, datetime.now(UTC))
        try:
            report, folder = pipeline.run(plan, inputs.accounts, desk)
        except (TargetError, LoadError) as error:
            _err(str(error))
            if page:
                page.run_failed(str(error))
            codes.append(error.exit_code)
            break  # what kept this one from running keeps the next one too
        if page:
            page.run_over(report, folder)
        reports.append(report)
        codes.append(EXIT_INTERRUPTED if desk.interrupts.count else report.verdict.exit_code)
        render = render_verdict if options.quiet else partial(render_summary, folder=folder)
        _out(render(report, width=_width(), color=_color(options.color)))
        if codes[-1] == EXIT_INTERRUPTED:
            if report.verdict.exit_code != EXIT_INTERRUPTED:
                _err("Interrupted after the load: its figures and its verdict are whole.")
            break
    if len(inputs.scenarios) > 1 and reports:
        _out(render_many(reports, width=_width(), color=_color(options.color)))
    return severest(codes) if len(codes) > 1 else codes[0]


# ── the other commands ──────────────────────────────────────────────────────────────────────────────


def _preflight(arguments: argparse.Namespace, argv: list[str], interrupts: Interrupts) -> int:
    options, ground = options_of(arguments, (PROGRAM, *argv)), _ground()
    inputs = _inputs(arguments, options, ground)
    screen = _screen(options)
    with ExitStack() as stack:
        inputs, _demo = _started(stack, arguments, options, inputs, screen)
        plan = build(options, inputs, inputs.scenarios[0], ground, datetime.now(UTC))
        report = pipeline.only_preflight(plan, inputs.accounts, _desk(options, inputs, screen, interrupts))
    _out(render_preflight(report, width=_width(), color=_color(options.color)))
    broken = any(check.works is Works.BROKEN for check in report.checks)
    return EXIT_TARGET if broken and not options.tolerate_broken else EXIT_PASS


def _fingerprint(arguments: argparse.Namespace, argv: list[str], interrupts: Interrupts) -> int:
    before = read_fingerprint(arguments.against) if arguments.against else None
    width = max(_width(), 100)
    if arguments.run:
        taken, where = read_fingerprint(arguments.run), ""
    else:
        taken, folder = _take_fingerprint(arguments, argv, interrupts)
        where = f"\nKept in {folder / FINGERPRINT_FILE}"
    _out(render_fingerprint(taken, width) + where)
    if before is None:
        return EXIT_PASS
    differences = compare(before, taken)
    _out(f"\nAgainst {before.run_id}, taken at {before.taken_at}")
    _out(render_differences(differences, not_compared(before, taken)))
    return EXIT_FAIL if any(difference.worse for difference in differences) else EXIT_PASS


def _take_fingerprint(
    arguments: argparse.Namespace, argv: list[str], interrupts: Interrupts
) -> tuple[Fingerprint, Path]:
    options, ground = options_of(arguments, (PROGRAM, *argv)), _ground()
    if not arguments.monitor_postgres and options.demo != "full":
        raise UsageError(
            "fingerprint reads pg_stat_statements: name the target's database with --monitor-postgres DSN,\n"
            "or try it with --demo full"
        )
    inputs = _inputs(arguments, options, ground)
    check_watch(Watch("", Way(inputs.host or DEFAULT_HOST), postgres_dsn=arguments.monitor_postgres))
    screen = _screen(options)
    with ExitStack() as stack:
        inputs, demo = _started(stack, arguments, options, inputs, screen)
        plan = build(options, inputs, inputs.scenarios[0], ground, datetime.now(UTC))
        desk = _desk(options, inputs, screen, interrupts)
        dsn = arguments.monitor_postgres or (demo.postgres_dsn if demo else "") or ""
        return pipeline.only_fingerprint(plan, inputs.accounts, desk, dsn)


def _desk(options: Options, inputs: Inputs, screen: PlainScreen, interrupts: Interrupts) -> Desk:
    """For what looks at the target without a load."""
    return Desk(options.results, screen, interrupts, headers=inputs.reached.headers)


def _report(arguments: argparse.Namespace, _argv: list[str], _interrupts: Interrupts) -> int:
    for path in write_all(pipeline.report_of(arguments.run), arguments.run):
        if not arguments.quiet:
            _out(str(path))
    return EXIT_PASS


def _judge(arguments: argparse.Namespace, _argv: list[str], _interrupts: Interrupts) -> int:
    report = pipeline.report_of(arguments.run, targets=_other_targets(arguments))
    render = render_verdict if arguments.quiet else render_summary
    _out(render(report, width=_width(), color=_color(not arguments.no_color)))
    return report.verdict.exit_code


def _other_targets(arguments: argparse.Namespace) -> tuple[Target, ...] | None:
    if arguments.targets is None:
        return None
    scenario = load(arguments.run / PLAN_FILE, Plan).scenario.name
    names = {scenario, *STANDARD_SCENARIOS, *read_scenarios(arguments.scenarios).scenarios}
    known = Known([role.slug for role in ROLES], sorted(CATALOGUE), sorted(names), sorted(METRICS))
    return read_targets(arguments.targets, known)


def _cleanup(arguments: argparse.Namespace, _argv: list[str], interrupts: Interrupts) -> int:
    plan = load(arguments.run / PLAN_FILE, Plan)
    if plan.demo:
        _out("This run loaded a demo backend, which is gone with all that was in it.")
        return EXIT_PASS
    configured = read_scenarios(arguments.scenarios).allowed_hosts
    extra = tuple(arguments.allow_host or ())
    checked_url(plan.host, HostRules(configured, extra, arguments.i_accept_production_load))
    plan, headers = reached_again(plan, reaching_of(arguments), os.environ)
    # A Super Admin removes everything; which roles else the file holds does not matter here.
    accounts = read_accounts(arguments.credentials, ROLES, os.environ, plan.mapping.roles)
    desk = Desk(arguments.run.parent, PlainScreen(sys.stdout), interrupts, headers=headers)
    done = clean(plan, accounts, arguments.run, desk)
    if done is None or not (done.created or done.not_restored):
        _out("Nothing is left to remove.")
        return EXIT_PASS
    for line in done.not_restored:
        _out(f"not put back: {line}")
    return EXIT_TARGET if done.not_removed or done.not_restored else EXIT_PASS


def _backend(arguments: argparse.Namespace, _argv: list[str], _interrupts: Interrupts) -> int:
    check_faults(arguments.fault or ())
    process = start_backend(
        BackendSettings(
            port=arguments.port,
            seed_factor=arguments.seed_factor,
            faults=tuple(arguments.fault or ()),
            request_log=arguments.request_log,
            credentials_out=arguments.credentials_out,
            database_url=arguments.database_url,
            redis_url=arguments.redis_url,
        )
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        return EXIT_PASS


_HANDLERS: dict[str, Callable[[argparse.Namespace, list[str], Interrupts], int]] = {
    "preflight": _preflight,
    "report": _report,
    "judge": _judge,
    "fingerprint": _fingerprint,
    "cleanup": _cleanup,
    "backend": _backend,
}


# ── output ──────────────────────────────────────────────────────────────────────────────────────────


def _screen(options: Options) -> PlainScreen:
    return QuietScreen(sys.stdout) if options.quiet else screen_for(sys.stdout, color=_color(options.color))


def _width() -> int:
    return min(max(shutil.get_terminal_size((_MIN_WIDTH, 24)).columns, _MIN_WIDTH), _MAX_WIDTH)


def _color(asked: bool) -> bool:
    return asked and sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _out(text: str) -> None:
    with writing_to(sys.stdout):
        print(text, flush=True)  # noqa: T201  this module is the one that prints


def _err(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201
    except OSError:
        silence(sys.stderr)  # nobody is left to be told; the exit code says it
