"""Attachments in an object store: S3 and what speaks like it, through obstore.

The library is an extra (`s3`), so nothing imports this module unless an object store is named.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, TypeVar

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import from_url

from infrastructure.attachments.stores import NAMED, ObjectStoreUnavailable

CONNECT_TIMEOUT: Final = "5s"
REQUEST_TIMEOUT: Final = "30s"
RETRIES: Final = 2
NOTHING: Final = "nothing"
"""No object has a name below this: a list of them is short."""
_T = TypeVar("_T")


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
        options: Any = {"timeout": REQUEST_TIMEOUT, "connect_timeout": CONNECT_TIMEOUT}
        if address.startswith("s3:"):
            options["allow_http"] = True
        try:
            store = from_url(address, client_options=options, retry_config={"max_retries": RETRIES})
        except BaseError as error:
            raise ValueError(type(error).__name__) from None
        return cls(store)

    def put(self, name: str, data: bytes) -> None:
        """Keep an object."""
        self._must(partial(obstore.put, self._store, name, data))

    def get(self, name: str) -> bytes | None:
        """An object's bytes, or None."""
        try:
            return self._ask(lambda: bytes(obstore.get(self._store, name).bytes()))
        except FileNotFoundError:
            self._must_exist()
            return None

    def untouched(self, since: float) -> Iterator[str]:
        """Names of objects that nobody has written since."""
        pages = iter(obstore.list(self._store))
        while (page := self._must(lambda: next(pages, None))) is not None:
            for one in page:
                name = one["path"].rpartition("/")[2]
                if NAMED.fullmatch(name) and one["last_modified"].timestamp() < since:
                    yield name

    def delete(self, name: str) -> None:
        """Let an object go."""
        try:
            self._ask(partial(obstore.delete, self._store, name))
        except FileNotFoundError:
            self._must_exist()

    def _must_exist(self) -> None:
        """Return where it is only the object that was not found.

        Raises:
            ObjectStoreUnavailable: the bucket is missing, which sounds the same.
        """
        # Wherever a bucket is there is a list, if only an empty one.
        self._must(lambda: next(iter(obstore.list(self._store, NOTHING)), None))

    def _must(self, work: Callable[[], _T]) -> _T:
        """As `_ask`, where it is the store itself that is not found: the bucket is missing."""
        try:
            return self._ask(work)
        except FileNotFoundError as error:
            raise ObjectStoreUnavailable(type(error.__cause__).__name__) from None

    def _ask(self, work: Callable[[], _T]) -> _T:
        try:
            return work()
        except (FileNotFoundError, NotFoundError) as error:
            raise FileNotFoundError from error
        except (BaseError, OSError) as error:
            # Its text names addresses and may quote answers: it is for nobody's log.
            raise ObjectStoreUnavailable(type(error).__name__) from None
