"""Objects in the store of attachments that no upload and no record names any more.

A chunk's object is durable before the database notes it, so whoever is killed in between leaves one
that nobody will ever ask for. They are harmless and take room. Each chunk is sealed anew, so none
that lies there unnamed gets a name later than the request that wrote it: what was written lately is
left alone, and what an upload or a record has is named as long as it has it.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from psycopg import Connection

from infrastructure.attachments import owner, records
from infrastructure.attachments.owner import Owner, StoreAhead
from infrastructure.attachments.stores import ObjectStore
from infrastructure.log.reader import load_events, load_head
from sijill.folder import Folder
from sijill.identity import identity_of

PAGE_OBJECTS = 500


class Swept(NamedTuple):
    """How many objects were looked at, and how many of them nothing names."""

    looked_at: int
    unnamed: int


def claim(
    conn: Connection[Any], objects: ObjectStore, folder: Folder, *, note: bool = True
) -> None:
    """See that this database may judge the store: it is this ledger's, and not an older copy.

    Without `note` nothing is written to it.

    Raises:
        StoreAhead: events are missing here. StoreForeign: another ledger's store.
        NotFounded, KeyFileError, StoreFailure, psycopg.Error: it cannot be told.
    """
    signed = folder.mark.read().size
    if load_head(conn).size < signed:
        raise StoreAhead
    ledger = identity_of(load_events(conn, 0, 1)).ledger
    owner.claim(objects, lambda: Owner(ledger, load_head(conn).size), note=note)


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
            unnamed += 1
            if delete:
                objects.delete(name.hex())
    return Swept(looked_at, unnamed)


def _pages(names: Iterable[str]) -> Iterator[list[bytes]]:
    left = iter(names)
    while page := [bytes.fromhex(name) for name in islice(left, PAGE_OBJECTS)]:
        yield page
