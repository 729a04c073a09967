"""The database behind a data folder, for verbs that work beside the service or without it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infrastructure.postgres import Urls
from sijill.folder import Folder
from sijill.identity import NoLedger
from sijill.settings import Settings


@contextmanager
def running_database(data: Path) -> Iterator[Urls]:
    """The connection strings of a folder's database; an embedded server runs as long at least.

    Raises:
        NoLedger: nothing was founded here. EmbeddedServerError: it does not start.
    """
    if not Folder(data).keys.is_dir():
        raise NoLedger(data)
    settings = Settings(data=data)
    external = settings.external()
    if external is not None:
        yield external
        return
    server = settings.embedded()
    # One that runs is adopted: whoever has started it leaves it to us, as we leave it to others.
    urls = server.start()
    try:
        yield urls
    finally:
        server.stop()
