"""Where the objects of attachments lie: a folder by default, any object store by its address.

Objects are named by their bytes and never change, so writing one twice is harmless. A folder is
written durably by ourselves: what is acknowledged has to survive a power cut, and the library's own
folder does not wait for the disk. Everything else (S3 and what speaks like it) is obstore's.
"""

import errno
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeVar

import anyio.to_thread

from infrastructure.keyfiles import write_durably
from infrastructure.log.refusals import StoreFailure

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_T = TypeVar("_T")
NAMED: Final = re.compile("[0-9a-f]{64}")


class ObjectStoreUnavailable(StoreFailure):
    """The object store cannot be reached, or does not do what it is asked."""

    code = "attachment_store_unavailable"
    retry_after_seconds = 2


class ObjectStoreFull(StoreFailure):
    """The disk of the attachments has no room."""

    code = "storage_full"
    retry_after_seconds = 10


class ObjectStore(Protocol):
    """Objects by name: 64 hexadecimal digits. Synchronous, for threads."""

    def put(self, name: str, data: bytes) -> None:
        """Keep an object; it is durable when this returns.

        Raises:
            StoreFailure: it could not be kept.
        """

    def get(self, name: str) -> bytes | None:
        """An object's bytes; None where there is no such object.

        Raises:
            StoreFailure: the store cannot be asked.
        """

    def delete(self, name: str) -> None:
        """Let an object go, if it is there.

        Raises:
            StoreFailure: the store cannot be asked.
        """

    def untouched(self, since: float) -> Iterator[str]:
        """The names of objects that nobody has written after a moment, in seconds since 1970.

        Raises:
            StoreFailure: the store cannot be asked.
        """


class FolderStore:
    """Objects as files, `ab/abcdef…`, readable by their owner only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, data: bytes) -> None:
        """Keep an object."""
        path = self._path(name)
        _on_disk(partial(self._write, path, data))

    def get(self, name: str) -> bytes | None:
        """An object's bytes, or None."""
        try:
            return _on_disk(self._path(name).read_bytes)
        except FileNotFoundError:
            return None

    def delete(self, name: str) -> None:
        """Let an object go."""
        _on_disk(partial(self._path(name).unlink, missing_ok=True))

    def untouched(self, since: float) -> Iterator[str]:
        """Names of files that nobody has written since; what a cut-off write left goes at once."""
        for shelf in _on_disk(lambda: sorted(self.folder.glob("[0-9a-f][0-9a-f]"))):
            for path in _on_disk(partial(_files, shelf)):
                try:
                    old = path.stat().st_mtime < since
                except FileNotFoundError:
                    continue
                if old and NAMED.fullmatch(path.name):
                    yield path.name
                elif old and path.name.startswith("."):
                    _on_disk(partial(path.unlink, missing_ok=True))

    def _write(self, path: Path, data: bytes) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(path, data)

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / name


@dataclass(frozen=True, slots=True)
class Storage:
    """Where attachments lie, and how large one may be.

    `room_bytes` is how much of one agency may wait at once for a record that names it.
    """

    objects: ObjectStore
    limit_bytes: int
    room_bytes: int


def open_store(address: str | None, folder: Path) -> ObjectStore:
    """The store that is named from outside, else the data folder's.

    Raises:
        ValueError: the address cannot be used.
    """
    if address is None:
        return FolderStore(folder)
    try:
        from infrastructure.attachments.remote import RemoteStore  # noqa: PLC0415 - only who names an object store has the library
    except ImportError:
        raise ValueError("the extra s3 is not installed") from None
    return RemoteStore.open(address)


async def off_loop(work: Callable[[], _T]) -> _T:
    """What `work` returns, done in a thread: a store makes its caller wait."""
    return await anyio.to_thread.run_sync(work)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()]


def _on_disk(work: Callable[[], _T]) -> _T:
    try:
        return work()
    except FileNotFoundError:
        raise
    except OSError as error:
        kind = ObjectStoreFull if error.errno in _FULL else ObjectStoreUnavailable
        raise kind(type(error).__name__) from error
