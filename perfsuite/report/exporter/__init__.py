"""Live metrics for Prometheus: what a run has recorded so far and where it stands, at an address of this machine.

exposition = Exposition()                       # told everything as a screen and a listener of the run
with serving(exposition, port) as address: …    # read there by Prometheus
"""

from perfsuite.report.exporter.endpoint import serving
from perfsuite.report.exporter.exposition import Exposition

__all__ = ["Exposition", "serving"]
