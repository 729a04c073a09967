"""Signed bulk orders over HTTP from processes that make, sign and send them one after the other."""

import http.client
import json
import os
import random
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from typing import Any
from urllib.parse import urlsplit

from sijill.bench.figures import OnStep
from sijill.bench.lines import Lines
from sijill.bench.loading import LoadFailed
from sijill.bench.preparing import make_bulk, new_series
from sijill.bench.servers import Office, Served

LINES = 2_000
MORE_THAN_PROCESSORS = 1
"""While one waits for its answer another makes its lines."""

TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Filled:
    """What was issued: receipts of some of it, drawn at random, and the curve.

    A point of the curve says how many certificates there were after so many seconds.
    """

    receipts: list[str]
    seconds: float
    curve: list[dict[str, float]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Task:
    url: str
    office: Office
    lines: int
    share: float


def fill(served: Served, certificates: int, sampled: int, on_step: OnStep) -> Filled:
    """Issue so many certificates by the bulk road of a served ledger.

    Raises:
        LoadFailed: an order, or a line of one, was refused.
    """
    whole, rest = divmod(certificates, LINES)
    share = min(1.0, 1.2 * sampled / certificates)
    sizes = [LINES] * whole + ([rest] if rest else [])
    tasks = [_Task(served.url, served.office, size, share) for size in sizes]
    receipts: list[str] = []
    curve: list[dict[str, float]] = []
    done = 0
    processes = (os.cpu_count() or 1) + MORE_THAN_PROCESSORS
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        started = time.monotonic()
        for size, kept in pool.map(_send, tasks):
            done += size
            receipts += kept
            seconds = time.monotonic() - started
            curve.append({"events": done, "seconds": round(seconds, 3)})
            on_step("issue", done, certificates, done / seconds)
    return Filled(random.sample(receipts, min(sampled, len(receipts))), seconds, curve)


def _send(task: _Task) -> tuple[int, list[str]]:
    """Make, sign and send one order; how many lines were recorded, and some of their receipts."""
    [request] = make_bulk(task.office, _series(task.office), task.lines).requests
    lines = post(task.url, request, task.lines)
    return len(lines), _drawn(lines, task.share)


@cache
def _series(office: Office) -> Lines:
    """This process's own, for all its orders: a body has at most 4,096 registers of a year."""
    return new_series(office)


def post(url: str, request: bytes, count: int) -> list[bytes]:
    """Send a bulk order, as it goes over the wire, and return the answers to its lines.

    Raises:
        LoadFailed: it, or one of its so many lines, was refused.
    """
    address = urlsplit(url)
    place = (str(address.hostname), int(address.port or 0))
    with socket.create_connection(place, timeout=TIMEOUT_SECONDS) as link:
        link.sendall(request)
        answer = http.client.HTTPResponse(link)
        answer.begin()
        lines = answer.read().splitlines()
    if answer.status != http.HTTPStatus.OK or len(lines) != count:
        raise LoadFailed(repr(b"\n".join(lines)[:500]))
    if any(b'"problem"' in line for line in lines):
        raise LoadFailed(next(line for line in lines if b'"problem"' in line).decode())
    return lines


def _drawn(lines: Sequence[bytes], share: float) -> list[str]:
    chosen = [line for line in lines if random.random() < share]  # noqa: S311 - which receipt is tried guards nothing
    return [_receipt(json.loads(line)) for line in chosen]


def _receipt(answer: dict[str, Any]) -> str:
    return str(answer["receipt"])
