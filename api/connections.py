"""Connections: what those who ask may hold of a worker, in time, in bytes and in number.

The server's own protocol waits for ever and keeps whatever it is sent. Here who makes the worker
wait has half a minute, beyond which a rate must be kept up; heads, pipelines and answers that
nobody takes are bounded. Where there is no room left, the connection that has made us wait longest
goes first, so that whoever asks and reads is served, whatever others hold open.

It must not know what is asked. What it refuses itself no handler has seen.
"""

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from api.i18n import negotiate
from api.problems import MEDIA_TYPE, RETRY_AFTER_SECONDS, STATUS, describe
from infrastructure import telemetry

PATIENCE_SECONDS = 30
BYTES_PER_SECOND = 16 * 1024
"""How fast a body must come, and an answer be taken, beyond the first half minute."""

HEAD_BYTES = 32 * 1024
HEADERS = 100
# Read in pieces, so that no more than one is stored before it is counted.
PIECE_BYTES = 16 * 1024
PIPELINED = 16
UNFINISHED = 256
UNSENT_BYTES = 64 * 2**20
# An answer that came early leaves the rest of its body to be thrown away.
DISCARDED_BYTES = 32 * 2**20
# Whoever is still sending would lose a refusal if its connection closed at once.
LINGER_SECONDS = 2
# A crowd is sent away a few at a time: to look for the latest costs a look at all.
SHED = 16


