"""Where the objects of attachments lie: a folder by default, any object store by its address.

Objects are named by their bytes and never change, so writing one twice is harmless. A folder is
written durably by ourselves: what is acknowledged has to survive a power cut, and the library's own
folder does not wait for the disk. Everything else (S3 and what speaks like it) is obstore's.
"""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import anyio.to_thread

from infrastructure.keyfiles import write_durably
from infrastructure.log.refusals import StoreFailure

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
CONNECT_TIMEOUT: Final = "5s"
REQUEST_TIMEOUT: Final = "30s"
RETRIES: Final = 2
_T = TypeVar("_T")


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

    def _write(self, path: Path, data: bytes) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(path, data)

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / name


class RemoteStore:
    """Objects in whatever obstore speaks with."""

    def __init__(self, store: Any) -> None:
        self._store = store

    @classmethod
    def open(cls, address: str) -> "RemoteStore":
        """The store at an address, `s3://bucket/prefix`.

        Its region, endpoint and credentials come from the environment, as AWS's own tools name
        them (`AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_ACCESS_KEY_ID` …).

        Raises:
            ValueError: nothing is known of such an address.
        """
        from obstore.exceptions import BaseError
        from obstore.store import from_url

        options: Any = {"timeout": REQUEST_TIMEOUT, "connect_timeout": CONNECT_TIMEOUT}
        if address.startswith("s3:"):
            options["allow_http"] = True
        try:
            store = from_url(
                address, client_options=options, retry_config={"max_retries": RETRIES}
            )
        except BaseError as error:
            raise ValueError(type(error).__name__) from None
        return cls(store)

    def put(self, name: str, data: bytes) -> None:
        """Keep an object."""
        import obstore

        self._ask(partial(obstore.put, self._store, name, data))

    def get(self, name: str) -> bytes | None:
        """An object's bytes, or None."""
        import obstore

        try:
            return self._ask(lambda: bytes(obstore.get(self._store, name).bytes()))
        except FileNotFoundError:
            return None

    def delete(self, name: str) -> None:
        """Let an object go."""
        import obstore

        try:
            self._ask(partial(obstore.delete, self._store, name))
        except FileNotFoundError:
            return

    def _ask(self, work: Callable[[], _T]) -> _T:
        from obstore.exceptions import BaseError, NotFoundError

        try:
            return work()
        except (FileNotFoundError, NotFoundError) as error:
            raise FileNotFoundError from error
        except (BaseError, OSError) as error:
            # Its text names addresses and may quote answers: it is for nobody's log.
            raise ObjectStoreUnavailable(type(error).__name__) from None


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
    return FolderStore(folder) if address is None else RemoteStore.open(address)


async def off_loop(work: Callable[[], _T]) -> _T:
    """What `work` returns, done in a thread: a store makes its caller wait."""
    return await anyio.to_thread.run_sync(work)


def _on_disk(work: Callable[[], _T]) -> _T:
    try:
        return work()
    except FileNotFoundError:
        raise
    except OSError as error:
        kind = ObjectStoreFull if error.errno in _FULL else ObjectStoreUnavailable
        raise kind(type(error).__name__) from error
