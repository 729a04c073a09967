"""A ledger on the network as material for a check, through nothing but its public addresses."""

from collections.abc import Iterator
from typing import Any

from infrastructure.proofs import tiles
from infrastructure.proofs.authorship import Opening
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.material import text_of
from infrastructure.proofs.opened import read_page
from infrastructure.proofs.tiles import Tile
from sijill.client import served_log
from sijill.client.connection import Client
from sijill.client.errors import Refused

CHECKPOINTS_PAGE = 200


class HttpSource:
    """Material from a served ledger; what the client's key may open, if it has one."""

    ends_at_checkpoint = True

    def __init__(self, client: Client) -> None:
        self._client = client
        self._newest: bytes | None = None

    def newest(self) -> bytes | None:
        """The note of the newest checkpoint, asked for once: the check is about that size."""
        if self._newest is None:
            self._newest = served_log.newest(self._client)
        return self._newest

    def checkpoints(self) -> Iterator[bytes]:
        """Every published note up to the newest of this check."""
        after: int | None = None
        size = self._size()
        while True:
            page = self._client.get(
                "/log/checkpoints", signed=False, after=after, limit=CHECKPOINTS_PAGE
            )
            for item in page["items"]:
                if item["size"] <= size:
                    yield item["note"].encode()
            further = page["next"]
            if further is None or further > size or further <= (after or 0):
                return
            after = further

    def entries(self, start: int = 0) -> Iterator[bytes]:
        """The bytes of every leaf from `start` on, from the entry bundles."""
        size = self._size()
        for number in range(start // tiles.WIDTH, -(-size // tiles.WIDTH)):
            width = min(tiles.WIDTH, size - number * tiles.WIDTH)
            leaves = served_log.bundle(self._client, number, width)
            yield from leaves[max(0, start - number * tiles.WIDTH) :]

    def openings(self, start: int = 0) -> Iterator[Opening]:
        """What the ledger opens to this client from `start` on, by index."""
        size = self._size()
        onwards: int | None = start if start < size else None
        while onwards is not None:
            window: dict[str, Any] = {"from": onwards, "to": size}
            page = self._client.get("/v1/log/openings", **window)
            try:
                openings, further = read_page(page, onwards, size)
            except ProofError as error:
                yield Opening(onwards, error=error)
                return
            yield from openings
            onwards = further

    def tile(self, tile: Tile) -> bytes | None:
        """A hash tile as it is served."""
        try:
            return self._client.text(f"/log/{tile.path}")
        except Refused:
            return None

    def _size(self) -> int:
        newest = self.newest()
        return Checkpoint.parse(text_of(newest)).size if newest else 0
