"""What a connection may be: shapes that are refused, and by which answer; what others still get."""

import gzip
import json
import socket
import threading
import zlib
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from api.connections import (
    HEAD_BYTES,
    HEADERS,
    PIPELINED,
)
from tests.api.talking import Wire
from tests.serving import Served

HOST = b"Host: ledger\r\n"
HIDDEN = b"GET /livez HTTP/1.1\r\nHost: ledger\r\n\r\n"
ASK = b'{"code": "x"}'


def post(path: str, *fields: bytes, body: bytes = b"") -> bytes:
    """A request with exactly these header fields."""
    head = b"".join(field + b"\r\n" for field in fields)
    return f"POST {path} HTTP/1.1\r\n".encode() + head + b"\r\n" + body


def verify(*fields: bytes, body: bytes = b"") -> bytes:
    given = (HOST.strip(), b"Content-Type: application/json", *fields)
    return post("/v1/verify", *given, body=body)


def exchange(served: Served, sent: bytes) -> bytes:
    """All that a ledger says until it closes, to somebody who listens while sending."""
    address = urlsplit(served.url)
    said = b""
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:

        def send() -> None:
            with suppress(OSError):  # it was told why before
                connection.sendall(sent)

        sending = threading.Thread(target=send)
        sending.start()
        with suppress(ConnectionError):
            while piece := connection.recv(65_536):
                said += piece
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        sending.join()
    return said


def statuses(said: bytes) -> list[int]:
    """The status of each answer in what was said."""
    return [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]]


def problem(said: bytes) -> tuple[int, str]:
    """Status and code of the one problem that was said."""
    [status] = statuses(said)
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    told = json.loads(body)
    assert told["status"] == status
    return status, told["code"]


def chunks(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


LENGTH = b"Content-Length: %d" % len(HIDDEN)
CHUNKED = b"Transfer-Encoding: chunked"
EMPTY = b"0\r\n\r\n"
SHAPES = {
    "no host": b"GET /livez HTTP/1.1\r\n\r\n" + HIDDEN,
    "two hosts": b"GET /livez HTTP/1.1\r\n" + HOST * 2 + b"\r\n" + HIDDEN,
    "two lengths": verify(b"Content-Length: 0", LENGTH, body=HIDDEN),
    "two equal lengths": verify(LENGTH, LENGTH, body=HIDDEN),
    "a list of lengths": verify(b"Content-Length: 0, 37", body=HIDDEN),
    "a length with a sign": verify(b"Content-Length: +0", body=HIDDEN),
    "a length below nothing": verify(b"Content-Length: -1", body=HIDDEN),
    "a length beyond all numbers": verify(b"Content-Length: " + b"9" * 40, body=HIDDEN),
    "a length in hexadecimal": verify(b"Content-Length: 0x0", body=HIDDEN),
    "length, then chunks": verify(LENGTH, CHUNKED, body=EMPTY + HIDDEN),
    "chunks, then length": verify(CHUNKED, LENGTH, body=EMPTY + HIDDEN),
    "two codings": verify(CHUNKED, b"Transfer-Encoding: identity", body=EMPTY + HIDDEN),
    "chunked twice": verify(CHUNKED, CHUNKED, body=EMPTY + HIDDEN),
    "a coding before chunks": verify(b"Transfer-Encoding: gzip, chunked", body=EMPTY + HIDDEN),
    "a coding like chunks": verify(b"Transfer-Encoding: xchunked", body=EMPTY + HIDDEN),
    "no coding at all": verify(b"Transfer-Encoding: identity", LENGTH, body=HIDDEN),
    "a space before the colon": verify(b"Transfer-Encoding : chunked", body=EMPTY + HIDDEN),
    "a space before the name": verify(b" Transfer-Encoding: chunked", body=EMPTY + HIDDEN),
    "a folded value": verify(b"X: a\r\n b", b"Content-Length: 0", body=HIDDEN),
    "a bare return": verify(b"X: a\rTransfer-Encoding: chunked", body=EMPTY + HIDDEN),
    "a bare line feed": verify(b"X: a\nTransfer-Encoding: chunked", body=EMPTY + HIDDEN),
    "nothing in a value": verify(b"X: a\x00b", b"Content-Length: 0", body=HIDDEN),
    "chunks before their time": (
        b"POST /v1/verify HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n\r\n" + EMPTY + HIDDEN
    ),
    "an upgrade with a body": verify(
        b"Connection: Upgrade", b"Upgrade: h2c", LENGTH, body=HIDDEN + HIDDEN
    ),
    "an upgrade with chunks": verify(
        b"Connection: Upgrade", b"Upgrade: websocket", CHUNKED, body=EMPTY + HIDDEN
    ),
    "a tunnel": b"CONNECT example.org:443 HTTP/1.1\r\n" + HOST + b"\r\n" + HIDDEN,
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN,
    "another version": b"GET /livez HTTP/3.7\r\n" + HOST + b"\r\n" + HIDDEN,
    "no protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + HIDDEN,
    "a size of a chunk that is none": verify(CHUNKED, body=b"ZZ\r\n" + HIDDEN),
    "a negative chunk": verify(CHUNKED, body=b"-1\r\n" + HIDDEN),
    "a chunk that is longer than it says": verify(CHUNKED, body=b"1\r\nabc\r\n" + HIDDEN),
    "a chunk beyond all numbers": verify(CHUNKED, body=b"f" * 40 + b"\r\n" + HIDDEN),
    "a chunk whose extension never ends": verify(CHUNKED, body=b"1;" + b"x" * 2 * HEAD_BYTES),
    "a trailer that never ends": verify(CHUNKED, body=b"0\r\nx: " + b"x" * 2 * HEAD_BYTES),
    "trailers that never end": verify(CHUNKED, body=b"0\r\n" + b"x: y\r\n" * HEAD_BYTES),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_could_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_answered(
    served: Served, shape: str
) -> None:
    assert problem(exchange(served, SHAPES[shape])) == (400, "request_malformed")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /livez HTTP/1.1\r\n" + HOST + b"x: " + b"y" * 10_000_000 + b"\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n" + HOST + b"x" * 10_000_000 + b": y\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n" + HOST + b"x: y\r\n" * 100_000 + b"\r\n",
        b"GET /livez HTTP/1.1\r\n" + HOST + b"x: y\r\n" * HEADERS + b"\r\n",
    ],
    ids=["address", "value", "name", "many", "one too many"],
)
def test_a_head_beyond_all_measure_is_refused_while_it_comes(served: Served, head: bytes) -> None:
    assert problem(exchange(served, head)) == (431, "head_too_large")


