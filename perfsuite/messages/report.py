"""Errors of the report and its pages."""

from __future__ import annotations

from perfsuite.messages import Code


class ReportMessage(Code):
    """What keeps a page from being shown."""

    PORT_IN_USE = "--web: port {port} is already in use; choose another (--web PORT) or any free one (--web 0)"
    PORT_UNAVAILABLE = "--web: port {port}: {why}; choose another (--web PORT) or any free one (--web 0)"
