"""Rows as PostgreSQL's COPY reads them in its text format (COPY, section "Text Format").

A read model is filled by tens of thousands of rows a second, so a page's rows become one block of
text here, and not one call of the driver each.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection, sql

_COPY: Final = sql.SQL("COPY {table} ({columns}) FROM STDIN")
_NULL: Final = "\\N"
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def document(value: Any) -> str:
    """A value of a `jsonb` column."""
    return _NULL if value is None else _string(_JSON.encode(value))


def plain(value: Any) -> str:
    """A value of any other column: None, text, integer, truth, UUID or list of text.

    Raises:
        KeyError: a value of another type.
    """
    return _PLAIN[type(value)](value)


def lines(rows: Sequence[Sequence[Any]], columns: Sequence[Callable[[Any], str]]) -> str:
    """Rows (at least one), each with as many values as there are columns, as lines.

    Works column by column, because what is asked of each value there is asked of all at once.
    """
    texts = [
        _column(values, encode)
        for encode, values in zip(columns, zip(*rows, strict=True), strict=True)
    ]
    return "\n".join(map("\t".join, zip(*texts, strict=True))) + "\n"


def _column(values: Sequence[Any], encode: Callable[[Any], str]) -> Iterable[str]:
    if encode is plain:
        types = set(map(type, values))
        if types == {str} and _harmless("".join(values)):
            return values
        if len(types) == 1:
            return map(_PLAIN[types.pop()], values)
    return map(encode, values)


async def copy_in(
    conn: AsyncConnection[Any], table: str, columns: Sequence[str], block: str
) -> None:
    """Send a block of lines into the columns of a table."""
    statement = _COPY.format(
        table=sql.Identifier(table), columns=sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    async with conn.cursor() as cursor, cursor.copy(statement) as copy:
        await copy.write(block)


def _string(value: str) -> str:
    return value if _harmless(value) else value.translate(_ESCAPES)


def _harmless(text: str) -> bool:
    # Control characters are not printable; nor is ZWNJ, which only takes the longer way.
    return text.isprintable() and "\\" not in text


def _list(values: list[str]) -> str:
    """An array literal with every element quoted, so that none can be taken for NULL."""
    if not values:
        return "{}"
    joined = '","'.join(values)
    if "\\" in joined or joined.count('"') != 2 * (len(values) - 1):
        joined = '","'.join(one.replace("\\", "\\\\").replace('"', '\\"') for one in values)
    return _string('{"' + joined + '"}')


def _truth(value: object) -> str:
    return "t" if value else "f"


_PLAIN: Final[Mapping[type, Callable[[Any], str]]] = {
    type(None): lambda _: _NULL,
    str: _string,
    int: str,
    bool: _truth,
    UUID: str,
    list: _list,
}
