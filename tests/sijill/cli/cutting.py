"""What lies between an office and a ledger: a line that loses answers, a proxy with its page."""

import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import httpx2
import pytest


@contextmanager
def losing_answers(url: str) -> Iterator[str]:
    """The address of a go-between to `url`: reads are answered, answers to orders are lost."""
    upstream = httpx2.Client(base_url=url, timeout=60)

    class GoBetween(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = upstream.get(self.path, headers=dict(self.headers.items()))
            self.send_response(answer.status_code)
            for name in ("content-type", "retry-after"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            upstream.post(self.path, content=body, headers=dict(self.headers.items()))
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing: the test looks at what the client says."""

    try:
        with _serving(GoBetween) as address:
            yield address
    finally:
        upstream.close()


@contextmanager
def cut_off_hours_ago(url: str) -> Iterator[str]:
    """As `losing_answers`, for what was signed so long ago that nothing of it was recorded."""
    then = SimpleNamespace(time=lambda: time.time() - 7_200)
    with pytest.MonkeyPatch.context() as patch, losing_answers(url) as address:
        patch.setattr("sijill.client.connection.time", then)
        yield address


@contextmanager
def answering_page(status: int, kind: str = "text/html; charset=utf-8") -> Iterator[str]:
    """The address of a proxy that answers everything with a page of its own, typed as `kind`."""

    class Portal(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = b"<html>Please log in.</html>"
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with _serving(Portal) as address:
        yield address


@contextmanager
def _serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
