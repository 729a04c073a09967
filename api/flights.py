"""Work that many ask for at the same moment: done once, and its result or refusal is for all.

It must not know what is worked on.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")


@dataclass(slots=True)
class Flight(Generic[_T]):
    """One piece of work at a time; whoever comes while it is done shares how it ends.

    Nobody waits for one that waits: the last of a thousand is refused when the first one is.
    """

    _task: asyncio.Task[_T] | None = None

    async def share(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """What the work that is under way gives, else this one's.

        Raises:
            Exception: as the work does, for everybody.
        """
        task = self._task
        if task is None:
            task = self._task = asyncio.create_task(work())
            task.add_done_callback(self._end)
        # Who leaves takes it from nobody.
        return await asyncio.shield(task)

    def _end(self, task: asyncio.Task[_T]) -> None:
        self._task = None
        if not task.cancelled():
            # All may have left: then nobody else asks how it ended.
            task.exception()
