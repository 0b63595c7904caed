"""The suite's own command line, with the roles of another module:

python -m bench.generators.own_roles MODULE [the options of run_performance_tests.py]
"""

from __future__ import annotations

import importlib
import sys
from functools import partial

from perfsuite import roles
from perfsuite.cli.main import main
from perfsuite.model import Plan

if __name__ == "__main__":
    module = sys.argv[1]
    roles.ROLES = importlib.import_module(module).ROLES  # before the commands import it
    from perfsuite.plan import build

    build.Plan = partial(Plan, roles_module=module)  # type: ignore[misc, assignment]
    sys.exit(main(sys.argv[2:]))
