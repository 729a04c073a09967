"""What the act table says of an act, as far as a check of a log needs it."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

_MEMBER: Final = re.compile(r"\\\{[a-z_]+\\\}")


class ActRule(NamedTuple):
    """What an act becomes, and where it is posted: ``{members}`` are members of the statement.

    ``scope`` is what the ordering key must be for, ``cosigning`` the rule for who signs beside it,
    ``standings`` how the agencies of both may stand; without a scope none of this is known.
    """

    event: str
    path: str
    bulk_path: str = ""
    scope: str = ""
    cosigning: str = "none"
    standings: frozenset[str] = frozenset({"linked"})
    founders_only: bool = False

    def fits(self, path: str, statement: Mapping[str, Any] | None) -> bool:
        """Whether an order of this act may have been posted there; unopened members are free."""
        if self.bulk_path and path == self.bulk_path:
            return True
        if statement is not None:
            try:
                return path == self.path.format_map(statement)
            except (KeyError, ValueError, IndexError):
                return False
        return re.fullmatch(_MEMBER.sub("[^/]+", re.escape(self.path)), path) is not None
