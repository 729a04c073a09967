"""Following an origin that lies: leaves that no signed root covers never become part of a copy."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from infrastructure.proofs import checkpoint, merkle
from infrastructure.proofs.leaf import FIRST_PREV, Leaf
from infrastructure.proofs.note import SignerKey
from sijill.client.errors import Untrustworthy
from sijill.export.following import Following
from sijill.export.origins import Opened, Told
from sijill.export.sinks import TilesSink
from tests.serving import ORIGIN

LOG = SignerKey(ORIGIN, bytes([9] * 32))


def leaves(count: int, said: bytes = b"said") -> list[bytes]:
    made, prev, digest = [], FIRST_PREV, sha256(said).digest()
    for index in range(count):
        one = Leaf(index, 1_700_000_000_000_000 + index, prev, digest, digest)
        made.append(one.encode())
        prev = one.hash()
    return made


def note(entries: Sequence[bytes]) -> str:
    root = merkle.root([merkle.leaf_hash(one) for one in entries])
    return checkpoint.sign(checkpoint.Checkpoint(ORIGIN, len(entries), root), [LOG]).decode()


class Liar:
    """An origin that serves what it was given, proven or not."""

    def __init__(
        self, entries: Sequence[bytes], newest: str, listed: Sequence[tuple[int, str]]
    ) -> None:
        self._entries, self._newest, self._listed = entries, newest, listed

    def told(self) -> Told:
        vkey = LOG.verifier.encode()
        return Told({"ledger": "00" * 32, "origin": ORIGIN, "log_vkey": vkey}, (LOG.verifier,))

    def newest(self) -> bytes:
        return self._newest.encode()

    def checkpoints(self, after: int) -> Iterator[dict[str, Any]]:
        yield from ({"size": size, "note": said} for size, said in self._listed if size > after)

    def bundle(self, _number: int, width: int) -> list[bytes]:
        return list(self._entries[:width])

    def openings(self, start: int, end: int) -> Iterator[Opened]:
        return iter(Opened({"index": index}, None) for index in range(start, end))


TRUE, FORGED = leaves(5), leaves(5, b"forged")
LIES: Mapping[str, Liar] = {
    "a head listed as smaller than it is": Liar(FORGED, note(TRUE[:3]), [(3, note(TRUE))]),
    "a step that ends before a head": Liar(
        FORGED, note(TRUE[:3]), [(5, note(TRUE)), (3, note(TRUE[:3]))]
    ),
    "a root that is not the newest one's": Liar(TRUE, note(FORGED), [(5, note(TRUE))]),
}


def test_an_honest_origin_is_followed(tmp_path: Path) -> None:
    origin = Liar(TRUE, note(TRUE), [(3, note(TRUE[:3])), (5, note(TRUE))])

    assert Following(origin, tmp_path, TilesSink(tmp_path)).run().size == 5


@pytest.mark.parametrize("how", LIES)
def test_a_lie_is_kept_as_a_suspicion(tmp_path: Path, how: str) -> None:
    with pytest.raises(Untrustworthy):
        Following(LIES[how], tmp_path, TilesSink(tmp_path)).run()

    assert any((tmp_path / ".suspect").iterdir())
    held = tmp_path / "tile" / "entries" / "000.p" / "5"
    assert "newest" in how or not held.exists()
    assert "newest" in how or not (tmp_path / "checkpoint").exists()