def test_a_head_of_the_allowed_size_is_taken(served: Served) -> None:
    fields = HOST + b"Connection: close\r\n" + b"x: y\r\n" * (HEADERS - 2)

    assert statuses(exchange(served, b"GET /livez HTTP/1.1\r\n" + fields + b"\r\n")) == [200]
    long = b"GET /livez?" + b"x" * (HEAD_BYTES // 2) + b" HTTP/1.1\r\nConnection: close\r\n"
    assert statuses(exchange(served, long + HOST + b"\r\n")) == [200]


BOMB = b" " * 20_000_000


@pytest.mark.parametrize(
    "coding,packed",
    [
        ("gzip", gzip.compress(BOMB)),
        ("deflate", zlib.compress(BOMB)),
        ("br", b"\x00"),
        ("zstd", b"\x00"),
        ("gzip, gzip", gzip.compress(gzip.compress(BOMB))),
        ("GZIP", gzip.compress(BOMB)),
        ("", ASK),
    ],
)
@pytest.mark.parametrize("path", ["/v1/verify", "/v1/certificates/search"])
def test_nothing_that_is_packed_is_opened(
    wire: Wire, path: str, coding: str, packed: bytes
) -> None:
    headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
    answer = wire.post(path, headers, packed)

    assert (answer.status_code, answer.json()["code"]) == (415, "content_encoding_unsupported")


@pytest.mark.parametrize("last", [b"Connection: close", b"Connection: keep-alive"])
@pytest.mark.parametrize("path", ["/v1/verify", "/v1/agencies", "/v1/certificates/bulk"])
def test_ten_megabytes_are_refused_and_whoever_sends_them_hears_it(
    served: Served, path: str, last: bytes
) -> None:
    """The connection is not closed over the answer; where it is kept, it goes on."""
    size = 10_000_000
    length = b"Content-Length: %d" % size
    given = (HOST.strip(), b"Content-Type: application/json", length, last)
    end = b"GET /livez HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n"
    said = exchange(served, post(path, *given, body=b"x" * size + end))

    told = statuses(said)
    assert 400 <= told[0] < 500
    assert told[1:] == ([] if last.endswith(b"close") else [200])


def test_chunks_without_end_are_given_up(served: Served) -> None:
    body = chunks(b"x" * 65_536) * 2_000
    said = exchange(served, verify(CHUNKED, body=body))

    # The limit is met long before the sender has said all; it may not hear the answer any more.
    assert statuses(said) in ([413], [])


def test_more_requests_at_once_than_anybody_needs_end_with_the_connection(served: Served) -> None:
    told = statuses(exchange(served, HIDDEN * 100_000))

    # Read in pieces: what one piece holds is parsed before the first answer leaves.
    assert set(told) <= {200}
    assert PIPELINED < len(told) <= 2 * PIPELINED


def test_a_few_requests_at_once_are_answered_in_order(served: Served) -> None:
    last = b"GET /v1/none HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n"

    told = statuses(exchange(served, HIDDEN * (PIPELINED - 1) + last))

    assert told == [200] * (PIPELINED - 1) + [404]


def test_what_follows_a_request_is_not_taken_for_its_answer(served: Served) -> None:
    """The first is answered; the noise behind it ends the connection without a word."""
    assert statuses(exchange(served, HIDDEN + b"\x00\x01\x02\r\n\r\n")) == [200]


@pytest.mark.parametrize("coding", [b"Upgrade: h2c", b"Upgrade: websocket"])
def test_an_upgrade_that_nobody_needs_is_passed_over(served: Served, coding: bytes) -> None:
    head = b"GET /livez HTTP/1.1\r\nConnection: Upgrade\r\n" + coding + b"\r\n" + HOST + b"\r\n"

    assert statuses(exchange(served, head + HIDDEN)) == [200]


def test_what_follows_a_body_is_no_header(served: Served) -> None:
    """A proxy looks at headers, and lets trailers through."""
    body = chunks(ASK) + b"0\r\nContent-Encoding: gzip\r\nAccept-Language: en\r\n\r\n"
    said = exchange(served, verify(CHUNKED, b"Connection: close", body=body))

    assert statuses(said) == [200]
    assert b"content-language: ar" in said


def test_a_refusal_is_told_in_the_language_that_was_asked_for(served: Served) -> None:
    said = exchange(served, verify(b"Accept-Language: en", LENGTH, LENGTH))

    assert b"Content-Language: en" in said
    assert "Not readable as HTTP" in said.decode()
