"""The entry point of supervised processes: an HTTP worker, or the keeper (follower and sealer).

Not a command for people: the supervisor starts it with the pipes that tie both lives together.
"""

import argparse
import asyncio
import gc
import os
import resource
import signal
import socket
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog
import uvicorn

from api.app import create_app
from api.connections import PATIENCE_SECONDS, Connection, Room
from infrastructure.telemetry import configure_logging
from sijill import bootstrap
from sijill.collecting import seldom
from sijill.keeper import Keeper
from sijill.supervisor import BEAT, READY

CONNECTIONS_PER_WORKER = 8_192
# For the database, tiles, metrics and the program itself.
OTHER_FILES = 512
SWEEP_TICKS = 10
BEAT_SECONDS = 1.0
LOGGER = structlog.get_logger("worker")


def main() -> int:
    """Run one child until the supervisor says stop or disappears."""
    parser = argparse.ArgumentParser(prog="sijill.child")
    parser.add_argument("role", choices=["worker", "keeper"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--listener", type=int)
    parser.add_argument("--alive", type=int, required=True)
    parser.add_argument("--ready", type=int, required=True)
    options = parser.parse_args()
    configure_logging()
    _die_with_supervisor(options.alive)
    if options.role == "worker":
        return _work(options.data, options.listener, options.ready)
    return _keep(options.data, options.ready)


def _die_with_supervisor(alive: int) -> None:
    """End when the supervisor's end of the pipe closes, whatever closed it."""

    def watch() -> None:
        os.read(alive, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="supervisor-watch").start()


class _Server(uvicorn.Server):
    """uvicorn's server, telling the supervisor when it serves."""

    def __init__(self, config: uvicorn.Config, ready: int, room: Room) -> None:
        super().__init__(config)
        self.server_state: Room = room
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, freeze what the start allocated, report ready."""
        await super().startup(sockets)
        if self.should_exit:
            return
        _report(self._ready)
        os.close(self._ready)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: once a second, look who makes us wait."""
        if counter % SWEEP_TICKS == 0:
            self.server_state.sweep(asyncio.get_running_loop().time())
        return await super().on_tick(counter)


def _report(ready: int) -> None:
    """Tell the supervisor that this child works, and settle the collector for a long life."""
    gc.collect()
    seldom()
    os.write(ready, READY)


def _room() -> Room:
    """Room for as many connections as this process may open files for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_PER_WORKER + OTHER_FILES
    files = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    if files < wanted:
        LOGGER.warning(
            "few open files allowed", files=files, wanted=wanted, advice="raise LimitNOFILE"
        )
    return Room(max(files - OTHER_FILES, files // 2))


def _work(data: Path, listener: int, ready: int) -> int:
    app = create_app(lambda: bootstrap.open_services(data))
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=Connection,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=PATIENCE_SECONDS,
        timeout_graceful_shutdown=15,
    )
    server = _Server(config, ready, _room())
    shared = socket.socket(fileno=listener)
    server.run(sockets=[shared])
    return 0 if server.started else 1


def _keep(data: Path, ready: int) -> int:
    async def run() -> None:
        keeper = Keeper(data)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, keeper.stop)
        beating = asyncio.create_task(_beat(ready))
        await keeper.run(partial(_report, ready))
        beating.cancel()

    asyncio.run(run())
    return 0


async def _beat(ready: int) -> None:
    """Tell the supervisor again and again that the loop goes round.

    Not from a thread: that one would beat on while the loop waits for a disk that does not answer.
    """
    # Where the supervisor is gone, the other pipe ends this process.
    with suppress(BrokenPipeError):
        while True:
            os.write(ready, BEAT)
            await asyncio.sleep(BEAT_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
