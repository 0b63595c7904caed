"""One bare GET an iteration, as a declarative plan: no Python runs during the test."""

import k9
import k9.plan as p

plan = p.Plan([p.get(k9.env["HOST"] + "/health")])
