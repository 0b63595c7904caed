"""Before any load: is the target there, is it ours, what does it offer, does every operation work once per role."""

from perfsuite.preflight.left_out import anyway, not_removable, without_creations
from perfsuite.preflight.offer import Offer, look_at
from perfsuite.preflight.progress import Teller
from perfsuite.preflight.run import preflight

__all__ = ["Offer", "Teller", "anyway", "look_at", "not_removable", "preflight", "without_creations"]
