"""Serving a small application of its own, without a ledger: a witness, a mirror."""

import signal
import socket
import sys
from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette


class _Server(uvicorn.Server):
    """uvicorn's server, telling when it serves."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if not self.should_exit:
            self._on_ready()


def serve(app: Starlette, listener: socket.socket, address: str) -> None:
    """Serve until SIGTERM or SIGINT; says `sijill ready URL` on standard error."""

    def ready() -> None:
        sys.stderr.write(f"sijill ready {address}\n")
        sys.stderr.flush()

    config = uvicorn.Config(app, log_level="warning", server_header=False, access_log=False)
    server = _Server(config, ready)
    signal.signal(signal.SIGTERM, server.handle_exit)
    server.run(sockets=[listener])
