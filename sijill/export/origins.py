"""Where an exported log comes from: a ledger's address, or the database behind its back."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any, NamedTuple, Protocol, Self, cast

from api import log
from api.policy import ANONYMOUS, AUDIT, Caller
from domain.foundation import Foundation
from domain.ledger import Ledger
from infrastructure import postgres
from infrastructure.log import checkpoints
from infrastructure.log.leaves import leaves
from infrastructure.log.openings import openings, orders
from infrastructure.log.reader import ClaimDirectory, load_events
from infrastructure.postgres import Role
from infrastructure.proofs import leaf, note, tiles
from infrastructure.proofs.note import VerifierKey
from sijill.client import Client, Refused, served_log
from sijill.identity import identity_of

CHECKPOINTS_PAGE = 200
OPENINGS_PAGE = 1_000
OPENINGS_BYTES = 8 * 2**20
BAD_GATEWAY = 502


class Told(NamedTuple):
    """Which ledger it is: what `/v1/ledger` answers, and the log's keys that follow from trust."""

    ledger: dict[str, Any]
    keys: tuple[VerifierKey, ...]


class Opened(NamedTuple):
    """One opening, and its order where that was given, both as `/v1/log/openings` writes them."""

    item: dict[str, Any]
    order: Mapping[str, Any] | None


class Origin(Protocol):
    """What a log is followed from. Nothing that it gives is believed before it is checked."""

    def told(self) -> Told:
        """Which ledger it is."""

    def newest(self) -> bytes | None:
        """The note of the newest checkpoint."""

    def checkpoints(self, after: int) -> Iterator[dict[str, Any]]:
        """Published checkpoints larger than `after`, as `/log/checkpoints` lists them."""

    def bundle(self, number: int, width: int) -> list[bytes]:
        """The leaves of one bundle."""

    def openings(self, start: int, end: int) -> Iterator[Opened]:
        """What is open of the leaves from `start` up to but without `end`, none left out."""


def not_a_ledger() -> Refused:
    """An answer that no ledger gives, as of a proxy: no contradiction, so it is asked again."""
    return Refused({"code": "not_a_ledger", "status": BAD_GATEWAY})


class HttpOrigin:
    """A served ledger; its identity is what the client's state folder has pinned."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def told(self) -> Told:
        """The identity, by the keys that the pinned one leads to."""
        said = self._client.get("/v1/ledger", signed=False)
        if not isinstance(said, dict) or "ledger" not in said:
            # Before the client reads it: a page of something between contradicts nothing.
            raise not_a_ledger()
        return Told(said, self._client.identity.log_keys)

    def newest(self) -> bytes | None:
        """The newest note; None before the first."""
        return served_log.newest(self._client)

    def checkpoints(self, after: int) -> Iterator[dict[str, Any]]:
        """Page after page."""
        onwards: int | None = after
        while onwards is not None:
            page = self._client.get(
                "/log/checkpoints", signed=False, after=onwards, limit=CHECKPOINTS_PAGE
            )
            yield from page["items"]
            onwards = page["next"]

    def bundle(self, number: int, width: int) -> list[bytes]:
        """One bundle as it is served."""
        return served_log.bundle(self._client, number, width)

    def openings(self, start: int, end: int) -> Iterator[Opened]:
        """What the client's key opens."""
        onwards: int | None = start
        while onwards is not None and onwards < end:
            window: dict[str, Any] = {"from": onwards, "to": end}
            page = self._client.get("/v1/log/openings", **window)
            for item in page["openings"]:
                yield Opened(item, page["orders"].get(str(item.get("order"))))
            onwards = page["next"]


class DatabaseOrigin(AbstractContextManager["DatabaseOrigin"]):
    """A database and nothing else; opened as for everybody, or with `whole` as for an auditor."""

    def __init__(self, url: str, *, whole: bool = False) -> None:
        self._url = url
        self._who = Caller(scopes=frozenset({AUDIT})) if whole else ANONYMOUS
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._runner = self._stack.enter_context(asyncio.Runner())
        self._conn = self._runner.run(
            postgres.connect_async(
                self._url, Role.SERVICE, autocommit=True, limits=postgres.PATIENT
            )
        )
        self._stack.callback(lambda: self._runner.run(self._conn.close()))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def told(self) -> Told:
        """The identity by event 0, and the log's keys as the record of the ledger has them."""
        with postgres.connect(self._url, Role.SERVICE, autocommit=True) as connection:
            identity = identity_of(load_events(connection, 0, 1))
        keys = self._log_keys()
        said = {
            "ledger": identity.ledger.hex(),
            "origin": identity.origin,
            "format_version": leaf.VERSION,
            "log_vkey": keys[-1][0],
            "log_vkeys": [vkey for vkey, _ in keys],
            "log_key_indexes": [since for _, since in keys],
            "receipts_vkey": identity.receipts_vkey,
        }
        return Told(said, tuple(note.VerifierKey.parse(vkey) for vkey, _ in keys))

    def newest(self) -> bytes | None:
        """The newest published note."""
        row = self._runner.run(checkpoints.newest(self._conn))
        return None if row is None else row.note

    def checkpoints(self, after: int) -> Iterator[dict[str, Any]]:
        """Page after page."""
        while rows := self._runner.run(
            checkpoints.after(self._conn, after, limit=CHECKPOINTS_PAGE)
        ):
            for row in rows:
                yield log.listed(row)
            after = rows[-1].size

    def bundle(self, number: int, width: int) -> list[bytes]:
        """The rows as leaves."""
        start = number * tiles.WIDTH
        found = self._runner.run(leaves(self._conn, start, start + width))
        return [one.encode() for one in found]

    def openings(self, start: int, end: int) -> Iterator[Opened]:
        """As the ledger would open it."""
        while start < end:
            stop = min(end, start + OPENINGS_PAGE)
            rows = self._runner.run(openings(self._conn, start, stop, limit_bytes=OPENINGS_BYTES))
            if not rows:
                return
            items = [log.opened(self._who, row) for row in rows]
            wanted = {item["order"] for item in items if "order" in item}
            known = self._runner.run(orders(self._conn, wanted))
            for item in items:
                order = known.get(item.get("order", -1))
                yield Opened(item, None if order is None else log.order_of(order))
            start = rows[-1].index + 1

    def _log_keys(self) -> list[tuple[str, int]]:
        ledger = Ledger(
            {
                "PERSISTENCE_MODULE": "infrastructure.log.recorder:LedgerFactory",
                "SIJILL_DATABASE_URL": self._url,
                "SIJILL_READERS": "1",
            }
        )
        try:
            factory: Any = ledger.factory
            stream = ClaimDirectory(factory.pool).find("ledger", "foundation")
            if stream is None:
                return []
            foundation = cast("Foundation", ledger.repository.get(stream))
            return [(key.verifier, key.since) for key in foundation.log_keys]
        finally:
            ledger.close()
