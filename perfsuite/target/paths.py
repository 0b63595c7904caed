"""Where the target has what the contract names: the paths of the catalogue through a mapping."""

from __future__ import annotations

from collections.abc import Mapping

from perfsuite.target.catalogue import CATALOGUE

OPENAPI = "/openapi.json"
HEALTH = "/health"
HEALTH_SYSTEM = "/api/v1/health/system"
BESIDE = (OPENAPI, HEALTH_SYSTEM)
"""Paths that are asked for beside the operations of the catalogue."""

REST = "*"
"""At the end of a path of a mapping: all paths that begin so."""


def contract_paths() -> tuple[str, ...]:
    """Every path of the contract that the suite asks for, without queries."""
    return tuple(dict.fromkeys([*(operation.template for operation in CATALOGUE.values()), *BESIDE]))


def deployed(path: str, mapping: Mapping[str, str]) -> str:
    """Where the target has a path of the contract, its query kept. A whole path goes before a beginning, the longest
    beginning before shorter ones."""
    template, mark, query = path.partition("?")
    if template in mapping:
        return mapping[template] + mark + query
    beginnings = [key for key in mapping if key.endswith(REST) and template.startswith(key.removesuffix(REST))]
    if not beginnings:
        return path
    longest = max(beginnings, key=len)
    return mapping[longest].removesuffix(REST) + path.removeprefix(longest.removesuffix(REST))


def deployed_paths(mapping: Mapping[str, str]) -> dict[str, str]:
    """Operation → its path at the target, for those that are elsewhere than the contract says."""
    found = {name: deployed(operation.path, mapping) for name, operation in CATALOGUE.items()}
    return {name: path for name, path in found.items() if path != CATALOGUE[name].path}
