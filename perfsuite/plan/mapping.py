"""`target.toml`: where the deployed API has another path or role name than the contract.

    schema = 1

    [path]
    "/api/v1/policies/" = "/api/v2/policies/"   # this path
    "/api/v1/leads/*" = "/crm/leads/*"          # every path that begins so

    [role]
    provider_admin = "insurer_admin"            # in the credentials file and in the answers

Schema history
    1   first layout
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from perfsuite.errors import UsageError, nearest
from perfsuite.model import ApiMapping
from perfsuite.plan.tables import Table, read_tables
from perfsuite.target.paths import REST, contract_paths

_NAMED = re.compile(r"\{(\w+)\}")
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()+,;=:@%/-]*", re.ASCII)


def read_mapping(path: Path, roles: Collection[str]) -> ApiMapping:
    """The content of the file; `roles`: the slugs that there are. Raises UsageError naming file, table and key."""
    top = read_tables(path)
    top.only(("schema", "path", "role"))
    paths, names = top.table("path"), top.table("role")
    names.only(roles)
    return ApiMapping(
        {key: _deployed_path(paths, key) for key in paths.values},
        {key: names.text(key) for key in names.values},
    )


def _deployed_path(table: Table, key: str) -> str:
    """Where the contract's path `key` is."""
    known = contract_paths()
    if key.endswith(REST):
        if not any(path.startswith(key.removesuffix(REST)) for path in known):
            raise UsageError(f"{table.place_of(key)} {key}: no path of the contract begins so")
    elif key not in known:
        hint = nearest(key, known) or ". The paths of the contract are in docs/real-backend.md"
        raise UsageError(f"{table.place_of(key)} unknown path {key!r}{hint}")
    value = table.text(key)
    if value.endswith(REST) != key.endswith(REST):
        raise table.wrong(key, f"the {REST} has to be at the end of both paths, or of none")
    if not _PATH.fullmatch(_NAMED.sub("", value.removesuffix(REST))):
        raise table.wrong(key, 'must be a path without a query, such as "/api/v2/policies/"')
    if sorted(_NAMED.findall(value)) != sorted(_NAMED.findall(key)):
        ids = ", ".join(f"{{{name}}}" for name in _NAMED.findall(key)) or "none"
        raise table.wrong(key, f"must have the same {{names}} of ids as the contract's path ({ids})")
    return value
