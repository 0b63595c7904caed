"""The seven roles of the platform, one file each."""

from perfsuite.model.role import Role
from perfsuite.roles import (
    junior_agent,
    policyholder,
    provider_admin,
    regional_manager,
    senior_agent,
    super_admin,
    support_staff,
)

ROLES: tuple[Role, ...] = (
    super_admin.ROLE,
    provider_admin.ROLE,
    regional_manager.ROLE,
    senior_agent.ROLE,
    junior_agent.ROLE,
    policyholder.ROLE,
    support_staff.ROLE,
)
"""In the order of the API contract, which every table follows."""
