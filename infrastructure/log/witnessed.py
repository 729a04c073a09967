"""What the sealer knows of witnesses: they are asked before publishing, and they remember.

Witnesses stand outside, so they may be slow, gone or wrong; nothing that they say is believed but
what the log's own key has signed. How they are reached is not known here.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from infrastructure.proofs.checkpoint import Checkpoint

Prove = Callable[[int], Awaitable[Sequence[bytes]]]
"""``await prove(old size)``: that the tree about to be published adds to that smaller one."""


class QuorumMissing(Exception):
    """Fewer witnesses cosigned than the operator asks for before anything is published."""


class WitnessAhead(Exception):
    """A witness holds this log's signature for more events than are about to be signed."""

    def __init__(self, size: int) -> None:
        super().__init__(str(size))
        self.size = size


class Witnesses(Protocol):
    """The witnesses of one log, as its operator names them."""

    async def cosign(self, checkpoint: Checkpoint, signed: bytes, prove: Prove) -> bytes:
        """The note with the lines of all who cosigned in time.

        Raises:
            QuorumMissing: they are too few, and the operator rather waits. WitnessAhead: the log
            was rolled back.
        """

    async def remembered(self) -> Sequence[Checkpoint]:
        """What those that answer cosigned last, as far as this log's own key signed it."""


class Nobody:
    """No witnesses."""

    async def cosign(self, checkpoint: Checkpoint, signed: bytes, prove: Prove) -> bytes:
        """The note as it is."""
        del checkpoint, prove
        return signed

    async def remembered(self) -> Sequence[Checkpoint]:
        """Nothing."""
        return ()


NOBODY: Final = Nobody()
