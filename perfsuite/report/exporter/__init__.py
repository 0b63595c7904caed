"""Live metrics for Prometheus: what a run has recorded so far and where it stands, at an address of this machine.

exposition = Exposition()                       # a screen and a listener of the run
with serving(exposition, port) as address: …    # Prometheus reads it there
"""

from perfsuite.report.exporter.exposition import Exposition, serving

__all__ = ["Exposition", "serving"]
