"""COPY's text format: what is written must be what PostgreSQL reads."""

import re
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.postgres import Role, Urls, connect_async
from projections.copying import copy_in, document, lines, plain

# PostgreSQL's text holds every character but NUL, and no lone surrogates.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))
NASTY = [
    "",
    "\\N",
    "\\.",
    "\\",
    "a\tb",
    "a\nb\r\n",
    '"',
    "NULL",
    "null",
    "{}",
    '{"a",b}',
    "کوردی\u200cستان",
    "م.و/٤٥٦",
    "\u0001\u007f\u0085\u2028",
    " ",
    "🂡",
]


def read_back(block: str) -> list[list[str | None]]:
    """A block as PostgreSQL's documentation of the format says to read it."""
    escapes = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}

    def value(field: str) -> str | None:
        return None if field == "\\N" else re.sub(r"\\(.)", lambda m: escapes[m[1]], field)

    assert block.endswith("\n")
    return [[value(field) for field in line.split("\t")] for line in block[:-1].split("\n")]


@given(st.lists(st.tuples(TEXT, st.none() | TEXT), min_size=1))
def test_text_is_read_as_it_was_written(rows: list[tuple[str, str | None]]) -> None:
    assert read_back(lines(rows, [plain, plain])) == [list(row) for row in rows]


def test_a_row_that_is_too_short_is_not_padded() -> None:
    with pytest.raises(ValueError, match="zip"):
        lines([("a", "b"), ("c",)], [plain, plain])


@pytest.mark.parametrize("value", [1.5, b"bytes", {"a": 1}])
def test_a_value_of_another_type_is_refused(value: Any) -> None:
    with pytest.raises(KeyError):
        plain(value)


@pytest.mark.anyio
async def test_postgresql_reads_every_kind_of_value(database: Urls) -> None:
    """Whole columns of one kind and columns with gaps take different ways to the same bytes."""
    names = ("id", "word", "gap", "many", "flag", "name", "doc")
    rows = [
        (
            number,
            word,
            word if number % 2 else None,
            [word, *NASTY[:number]] if number else [],
            number % 2 == 0,
            UUID(int=number),
            {"word": word, "list": [word, None]} if number % 3 else None,
        )
        for number, word in enumerate(NASTY)
    ]
    async with await connect_async(database.keeper, Role.KEEPER, autocommit=True) as conn:
        await conn.execute(
            "CREATE TEMP TABLE kinds (id bigint, word text, gap text, many text[], flag boolean,"
            " name uuid, doc jsonb)"
        )
        for part in (rows[:1], rows[1:]):
            await copy_in(conn, "kinds", names, lines(part, [plain] * 6 + [document]))
        stored = await (await conn.execute("SELECT * FROM kinds ORDER BY id")).fetchall()
    assert stored == rows
