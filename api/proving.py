"""Proofs that go with an answer: of each event that it rests on, for one signed checkpoint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from api.reading import archive
from api.services import Services
from infrastructure.log import checkpoints
from infrastructure.log.leaves import leaf_hashes
from infrastructure.log.tilestore import TreeReader
from infrastructure.proofs import merkle, tiles
from infrastructure.proofs.tiles import Tile


@dataclass(frozen=True, slots=True)
class Proofs:
    """Inclusion proofs by log index; `note` is the checkpoint that they lead to."""

    size: int = 0
    root: str | None = None
    note: str | None = None
    _by_index: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, index: int) -> Mapping[str, Any] | None:
        """The proof of one event; None where no checkpoint covers it yet."""
        return self._by_index.get(index)


async def covering_proofs(services: Services, indexes: Sequence[int]) -> Proofs:
    """Proofs of events, for the newest published checkpoint."""
    async with archive(services, max(indexes, default=-1) + 1) as connection:
        newest = await checkpoints.newest(connection)
        if newest is None or newest.note is None:
            return Proofs()

        async def stored(start: int, end: int) -> bytes:
            return await leaf_hashes(connection, start, end)

        tree = TreeReader(services.tiles, stored)
        found: dict[int, Mapping[str, Any]] = {}
        for index in indexes:
            if index >= newest.size:
                continue
            number, before = divmod(index, tiles.WIDTH)
            hashes = await tree.tile(Tile(0, number, before + 1))
            proof = await tree.inclusion_proof(index=index, size=newest.size)
            found[index] = {
                "leaf_hash": hashes[-merkle.HASH_BYTES :].hex(),
                "hashes": [sibling.hex() for sibling in proof],
            }
        root = (await tree.root(newest.size)).hex()
    return Proofs(newest.size, root, newest.note.decode(), found)
