"""Waiting for the keeper, which is bounded apart from work.

Whoever waits for a checkpoint or for the read model keeps a place of `api.admission`. Where the
keeper stands still those who wait would keep them all, and with them everybody out who needs no
keeper: an order least of all. It must not know what is waited for.
"""

from dataclasses import dataclass

from infrastructure.log.watch import Watch

WAITING_AT_ONCE = 128
"""Of those who wait for checkpoints, and of those who wait for the read model: a quarter each."""


@dataclass(slots=True)
class Patience:
    """How many wait for one number at a time; to the next one its time is over at once."""

    at_once: int = WAITING_AT_ONCE
    _waiting: int = 0

    async def reach(self, watch: Watch, position: int, timeout_seconds: float) -> bool:
        """Whether a number is at least `position` before the time is over."""
        if watch.position >= position:
            return True
        if self._waiting >= self.at_once:
            return False
        self._waiting += 1
        try:
            return await watch.reach(position, timeout_seconds)
        finally:
            self._waiting -= 1
