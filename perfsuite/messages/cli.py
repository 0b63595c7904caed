"""Errors of the command line, and what commands say beside their results."""

from __future__ import annotations

from perfsuite.messages import Code

_HELP = "\nSee {program} --help"


class CliMessage(Code):
    """Errors of the command line."""

    SYNTAX = "{text}" + _HELP
    UNKNOWN_OPTION = "unknown option {option}{hint}" + _HELP
    UNKNOWN_COMMAND = "unknown command {command!r}{hint}" + _HELP
    OPTION_OF_OTHERS = "{option} is no option of {command}, but of {owners}\nSee {program} {command} --help"
    ARGUMENT_MISSING = "{command}: {argument} is missing, as in: {program} {example}"
    ARGUMENT_UNEXPECTED = "{command}: unexpected argument {argument!r}; write it as in: {program} {example}"
    SEVERAL_VALUES = "{place}: must be a single value, not a list"

    # what a call does not use
    IGNORED = "{place}: ignored because of {other} ({where})"
    IGNORED_WITHOUT = "{place}: ignored without {other}"
    VARIABLE_NOT_READ = "note: the variable {name} is not read{hint}"

    # commands
    WORKER_WITHOUT_MASTER = "worker: name the master of the run, as in: {program} {example}"
    ACCOUNTS_OF_DEMO = "Demo: workers of this machine log in with --credentials {path}"
    QUERIES_WITHOUT_SERVER = "--monitor-prometheus-queries needs the server to ask: add --monitor-prometheus URL"
    EMPTY_GROUP = "compare: {names!r} names no run; name a run, a release or a baseline, as in last:5"
    ALL_OF_INDEX = "--all goes with: history index"
    OPTION_OF_LIST = "{option} goes with the list of runs: leave it out, or leave out {what}"
    OPTIONS_OF_SAVE = "--run and --file go with baseline save"
    BASELINE_WITHOUT_NAME = "baseline {what}: name the baseline, as in baseline {what} main"
    BASELINE_WITHOUT_RUNS = "baseline save {name}: name its runs, as in --run last:5"
    BASELINE_NAME = "{name!r} is no name for a baseline: letters, digits, '.', '_' and '-', at most 80"
    NO_BASELINE = "{name}: no such baseline in {where}; baseline list shows what there is"
    RUNS_NOT_COMPARED = "the runs were made, and then: {why}"
    NOISE_OF_SEVERAL = "noise: measures one scenario at a time; give --scenario once"
    FINGERPRINT_WITHOUT_DATABASE = (
        "fingerprint reads pg_stat_statements: name the target's database with --monitor-postgres DSN,\n"
        "or try it with --demo full"
    )
    TWO_COMPARISONS = "--against and --baseline are two things to compare with: give one of them"
    FAULT_OF_NO_DEMO = "--against-fault works on a second demo only: leave out --against, or write --against demo"
    MONITOR_OF_ONE = (
        "{option} monitors one target, which costs it something: leave it out with --against,\n"
        "or make the runs of each target by themselves and compare them"
    )
    SECOND_DEMO_ALONE = "--against demo is a second demo: add --demo, or give the URL of another target"
