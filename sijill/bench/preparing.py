"""Signed requests, ready to send, made by all processors before any clock starts."""

import os
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from infrastructure.keyfiles import load_private_key
from infrastructure.proofs import signing
from infrastructure.proofs.jwk import PrivateKey
from infrastructure.proofs.orders import JSON, NDJSON, ORDER_LIFE_SECONDS
from sijill.bench.lines import Issuance, Lines, root
from sijill.bench.load import write_requests
from sijill.bench.servers import Office
from sijill.client import Draft

HOST = "bench"
SINGLE_PATH = "/v1/certificates"
BULK_PATH = "/v1/certificates/bulk"
REASON = "issued_in_error"
INLINE = 2_000
"""So few requests are made sooner than a process starts."""


@dataclass(frozen=True, slots=True)
class Made:
    """Requests, and the codes of the certificates that they issue, in order."""

    requests: list[bytes]
    codes: list[str]


def singles(office: Office, path: Path, count: int) -> list[str]:
    """Write so many requests that issue one certificate each; their codes."""
    return _write(path, _spread(partial(make_singles, office), count, apart=count > INLINE))


def bulks(office: Office, path: Path, orders: int, lines: int) -> list[str]:
    """Write so many requests that issue `lines` certificates each; the codes of all."""
    apart = orders > 1 and orders * lines > INLINE
    return _write(path, _spread(partial(make_bulks, office, lines), orders, apart=apart))


def questions(path: Path, codes: Sequence[str]) -> None:
    """Write a request for the verdict on each code."""
    write_requests(path, [question(code) for code in codes])


def question(code: str) -> bytes:
    """The request for the verdict on a code."""
    return f"GET /v1/verify/{code} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


def revocation(office: Office, key: PrivateKey, code: str) -> bytes:
    """A signed request that revokes a certificate."""
    path = f"/v1/certificates/{code}/revocation"
    draft = Draft.plain("certificate.revoke", office.agency, path, code=code, reason=REASON)
    signed = signing.sign_order(key, head_of(office, path), [draft.envelope])
    return request(path, signed)


def make_singles(office: Office, count: int) -> Made:
    """In this process: requests for one certificate each, in a series that nobody has used."""
    key, made = load_private_key(office.key), new_series(office).several(count)
    return Made(
        [_order(office, key, SINGLE_PATH, [line], JSON) for line in made],
        [line.code for line in made],
    )


def make_bulks(office: Office, lines_each: int, orders: int) -> Made:
    """In this process: requests for several certificates each."""
    lines = new_series(office)
    made = Made([], [])
    for _ in range(orders):
        one = make_bulk(office, lines, lines_each)
        made.requests.extend(one.requests)
        made.codes.extend(one.codes)
    return made


def make_bulk(office: Office, lines: Lines, count: int) -> Made:
    """A request for the next so many certificates of a series."""
    order = lines.several(count)
    made = _order(office, load_private_key(office.key), BULK_PATH, order, NDJSON)
    return Made([made], [line.code for line in order])


def new_series(office: Office) -> Lines:
    """Lines of an office in a series that nobody has used."""
    return Lines(office.agency, f"s-{secrets.token_hex(6)}")


def request(path: str, signed: signing.SignedBody) -> bytes:
    """A signed body as it goes over the wire."""
    head = [f"POST {path} HTTP/1.1", f"Host: {HOST}"]
    head += [f"{name}: {value}" for name, value in signed.headers.items()]
    head += [f"Content-Length: {len(signed.body)}", "", ""]
    return "\r\n".join(head).encode() + signed.body


def _order(
    office: Office, key: PrivateKey, path: str, lines: Sequence[Issuance], kind: str
) -> bytes:
    body = lines[0].raw if kind == JSON else b"".join(line.raw + b"\n" for line in lines)
    cover = signing.Cover(root(lines), len(lines))
    return request(
        path, signing.sign_body(key, head_of(office, path), cover, body=body, content_type=kind)
    )


def head_of(office: Office, path: str) -> signing.Head:
    """What an order of an office to a path is signed with."""
    now = int(time.time())
    return signing.Head(
        path=path,
        ledger=office.ledger,
        idempotency_key=signing.new_idempotency_key(),
        created=now,
        expires=now + ORDER_LIFE_SECONDS,
    )


def _spread(make: Callable[[int], Made], count: int, *, apart: bool) -> list[Made]:
    """Made by as many processes as there are processors, or in this one."""
    if not apart:
        return [make(count)]
    processes = os.cpu_count() or 1
    shares = [count // processes + (place < count % processes) for place in range(processes)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return list(pool.map(make, filter(None, shares)))


def _write(path: Path, parts: Sequence[Made]) -> list[str]:
    write_requests(path, [request for part in parts for request in part.requests])
    return [code for part in parts for code in part.codes]
