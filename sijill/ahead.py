"""Events read ahead of a walk, by as many processes as there are processors.

The walk itself is one after the other, because each event is judged by those before it. What can be
done before (hashes, strict parsing, signatures) is most of the work, and is done here in pieces.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context
from typing import Final

from infrastructure.proofs.fsck import Ahead, Met
from infrastructure.proofs.keyring import KeyRing
from infrastructure.proofs.readying import Jwks, Parts, Read, keys_in, read
from sijill.collecting import seldom

PIECE_EVENTS: Final = 256
PIECES_EACH: Final = 3
"""Pieces that wait for each process: enough that none is idle, and a bound on memory."""

_Piece = tuple[list[Met], "Future[list[Read | None]]"]


@contextmanager
def ahead(processes: int) -> Iterator[Ahead]:
    """What reads events ahead in so many processes of its own."""
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=seldom) as pool:

        def follow(walk: Iterator[Met], keys: KeyRing) -> Iterator[Met]:
            waiting: deque[_Piece] = deque()
            while True:
                while len(waiting) < processes * PIECES_EACH and (piece := _next(walk)):
                    parts, jwks = _parts(piece, keys)
                    waiting.append((piece, pool.submit(_read, parts, jwks)))
                if not waiting:
                    return
                done, future = waiting.popleft()
                for (entry, following, opening, _), found in zip(
                    done, future.result(), strict=True
                ):
                    yield Met(entry, following, opening, found)

        try:
            yield follow
        finally:
            pool.shutdown(cancel_futures=True)


def _next(walk: Iterator[Met]) -> list[Met]:
    return list(islice(walk, PIECE_EVENTS))


def _parts(piece: Sequence[Met], keys: KeyRing) -> tuple[list[Parts | None], Jwks]:
    """What of a piece is read ahead, and the public keys that it will ask for."""
    parts: list[Parts | None] = []
    jwks: dict[str, dict[str, str]] = {}
    before = None
    for entry, _, opening, _ in piece:
        if entry.leaf is None or opening is None or opening.header is None:
            parts.append(None)
            continue
        order = opening.order
        parts.append(
            Parts(
                entry.leaf.header,
                entry.leaf.body,
                opening.header,
                opening.header_salt,
                opening.body,
                opening.body_salt,
                None if order is None or order is before else order.evidence,
            )
        )
        before = order
        for name in keys_in(opening.header):
            known = None if name in jwks else keys.find(name)
            if known is not None:
                jwks[name] = known.public.jwk
    return parts, jwks


def _read(parts: Sequence[Parts | None], jwks: Jwks) -> list[Read | None]:
    return [None if one is None else read(one, jwks) for one in parts]
