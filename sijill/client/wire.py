"""HTTP with patience: what is sent is sent again as the same bytes until it is answered for good.

An order may be sent any number of times, because the ledger answers the repetition of what it
recorded with what it recorded. So silence, a broken answer and *not now* are all met alike.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2

from sijill.client.errors import NOT_A_LEDGER, Refused, Unreachable
from sijill.client.prepared import Prepared

TOO_MANY_REQUESTS = 429
SERVER_ERROR = 500
LONGEST_PAUSE_SECONDS = 10.0
_PAGE = "text/html"
_PROBLEM = "application/problem+json"
_LASTING = frozenset({"record_key_missing"})
"""Failures of the ledger's that are no *not now*: people have to do something first."""

_T = TypeVar("_T")


class Unfinished(Exception):
    """An answer that is not the whole one: the request is to be sent again."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is sent, and how long is waited before the second time (then doubled)."""

    tries: int = 8
    pause_seconds: float = 0.2

    def pauses(self) -> Iterator[float]:
        """The pause before each try, in seconds."""
        yield 0.0
        for attempt in range(self.tries - 1):
            yield min(LONGEST_PAUSE_SECONDS, self.pause_seconds * 2**attempt)


ORDER = Patience()
QUESTION = Patience(tries=4)


def query_of(query: Mapping[str, Any]) -> dict[str, str]:
    """A query's parameters; those that are None are left out."""
    return {name: str(value) for name, value in query.items() if value is not None}


class Wire:
    """One address, its connections, and the patience to reach it."""

    def __init__(self, http: httpx2.Client, patience: Patience) -> None:
        self._http = http
        self._patience = patience

    def request(self, method: str, path: str, **options: Any) -> httpx2.Request:
        """A request to this address, not sent."""
        return self._http.build_request(method, path, **options)

    def order(self, prepared: Prepared) -> httpx2.Request:
        """The request of a signed order, not sent."""
        return self.request("POST", prepared.path, content=prepared.body, headers=prepared.headers)

    def send(self, request: httpx2.Request) -> httpx2.Response:
        """Send until the whole answer is there.

        Raises:
            Refused: it is a problem that no repetition changes soon.
            Unreachable: it never came, or every time it was *not now*.
        """

        def whole(response: httpx2.Response) -> httpx2.Response:
            response.read()
            return response

        return self.exchange(request, whole)

    def ask(self, request: httpx2.Request) -> Any:
        """Send, and read the answer as JSON.

        Raises:
            Refused, Unreachable: as `take`.
        """
        return self.take(request, json.loads)[1]

    def take(
        self, request: httpx2.Request, parse: Callable[[bytes], _T]
    ) -> tuple[httpx2.Response, _T]:
        """Send, and read the answer by `parse`, which raises ValueError where it has not the form.

        Raises:
            Refused, Unreachable: as `send`; `not_a_ledger`, where a portal says that all is well.
        """
        response = self.send(request)
        return response, _parsed(response, parse)

    def data(
        self,
        request: httpx2.Request,
        form: Callable[[bytes], object],
        *,
        own: Callable[[httpx2.Response], bool],
    ) -> bytes:
        """Send, and return the answer's bytes: `form` reads them, or they are the ledger's `own`.

        Raises:
            Refused, Unreachable: as `take`.
        """
        response = self.send(request)
        if not own(response):
            _parsed(response, form)
        return response.content

    def exchange(
        self,
        request: httpx2.Request,
        read: Callable[[httpx2.Response], _T],
        *,
        order: bool = False,
    ) -> _T:
        """Send until `read` has read a whole success; it raises `Unfinished` if it cannot.

        `order`: the request is one, which whoever hears of no answer may send again.

        Raises:
            Refused, Unreachable: as `send`.
        """
        told: str | Mapping[str, Any] = "no try was allowed"
        wanted = 0.0
        for pause in self._patience.pauses():
            time.sleep(max(pause, wanted if pause else 0.0))
            try:
                response = self._http.send(request, stream=True)
                try:
                    if _is_page(response):
                        raise Refused(_foreign(response))
                    if response.is_success:
                        return read(response)
                    response.read()
                finally:
                    response.close()
            except (httpx2.TransportError, httpx2.DecodingError, Unfinished) as error:
                told, wanted = f"{type(error).__name__}: {error}", 0.0
                continue
            problem = _problem(response)
            if not _passing(response) or problem["code"] in _LASTING:
                raise Refused(problem)
            told, wanted = problem, _retry_after(response)
        detail = f"{request.method} {request.url.path}, {self._patience.tries} tries"
        if isinstance(told, str):
            raise Unreachable(f"{detail}: {told}", order=order)
        # Of what something between says, nobody who reads this knows what it means.
        said = told if "type" in told else None
        raise Unreachable(f"{detail}: {told.get('code')}", said, order=order)


def _parsed(response: httpx2.Response, parse: Callable[[bytes], _T]) -> _T:
    """What an answer says; what has not the form is no ledger's."""
    try:
        return parse(response.content)
    except ValueError:
        raise Refused(_foreign(response)) from None


def _is_page(response: httpx2.Response) -> bool:
    """Whether a portal says that all is well: no client of a ledger asks for a page."""
    return response.is_success and media_type(response) == _PAGE


def media_type(response: httpx2.Response) -> str:
    """The media type of an answer without its parameters; empty where it names none."""
    text: str = response.headers.get("content-type", "")
    return text.partition(";")[0].strip().lower()


def _passing(response: httpx2.Response) -> bool:
    """Whether the same request may be answered otherwise a moment later."""
    if response.status_code == TOO_MANY_REQUESTS:
        # What lasts longer than our longest pause is for people to mend.
        return _asked_to_wait(response) <= LONGEST_PAUSE_SECONDS
    return response.status_code >= SERVER_ERROR


def _retry_after(response: httpx2.Response) -> float:
    return min(LONGEST_PAUSE_SECONDS, _asked_to_wait(response))


def _asked_to_wait(response: httpx2.Response) -> float:
    seconds = response.headers.get("retry-after", "")
    return float(seconds) if seconds.isdigit() else 0.0


def _problem(response: httpx2.Response) -> Mapping[str, Any]:
    """The problem in an answer; something between may have answered, in JSON of its own.

    A ledger's word is typed as a problem and names its code twice, as `api/problems.py` writes it.
    A ledger newer than this client may have codes of which nothing is known here.
    """
    try:
        value = response.json()
    except ValueError:
        value = None
    if media_type(response) == _PROBLEM and isinstance(value, dict):
        code = value.get("code")
        if isinstance(code, str) and value.get("type") == f"/problems/{code}":
            return value
    return _foreign(response)


def _foreign(response: httpx2.Response) -> Mapping[str, Any]:
    code = NOT_A_LEDGER if response.status_code < SERVER_ERROR else "internal"
    return {"code": code, "status": response.status_code, "detail": response.reason_phrase}
