"""Paper registers from a table: CSV or NDJSON, and a mapping file that says what a column is.

The mapping is a JSON object. `columns` maps members of the act to columns, `fields` fields of the
document's type to columns, `constants` are members that are the same in every row, and `values`
translates what stands in a column (`{"entry_state": {"ملغى": "revoked"}}`; an empty cell is `""`).
Days may be written as people write them, in any digits.
"""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.acts import ACTS
from domain.values.comparison import fold_day
from sijill.cli.faults import Unusable
from sijill.cli.reading import composed, open_lines, read_object, read_text

ACT = "register.capture"
MAPPING_LIMIT_BYTES = 256 * 1024
ROW_LIMIT_BYTES = 64 * 1024
_SURPLUS = ""
"""Under this name a row keeps what is of no column: a list, which no cell is."""
_YEAR_DIGITS = 4
_OWN = frozenset({"act", "agency", "nonce", "claims", "valid_until"})
_MEMBERS = (ACTS[ACT].model_fields.keys() - _OWN) | {"document"}


class Mapping(BaseModel):
    """What the columns of a table are."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    format: Literal["csv", "ndjson"] | None = None
    delimiter: Annotated[str, Field(pattern=r'^[^"\r\n\x00]$')] = ","
    columns: dict[str, str]
    fields: dict[str, str] = {}
    constants: dict[str, str | int] = {}
    values: dict[str, dict[str, str]] = {}


def read_mapping(name: str) -> Mapping:
    """The mapping that a file holds.

    Raises:
        Unusable: `input_malformed`. OSError: it cannot be read.
    """
    return parse_mapping(read_text(name), name)


def parse_mapping(data: bytes, name: str) -> Mapping:
    """The mapping in these bytes; `name` is the file that they come from.

    Raises:
        Unusable: `input_malformed`, `input_too_large`.
    """
    if len(data) > MAPPING_LIMIT_BYTES:
        raise Unusable(code="input_too_large", path=name)
    said = read_object(data, name)
    try:
        mapping = Mapping.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        detail = f"/{'/'.join(map(str, first['loc']))}: {first['type']}"
        raise Unusable(code="input_malformed", detail=detail, path=name) from None
    strange = {*mapping.columns, *mapping.constants, *mapping.values} - _MEMBERS
    strange -= mapping.fields.keys()
    if strange:
        raise Unusable(code="input_malformed", detail=", ".join(sorted(strange)), path=name)
    return mapping


@dataclass(frozen=True)
class Table:
    """The rows of a table as a source of a bulk."""

    name: str
    mapping: Mapping

    @property
    def into(self) -> bytes:
        """The register, as far as the mapping names it: another one may have the same rows.

        What a cell means is no part of it: who maps one more word has only its rows sent.
        """
        said = {"constants": self.mapping.constants, "columns": self.mapping.columns}
        return b"\n" + json.dumps(said, sort_keys=True).encode()

    @contextmanager
    def opened(self) -> Iterator["_Again"]:
        """Every row as the bytes of an object by column, with the line that it begins on."""
        ndjson = self.mapping.format == "ndjson" or (
            self.mapping.format is None and Path(self.name).suffix in {".ndjson", ".jsonl"}
        )
        if ndjson:
            with open_lines(self.name) as lines:
                yield _Again(lambda: iter(lines))
            return
        yield _Again(self._rows)

    def _rows(self) -> Iterator[tuple[int, bytes]]:
        with Path(self.name).open("rb") as raw:
            yield from self.rows_of(raw)

    def rows_of(self, raw: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """Every row of a CSV that is being read, by column, with the line that it begins on.

        Raises:
            Unusable: `input_malformed`, where the table as such ends to be one; `column_missing`,
                where its head lacks what the mapping names, which no row could make up for.
        """
        text = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")
        reader = csv.reader(text, delimiter=self.mapping.delimiter, strict=True)
        try:
            head = next(reader, [])
            named = (*self.mapping.columns.values(), *self.mapping.fields.values())
            if missing := ", ".join(one for one in dict.fromkeys(named) if one not in head):
                raise Unusable(code="column_missing", column=missing)
            if twice := ", ".join(one for one in dict.fromkeys(named) if head.count(one) > 1):
                # Nobody could tell which of the two was meant.
                detail = f"a column occurs twice: {twice}"
                raise Unusable(code="input_malformed", detail=detail, path=self.name)
            line = reader.line_num
            for row in reader:
                number, line = line + 1, reader.line_num
                if row:
                    yield number, _packed(head, row)
        except csv.Error as error:
            detail = f"{reader.line_num}: {error}"
            raise Unusable(code="input_malformed", detail=detail, path=self.name) from None
        finally:
            # Whoever opened it closes it.
            text.detach()

    def item(self, line: bytes) -> dict[str, Any]:
        """The entry that a row asks for.

        Raises:
            Unusable: a column that the mapping names is missing, a cell is of no column, or one
                cannot be read.
        """
        if len(line) > ROW_LIMIT_BYTES:
            raise Unusable(code="input_too_large", path=self.name)
        row = read_object(line, self.name)
        if isinstance(row.get(_SURPLUS), list):
            raise Unusable(code="cells_surplus")
        said: dict[str, Any] = dict(self.mapping.constants)
        for member, column in self.mapping.columns.items():
            if text := self._cell(row, member, column):
                said[member] = text
        fields = {
            name: text
            for name, column in self.mapping.fields.items()
            if (text := self._cell(row, name, column))
        }
        _settle_day(said)
        return {"act": ACT, **said, "fields": fields}

    def _cell(self, row: dict[str, Any], member: str, column: str) -> str:
        if column not in row:
            raise Unusable(code="column_missing", detail=column, column=column)
        value = row[column]
        # What a database has nothing for is an empty cell, and no word `null`.
        said = "" if value is None else value
        plain = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
        # A cell that was broken into lines says the same in one.
        text = " ".join(plain.split())
        known = self.mapping.values.get(member)
        if known is None:
            return text
        if text not in known:
            raise Unusable(code="value_not_mapped", detail=column, column=column)
        return known[text]


class _Again:
    """Rows that can be gone through as often as one likes."""

    def __init__(self, begin: Any) -> None:
        self._begin = begin

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        rows: Iterator[tuple[int, bytes]] = self._begin()
        return rows


def _packed(head: list[str], row: list[str]) -> bytes:
    """A row by column. Bytes that are no UTF-8 are told when the row is read, by its line.

    So are cells beyond the head's: with a delimiter inside a cell that is not quoted, each cell
    behind it would be taken for another column's.
    """
    cells: dict[str, Any] = dict(zip(head, row, strict=False))
    if any(cell.strip() for cell in row[len(head) :]):
        cells[_SURPLUS] = row[len(head) :]
    text = json.dumps(cells, ensure_ascii=False)
    return text.encode("utf-8", "surrogateescape")


def _settle_day(said: dict[str, Any]) -> None:
    """The date in ISO, and the year of the register from it where the table has none."""
    day = fold_day(str(composed(str(said.get("date", "")))))
    if day is not None:
        said["date"] = day
    year = said.get("year", (day or "")[:4])
    if isinstance(year, str) and year.isdecimal() and len(year) <= _YEAR_DIGITS:
        year = int(year)
    said["year"] = year
