"""Objects in the store of attachments that no upload and no record names any more.

A chunk's object is durable before the database notes it, so whoever is killed in between leaves one
that nobody will ever ask for. They are harmless and take room. What was written lately is left
alone, and each is looked up once more, alone, before it goes: one that is being noted stays, and
what a record has is named for ever.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from psycopg import Connection

from infrastructure.attachments import records
from infrastructure.attachments.stores import ObjectStore

PAGE_OBJECTS = 500


class Swept(NamedTuple):
    """How many objects were looked at, and how many of them nothing names."""

    looked_at: int
    unnamed: int


def sweep(
    conn: Connection[Any], objects: ObjectStore, *, since: float, delete: bool = True
) -> Swept:
    """Let go what nothing names and nobody has written since a moment, in seconds since 1970.

    Without `delete` they are counted only.

    Raises:
        StoreFailure, psycopg.Error: not all of it could go; the next sweep goes on.
    """
    looked_at = unnamed = 0
    for page in _pages(objects.untouched(since)):
        looked_at += len(page)
        for name in records.unnamed(conn, page):
            drop = partial(objects.delete, name.hex())
            if not delete or records.let_go(conn, name, drop):
                unnamed += 1
    return Swept(looked_at, unnamed)


def _pages(names: Iterable[str]) -> Iterator[list[bytes]]:
    left = iter(names)
    while page := [bytes.fromhex(name) for name in islice(left, PAGE_OBJECTS)]:
        yield page
