"""Which checks a run allows, and why it does not allow the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from perfsuite.correctness.check import Check, CheckActor
from perfsuite.correctness.permissions import REFUSED_ROLE, REFUSED_TOKENS
from perfsuite.messages.checks import WhyNot
from perfsuite.model import ApiMapping, Plan, PreflightReport, Works
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.contract_rules import ROLES_BY_OPERATION

READ_ONLY = WhyNot.READ_ONLY()
READ_ONLY_STAGES = WhyNot.READ_ONLY_STAGES()
READ_ONLY_STAGE = WhyNot.READ_ONLY_STAGE()
NOT_OFFERED = WhyNot.NOT_OFFERED()
BROKEN = WhyNot.BROKEN()
LEFT_OUT = WhyNot.LEFT_OUT()
NO_ROLE = WhyNot.NO_ROLE()
NO_ACCOUNT = WhyNot.NO_ACCOUNT()
ONE_ACCOUNT = WhyNot.ONE_ACCOUNT()
NOT_ASKED_FOR = WhyNot.NOT_ASKED_FOR()
NO_SPARE_ACCOUNT = WhyNot.NO_SPARE_ACCOUNT()
OVER_BUDGET = WhyNot.OVER_BUDGET()
ENDED = WhyNot.ENDED()
SUITE_ERROR = WhyNot.SUITE_ERROR()


@dataclass(frozen=True, slots=True)
class Possible:
    """What a run allows.

    `accounts`: role slug → how many; `users`: role slug → how many use them. `without`: operation → why none is sent;
    `broken`: role and operation that fail without any load; `read_only`: why nothing may be written, "" where it may.
    `may_deactivate`: an account, for a moment. `mapping`: where the target differs from the contract by design.
    """

    accounts: Mapping[str, int]
    without: Mapping[str, str] = field(default_factory=dict)
    broken: Collection[tuple[str, str]] = ()
    read_only: str = ""
    users: Mapping[str, int] = field(default_factory=dict)
    may_deactivate: bool = True
    mapping: ApiMapping = field(default_factory=ApiMapping)

    def why_not(self, check: Check) -> str:
        """Why it cannot be made; "" where it can."""
        if is_off(check, self.mapping):
            return switched_off(self.mapping.file)
        if check.writes and self.read_only:
            return self.read_only
        for actor in check.actors:
            if actor.role not in self.accounts:
                return NO_ROLE
        operations = (check.operation, *check.uses)
        for operation in operations:
            if why := self.without.get(operation):
                return why
        working = check.uses if check.rule == REFUSED_ROLE else operations
        if any((actor.role, operation) in self.broken for actor in check.actors for operation in working):
            return BROKEN
        for actor in check.actors:
            if not actor.is_among(self.accounts[actor.role]):
                return ONE_ACCOUNT if self.accounts[actor.role] else NO_ACCOUNT
        if check.spare and not self.may_deactivate:
            return NOT_ASKED_FOR  # localhost may be a tunnel to a target of others
        return NO_SPARE_ACCOUNT if check.spare and not self._is_spare(check.actors[0]) else ""

    def _is_spare(self, actor: CheckActor) -> bool:
        """Users take the first accounts of the credentials, one each, and checks the first two."""
        place = actor.position % self.accounts[actor.role]
        return place >= max(self.users.get(actor.role, 0), 2)


def possible_in(plan: Plan, preflight: PreflightReport, accounts: Mapping[str, int]) -> Possible:
    """What a run with this plan allows at the target that preflight saw. `accounts`: role slug → how many."""
    without = dict.fromkeys(CATALOGUE.keys() - set(preflight.offered), NOT_OFFERED)
    for check in preflight.checks:
        if check.works is Works.LEFT_OUT:
            without.setdefault(check.operation, LEFT_OUT)
    without |= {name: LEFT_OUT for name in CATALOGUE if not plan.scenario.sends(name)}
    broken = {(each.role, each.operation) for each in preflight.checks if each.works is Works.BROKEN}
    stages, read_only = plan.scenario.stages, ""
    if plan.read_only:
        read_only = READ_ONLY
    elif stages and all(stage.read_only for stage in stages):
        read_only = READ_ONLY_STAGES
    return Possible(accounts, without, broken, read_only, plan.users_by_role, plan.may_deactivate, plan.mapping)


def switched_off(file: str) -> str:
    """Why a check is not made that the mapping in this file leaves out."""
    return WhyNot.SWITCHED_OFF(file=file)


def is_off(check: Check, mapping: ApiMapping) -> bool:
    """Whether the file says that the rule does not apply to the operation, or not to a role that it lets in or
    refuses."""
    if mapping.is_off(check.rule, check.operation):
        return True
    role, by_contract = check.actors[0].role, ROLES_BY_OPERATION.get(check.operation, frozenset())
    allowed = mapping.allowed.get(check.operation, by_contract)
    if role in by_contract:
        return role not in allowed and check.rule not in (REFUSED_ROLE, *REFUSED_TOKENS.values())
    return role in allowed and check.rule == REFUSED_ROLE
