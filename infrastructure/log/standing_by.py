"""Standing by: what a machine whose sealer has no lease does, so that it can take over at any time.

It follows what the other one publishes: the mark that binds it, and the full tiles, which it
serves meanwhile and would else have to write before it could sign.
"""

import time
from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection

from infrastructure.keyfiles import HighWaterMark
from infrastructure.log.leaves import checked_leaf_hashes
from infrastructure.log.sealer import follow_mark
from infrastructure.log.tilestore import TileStore, TreeReader, write_missing
from infrastructure.proofs.note import SignerKey

SECONDS = 1.0
"""How long one look may write tiles: between two looks the lease is asked for again."""


async def stand_by(
    conn: AsyncConnection[Any],
    *,
    origin: str,
    keys: Sequence[SignerKey],
    mark: HighWaterMark,
    store: TileStore,
) -> None:
    """One look: follow the mark, and write full tiles that are missing here, as far as time allows.

    Raises:
        LogFrozen, KeyFileError: as :func:`follow_mark`. BrokenChain: the database's rows are not
        what their hashes say. TileConflict: a file is not what the log gives.
    """
    size = await follow_mark(conn, origin=origin, keys=keys, mark=mark)

    async def leaves(start: int, end: int) -> bytes:
        return b"".join(await checked_leaf_hashes(conn, start, end))

    until = time.monotonic() + SECONDS
    async for _ in write_missing(store, TreeReader(store, leaves), size=size):
        if time.monotonic() >= until:
            return
