"""Two roles for tests of the plan."""

from perfsuite.model.role import Behaviour, Role, Step

_WORK = (Behaviour("work", 1, (Step("users.me"), Step("policies.list"))),)
ROLES = (
    Role("agent", "Agent", ("api_agent",), 1, 1.0, 1.0, _WORK),
    Role("customer", "Customer", ("api_customer",), 3, 2.0, 4.0, _WORK),
)
