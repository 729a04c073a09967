"""A wire that breaks at the worst moment: the server has committed and the client never hears."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

# ReadyForQuery outside a transaction: everything that was asked for is committed.
_READY = b"Z\x00\x00\x00\x05I"


class Wire:
    """Passes bytes between a client's socket and the server's until told to lose an answer."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._open: set[asyncio.StreamWriter] = set()
        self.lose_next_answer = False
        self.lost_answers = 0
        self.refusing = False

    async def serve(
        self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter
    ) -> None:
        if self.refusing:
            client_out.close()
            return
        server_in, server_out = await asyncio.open_unix_connection(self._server)
        self._open |= {client_out, server_out}
        upstream = asyncio.create_task(_pass_on(client_in, server_out))
        try:
            await self._answer(server_in, client_out)
        finally:
            upstream.cancel()
            for writer in (client_out, server_out):
                writer.close()
                self._open.discard(writer)

    async def _answer(self, server: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        swallowed = b""
        while data := await server.read(65536):
            if not self.lose_next_answer:
                client.write(data)
                continue
            swallowed += data
            if swallowed.endswith(_READY):
                self.lose_next_answer = False
                self.lost_answers += 1
                return

    def cut(self) -> None:
        """Breaks every connection at once."""
        for writer in self._open:
            writer.transport.abort()


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65536):
            target.write(data)
    target.close()


@contextlib.asynccontextmanager
async def cuttable(url: str, folder: Path) -> AsyncIterator[tuple[str, Wire]]:
    """The same database by way of a `Wire`, whose socket lies in `folder`."""
    known = conninfo_to_dict(url)
    name = f".s.PGSQL.{known.get('port') or 5432}"
    wire = Wire(f"{known['host']}/{name}")
    server = await asyncio.start_unix_server(wire.serve, str(folder / name))
    async with server:
        try:
            yield make_conninfo(url, host=str(folder)), wire
        finally:
            wire.refusing = True
            wire.cut()
