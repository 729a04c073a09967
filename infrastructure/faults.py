"""Named places where a test can make the store fail or stand still; unarmed they cost nothing.

`SIJILL_FAULT=append.head_moved=error` in a process's environment arms one place. `error` fails
there; `pause` stays there until the process, the connection or the server is killed, which is how
the tests lose power at every step. Points that begin with `append.` lie inside the append
procedure and reach it as a setting of the session; the others are in this process.

`SIJILL_FAULT=@FILE` arms the others while processes run: FILE may be put there at any time and
holds `seal.signed=pause`. Whoever comes to that point first takes the file away, so that only that
one stands still, and leaves it as FILE.PID: a test awaits it and knows whom to kill.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

APPEND_POINTS = (
    "append.entered",
    "append.locked",
    "append.orders_checked",
    "append.guards_checked",
    "append.claims_checked",
    "append.chained",
    "append.events_inserted",
    "append.streams_inserted",
    "append.orders_inserted",
    "append.claims_changed",
    "append.vault_changed",
    "append.head_moved",
    "append.done",
)
COMMITTER_POINTS = (
    "committer.batch_taken",
    "committer.batch_committed",
)
SEALER_POINTS = (
    "seal.read",
    "seal.tile_written",
    "seal.tiles_durable",
    "seal.consistency_proved",
    "seal.intent_written",
    "seal.intended",
    "seal.mark_raised",
    "seal.signed",
    "seal.witnessed",
    "seal.note_written",
    "seal.published",
)
POINTS = frozenset((*APPEND_POINTS, *COMMITTER_POINTS, *SEALER_POINTS))

VARIABLE = "SIJILL_FAULT"


class Action(StrEnum):
    """What happens at an armed point."""

    ERROR = "error"
    PAUSE = "pause"


class FaultReached(Exception):
    """An armed fault point was reached."""


_armed: dict[str, Action] = {}
_file: Path | None = None


def point(name: str) -> None:
    """Mark a place in the code; does nothing unless a test armed it.

    Raises:
        FaultReached: the point is armed with `error`.
    """
    if (_armed or _file) and _action(name) is Action.PAUSE:
        while True:
            time.sleep(60)


async def point_async(name: str) -> None:
    """As `point`, for the event loop, which goes on while this task stands still."""
    if (_armed or _file) and _action(name) is Action.PAUSE:
        await asyncio.Event().wait()


def session_setting() -> str:
    """The value of the session setting `sijill.fault`: empty, or `point=action`."""
    for name in APPEND_POINTS:
        if name in _armed:
            return f"{name}={_armed[name]}"
    return ""


@contextmanager
def armed(name: str, action: Action = Action.ERROR) -> Iterator[None]:
    """Arms one point while the block runs.

    Raises:
        ValueError: no such point.
    """
    _arm(name, action)
    try:
        yield
    finally:
        del _armed[name]


def _arm(name: str, action: Action) -> None:
    if name not in POINTS:
        raise ValueError(f"no fault point is named {name}")
    _armed[name] = action


def _action(name: str) -> Action | None:
    action = _armed.get(name) or _taken(name)
    if action is Action.ERROR:
        raise FaultReached(name)
    return action


def _taken(name: str) -> Action | None:
    """What the file orders at this point; only one process ever gets it."""
    if _file is None:
        return None
    try:
        point, _, action = _file.read_text().partition("=")
        if point != name:
            return None
        _file.rename(f"{_file}.{os.getpid()}")
    except FileNotFoundError:
        return None
    return Action(action)


def _arm_from_environment() -> None:
    global _file  # noqa: PLW0603 - set once, when the module is read
    said = os.environ.get(VARIABLE, "")
    if said.startswith("@"):
        _file = Path(said[1:])
        return
    name, separator, action = said.partition("=")
    if separator:
        _arm(name, Action(action))


_arm_from_environment()
