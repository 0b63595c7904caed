"""The live page's server: a few files and one stream of states, for this machine only. It knows nothing of runs."""

from perfsuite.report.web.server import DEFAULT_PORT, PageServer

__all__ = ["DEFAULT_PORT", "PageServer"]
