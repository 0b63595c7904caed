"""The reference backend on its own."""

from __future__ import annotations

from perfsuite.cli.options import BackendOptions
from perfsuite.cli.terminal import Invocation
from perfsuite.demo.backend import BackendSettings, check_faults, faults_of, start_backend
from perfsuite.errors import EXIT_PASS


def backend(call: Invocation[BackendOptions]) -> int:
    """Run it until Ctrl-C."""
    options = call.options
    check_faults(options.faults)
    process = start_backend(
        BackendSettings(
            port=options.port,
            seed_factor=options.seed_factor,
            faults=faults_of(options.faults, as_deployed=options.as_deployed),
            request_log=options.request_log,
            credentials_out=options.credentials_out,
        ),
        options.database_url,
        options.redis_url,
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        return EXIT_PASS
