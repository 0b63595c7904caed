"""What the target does while it is loaded: its server, machine, pool, database and cache, on the clock of the load.

A run uses it like this

    sampler = Sampler(build_sources(Watch(...), SystemClock()), SystemClock(), ReadingsWriter(path))
    sampler.start()      # reads at every whole second from now on
    sampler.latest()     # for a live view
    sampler.stop()
    sampler.notes()      # what was missing, for the user
"""

from perfsuite.monitor.build import Watch, build_sources, check_watch
from perfsuite.monitor.minutes import MINUTES_FILE, read_minutes
from perfsuite.monitor.prometheus import Queries, read_queries
from perfsuite.monitor.readings import (
    FILE_NAME,
    READINGS_COLUMNS,
    ReadingsWriter,
    add_readings,
    latest_readings_of_load,
    read_readings,
    with_readings_of_load,
)
from perfsuite.monitor.sampler import STOP_WITHIN_S, ReadingSink, Sampler
from perfsuite.monitor.source import Clock, Source, SourceError, SystemClock

__all__ = [
    "FILE_NAME",
    "MINUTES_FILE",
    "READINGS_COLUMNS",
    "STOP_WITHIN_S",
    "Clock",
    "Queries",
    "ReadingSink",
    "ReadingsWriter",
    "Sampler",
    "Source",
    "SourceError",
    "SystemClock",
    "Watch",
    "add_readings",
    "build_sources",
    "check_watch",
    "latest_readings_of_load",
    "read_minutes",
    "read_queries",
    "read_readings",
    "with_readings_of_load",
]
