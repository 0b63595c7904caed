"""What each operation costs the database: one user at a time, each operation alone, pg_stat_statements around it."""

from perfsuite.fingerprint.compare import compare, not_compared
from perfsuite.fingerprint.files import AFTER_FILE, FILE_NAME, read_fingerprint, write_fingerprint
from perfsuite.fingerprint.render import (
    difference_text,
    flags,
    render_differences,
    render_fingerprint,
    render_short,
    spread_text,
    suspicion_text,
)
from perfsuite.fingerprint.run import FingerprintSettings, fingerprint
from perfsuite.fingerprint.unanswered import rows_read_in_vain

__all__ = [
    "AFTER_FILE",
    "FILE_NAME",
    "FingerprintSettings",
    "compare",
    "difference_text",
    "fingerprint",
    "flags",
    "not_compared",
    "read_fingerprint",
    "render_differences",
    "render_fingerprint",
    "render_short",
    "rows_read_in_vain",
    "spread_text",
    "suspicion_text",
    "write_fingerprint",
]
