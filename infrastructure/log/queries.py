"""The named statements of queries.sql: a line `-- name: what_it_does`, then the statement.

Statements are data beside the code; nothing here or elsewhere puts one together from strings.
"""

from importlib.resources import files
from typing import LiteralString

_MARK = "-- name: "


def load(package: str, filename: str) -> dict[str, LiteralString]:
    """The statements of a packaged file by their names.

    Raises:
        ValueError: two statements of one name.
    """
    text = files(package).joinpath(filename).read_text(encoding="utf-8")
    found: dict[str, LiteralString] = {}
    for part in text.split(_MARK)[1:]:
        name, _, statement = part.partition("\n")
        if name in found:
            raise ValueError(f"{filename}: two statements named {name}")
        found[name] = statement.strip().removesuffix(";")
    return found


QUERIES = load("infrastructure.log", "queries.sql")
