"""k9-load: scripts in Python or declarative plans, engine in Rust."""

from __future__ import annotations

from bench.generators.process_tree import Command
from bench.generators.tools.k6 import EXPORT, STATISTICS, exported
from bench.generators.work import SCRIPTS, Kind, Outcome, Work


class K9Load:
    """`program`: the executable. `declarative`: plans, which only bare requests are written as here."""

    beside_s = 2

    def __init__(self, program: str, *, declarative: bool) -> None:
        self._program = program
        self.name = "k9-load, plan" if declarative else "k9-load, Python script"
        self.kinds = frozenset({Kind.BARE}) if declarative else frozenset(Kind) - {Kind.BARE}

    def command(self, work: Work) -> Command:
        """The script for this work; a fixed rate has its users and length in the script."""
        script = {Kind.BARE: "plan.py", Kind.MIX: "mix.py", Kind.IDLE: "idle.py"}.get(work.kind, "get.py")
        size = () if work.kind is Kind.ARRIVALS else ("-u", str(work.users), "-d", f"{work.seconds}s")
        given = [word for name, value in work.variables.items() for word in ("-e", f"{name}={value}")]
        export = ("--summary-trend-stats", STATISTICS, "--summary-export", str(work.folder / EXPORT))
        words = (self._program, "run", "-q", "--no-color", *size, *given, *export, str(SCRIPTS / "k9" / script))
        return Command(words, work.folder, {"PYTHONDONTWRITEBYTECODE": "1"})

    def outcome(self, work: Work, output: str) -> Outcome:
        """From its exported summary."""
        return exported(work.folder / EXPORT)