class Room(ServerState):
    """The connections of one worker, and which of them are sent away when there is no more room.

    Attributes:
        limit: how many there may be.
        unfinished: those with a request that has begun and is not all there.
        unsent: those with an answer that their client does not take.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.unfinished: set[Connection] = set()
        self.unsent: set[Connection] = set()

    @property
    def all(self) -> set["Connection"]:
        """Every connection that is not about to end."""
        return cast("set[Connection]", self.connections)

    def enter(self, now: float) -> bool:
        """Whether there is room for one that has just come; if need be another one goes."""
        while len(self.all) > self.limit:
            if not self.shed(self.all, now):
                return False
        return True

    def begin(self, connection: "Connection", now: float) -> None:
        """A request of it has begun and is not all there."""
        self.unfinished.add(connection)
        while len(self.unfinished) > UNFINISHED and self.shed(self.unfinished, now):
            pass

    def keep(self, connection: "Connection", now: float) -> None:
        """An answer to it waits to be taken."""
        self.unsent.add(connection)
        while sum(one.unsent for one in self.unsent) > UNSENT_BYTES:
            if not self.shed(self.unsent, now):
                break

    def leave(self, connection: "Connection") -> None:
        """It is about to end."""
        for some in (self.all, self.unfinished, self.unsent):
            some.discard(connection)

    def sweep(self, now: float) -> None:
        """End whoever has made us wait too long; to be called about once a second."""
        for connection in list(self.all):
            if connection.late(now) > PATIENCE_SECONDS:
                connection.cut()

    def shed(self, among: Iterable["Connection"], now: float) -> bool:
        """End those of them that have made us wait longest, none that waits for us; False: none."""
        late = sorted(((one.late(now), id(one), one) for one in among), reverse=True)
        chosen = [one for seconds, _, one in late[: 1 + len(late) // SHED] if seconds > 0]
        for connection in chosen:
            connection.cut()
        return bool(chosen)


class _Stop(Exception):
    """Raised to the parser, which is to read no further."""


class Connection(HttpToolsProtocol):
    """One connection: the request that it sends, and those that wait to be answered."""

    server_state: Room

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        # What is wrong with what it sends; once it was told so, nothing more is read.
        self._why = "request_malformed"
        self._deaf = False
        self._in_head = False
        self._unfinished = False
        self._last = False
        self._answered: RequestResponseCycle | None = None
        # Bytes since the last that meant something: of a head, or between two pieces of a body.
        self._idle_bytes = 0
        self._body_bytes = 0
        self._since = self.loop.time()
        self._paused = (0.0, 0)

    @property
    def unsent(self) -> int:
        """How many bytes of answers its client has not taken."""
        return int(self.transport.get_write_buffer_size())

    def late(self, now: float) -> float:
        """For how many seconds it has made us wait, beyond what its bytes explain; else 0."""
        if self in self.server_state.unsent:
            since, size = self._paused
            return now - since - (size - self.unsent) / BYTES_PER_SECOND
        if self._is_owed() and not self.transport.is_closing():
            return 0.0
        return now - self._since - self._body_bytes / BYTES_PER_SECOND

    def cut(self) -> None:
        """End it: without a word where it does not listen, or has said nothing."""
        telemetry.CUT.inc()
        blocked = self in self.server_state.unsent
        self.server_state.leave(self)
        if self._unfinished and not blocked and not self.transport.is_closing():
            self._refuse("request_timeout")
        else:
            self.transport.abort()

    def connection_made(self, transport: Any) -> None:
        """Let it in, where need be in the place of another."""
        super().connection_made(transport)
        if not self.server_state.enter(self.loop.time()):
            self._refuse("busy")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it, and let whoever still writes to it know."""
        if self._answered is not None:
            # The server looks at the newest request alone, and pipelined ones stand before it.
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)
        self.server_state.leave(self)

    def data_received(self, data: bytes) -> None:
        """Parse what came, piece by piece, and account for what it leaves unfinished."""
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        try:
            for start in range(0, len(data), PIECE_BYTES):
                self._feed(data[start : start + PIECE_BYTES])
        except httptools.HttpParserUpgrade:
            # Answered as if it had asked for nothing else; what follows is in nobody's language.
            self._deaf = True
        except (httptools.HttpParserError, _Stop):
            self._refuse(self._why)
            return
        unfinished = self.server_state.unfinished
        if not self._unfinished:
            unfinished.discard(self)
        elif self not in unfinished:
            self.server_state.begin(self, self.loop.time())

    def _feed(self, piece: bytes) -> None:
        self.parser.feed_data(piece)
        if not self._unfinished:
            return
        self._idle_bytes += len(piece)
        if self._idle_bytes > HEAD_BYTES:
            if self._in_head:
                self._why = "head_too_large"
            raise _Stop

    def on_message_begin(self) -> None:
        """A request begins, and with it the time that its client has."""
        super().on_message_begin()
        self._in_head = self._unfinished = True
        self._since = self.loop.time()
        self._idle_bytes = self._body_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; one that follows the body (a trailer) is not a header of the request."""
        if not self._in_head:
            return
        if len(self.headers) >= HEADERS:
            self._why = "head_too_large"
            raise _Stop
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request on, if it can be understood in one way only."""
        if len(self.pipeline) >= PIPELINED:
            self._why = "busy"
            raise _Stop
        if not self._is_plain():
            raise _Stop
        super().on_headers_complete()
        self._last = self.parser.should_upgrade() or not self.cycle.keep_alive
        # To close before the body has come would take the answer away with it.
        self.cycle.keep_alive = True
        self._in_head = False
        self._idle_bytes = 0

    def _is_plain(self) -> bool:
        """Whether nobody on the way here could see another end, or another host, in this head."""
        hosts, lengths, codings = 0, [], []
        for name, value in self.headers:
            if name == b"host":
                hosts += 1
            elif name == b"content-length":
                lengths.append(value.strip())
            elif name == b"transfer-encoding":
                codings.append(value.strip().lower())
        version = self.parser.get_http_version()
        if version not in {"1.0", "1.1"} or self.parser.get_method() == b"CONNECT":
            return False
        # The parser takes what follows a request to upgrade for no body, whatever its length.
        if self.parser.should_upgrade() and (codings or lengths not in ([], [b"0"])):
            return False
        if codings and (version == "1.0" or codings != [b"chunked"]):
            return False
        return hosts == 1 or (hosts == 0 and version == "1.0")

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        """Hand a piece of a body on; of one that was answered already only so much is awaited."""
        self._idle_bytes = 0
        self._body_bytes += len(body)
        if self.cycle.response_complete and self._body_bytes > DISCARDED_BYTES:
            raise _Stop
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is all there."""
        self._unfinished = False
        super().on_message_complete()
        if self._last and self.cycle.response_complete:
            self.transport.close()
        elif self._last:
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        """From here on its client makes us wait."""
        self._since = self.loop.time()
        self._body_bytes = 0
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Its client does not take what it asked for."""
        super().pause_writing()
        now = self.loop.time()
        self._paused = (now, self.unsent)
        self.server_state.keep(self, now)

    def resume_writing(self) -> None:
        """It does take it."""
        super().resume_writing()
        self.server_state.unsent.discard(self)

    def _is_owed(self) -> bool:
        """Whether it waits for us: a request of its is all there, and not answered."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            return False
        return bool(self.pipeline) or not cycle.more_body or self.flow.read_paused

    def _refuse(self, code: str) -> None:
        """Say why it ends, unless that could be taken for the answer to another request."""
        telemetry.REFUSALS.labels(code).inc()
        self._deaf = True
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and (self._in_head or not self._unfinished):
            if not cycle.response_complete:
                # What was asked before is answered, and this is not.
                cycle.keep_alive = False
                return
        elif cycle is not None:
            if self.pipeline or cycle.response_started:
                self.transport.close()
                return
            cycle.disconnected = True
            cycle.message_event.set()
        self.flow.resume_reading()
        self.transport.write(_refusal(code, self.headers or ()))
        self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)


def _refusal(code: str, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A problem as it leaves where no handler was asked."""
    accepted = next((value for name, value in headers if name == b"accept-language"), b"")
    language = negotiate(accepted.decode("latin-1"))
    status = STATUS[code]
    body = json.dumps(describe(code, status, language, {}), ensure_ascii=False).encode()
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Type: {MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
        f"Content-Language: {language}",
        "Cache-Control: no-store",
        "Connection: close",
    ]
    if status in RETRY_AFTER_SECONDS:
        lines.append(f"Retry-After: {RETRY_AFTER_SECONDS[status]}")
    return "\r\n".join([*lines, "", ""]).encode() + body
