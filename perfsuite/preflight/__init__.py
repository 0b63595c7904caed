"""Before any load: is the target there, is it ours, what does it offer, does every operation work once per role."""

from perfsuite.preflight.offer import Offer, look_at
from perfsuite.preflight.progress import Teller
from perfsuite.preflight.run import preflight

__all__ = ["Offer", "Teller", "look_at", "preflight"]
