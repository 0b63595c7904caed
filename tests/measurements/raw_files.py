"""Files of raw samples read back, as any tool can read them."""

from __future__ import annotations

import csv
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.raw_samples import EXPIRED
from perfsuite.measurements.records import Record, Requests

Counts = dict[tuple[int, str, str, str, str], dict[int, int]]
"""Second, role, behaviour, operation and what was counted → bucket → requests."""


def lines_of(path: Path) -> list[str]:
    """All whole lines, also of a file that has no end."""
    text = zlib.decompressobj(wbits=31).decompress(path.read_bytes()).decode()
    return text[: text.rfind("\n")].split("\n")


def rows_of(*paths: Path) -> list[dict[str, str]]:
    """The requests of several files."""
    return [
        row for path in paths for row in csv.DictReader(line for line in lines_of(path) if not line.startswith("#"))
    ]


def counts_of_rows(rows: Iterable[dict[str, str]]) -> Counts:
    """Histograms of response, service, server, connect and TLS times, made from single requests."""
    found: dict[tuple[int, str, str, str, str], Histogram] = defaultdict(Histogram)
    expired: Counter[tuple[int, str, str, str]] = Counter()
    for row in rows:
        key = (int(row["due_us"]) // 1_000_000, row["role"], row["behaviour"], row["operation"])
        if row["failure"] == EXPIRED:
            expired[key] += 1
            continue
        found[*key, "failed" if row["failure"] else "ok"].add(int(row["response_us"]))
        for part, column in (("service", "service_us"), ("server", "server_us"), ("connects", "connect_us")):
            if row[column]:
                found[*key, part].add(int(row[column]))
        if row["tls_us"]:
            found[*key, "tls"].add(int(row["tls_us"]))
    return {key: histogram.counts for key, histogram in found.items()} | {
        (*key, EXPIRED): {0: count} for key, count in expired.items()
    }


def counts_of_records(records: Iterable[Record]) -> Counts:
    """The same from the records of a run."""
    found: defaultdict[tuple[int, str, str, str, str], Counter[int]] = defaultdict(Counter)
    for record in records:
        if not isinstance(record, Requests):
            continue
        key = (record.second, record.role, record.behaviour, record.operation)
        for part in ("ok", "failed", "service", "server", "connects", "tls"):
            found[*key, part].update(getattr(record, part).counts)
        found[*key, EXPIRED].update({0: record.expired} if record.expired else {})
    return {key: dict(counts) for key, counts in found.items() if counts}
