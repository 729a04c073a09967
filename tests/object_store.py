"""A store that speaks as much of S3 as objects need, on loopback; tests break it and mend it.

It checks no signature: what is tried is our side, through the library that speaks to real ones.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BUCKET = "attachments"


@dataclass
class ObjectStoreStandIn:
    """What the store holds, by key, and whether it works; its bucket may be gone as a whole."""

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    broken: bool = False
    bucketless: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """How a service is told of it."""
        return {
            "SIJILL_ATTACHMENTS_URL": f"s3://{BUCKET}/ledger",
            "AWS_ENDPOINT": self.url,
            "AWS_REGION": "loopback",
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
        }


class _Server(ThreadingHTTPServer):
    store: ObjectStoreStandIn


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_PUT(self) -> None:
        """PutObject."""
        data = self._body()
        if not self._store.broken:
            self._store.objects[self._key] = data
        self._answer(200)

    def do_GET(self) -> None:
        """GetObject, or ListObjectsV2 of the bucket."""
        if "list-type=2" in self.path:
            told = "".join(
                f"<Contents><Key>{key}</Key><LastModified>2026-11-27T10:00:00.000Z</LastModified>"
                f"<Size>{len(held)}</Size></Contents>"
                for key, held in sorted(self._store.objects.items())
            )
            self._answer(200, f"<ListBucketResult>{told}</ListBucketResult>".encode())
            return
        held = self._store.objects.get(self._key)
        self._answer(404 if held is None else 200, held or b"")

    def do_POST(self) -> None:
        """DeleteObjects: the library lets even one object go by the list."""
        keys = re.findall("<Key>([^<]*)</Key>", self._body().decode())
        for key in keys if not self._store.broken else ():
            self._store.objects.pop(key, None)
        told = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        self._answer(200, f"<DeleteResult>{told}</DeleteResult>".encode())

    @property
    def _store(self) -> ObjectStoreStandIn:
        return self.server.store

    @property
    def _key(self) -> str:
        return self.path.partition("?")[0].removeprefix(f"/{BUCKET}/")

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["content-length"]))

    def _answer(self, status: int, body: bytes = b"") -> None:
        if self._store.broken:
            status, body = 503, b""
        elif self._store.bucketless:
            status, body = 404, b"<Error><Code>NoSuchBucket</Code></Error>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"one"')
        self.send_header("Last-Modified", "Fri, 27 Nov 2026 10:00:00 GMT")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def standing_in() -> Iterator[ObjectStoreStandIn]:
    """A store until the block ends."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.store = store = ObjectStoreStandIn(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
