"""Authentication: turns an HTTP request into an order whose signature holds, or into a refusal.

The order of the checks is the order of their cost: sizes, headers, digests, statements, then the
signature. It must not know what an act means: which keys may do what is judged by the domain, under
guards, when the act is decided.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect, Request

from api.policy import ANONYMOUS, Caller
from api.problems import Problem
from api.threads import off_loop
from domain.acts import Command, parse_command
from domain.errors import ClaimBlank, Refusal
from domain.values.comparison import is_blank
from infrastructure.proofs import disclosures, orders, reads
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.jwk import PublicKey, parse_jwk
from infrastructure.proofs.orders import BODY_LIMIT_BYTES, LINE_LIMIT_BYTES, Line, SignedRequest

if TYPE_CHECKING:
    from api.limits import Place
    from api.services import Services

KEYS_REMEMBERED = 20_000
READ_LIFE_SECONDS = 300
OUT_OF_TIME = frozenset({"order_in_future", "order_expired"})
# Whoever fell silent would keep its place for ever.
BODY_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Arrived:
    """An order as it arrived, its signature verified: what every later step works on.

    Attributes:
        request: its signed head.
        body: its bytes.
        lines: its lines by their number.
        commands: what the lines say, by number; a line that no act allows is in `errors` instead.
        errors: why a line is refused, whatever the ledger holds.
        read_us: what our clock said when it was judged.
        late: it is out of its time now. It may still repeat an order that was recorded in time.
    """

    request: SignedRequest
    body: bytes = field(repr=False)
    lines: Mapping[int, Line] = field(repr=False)
    commands: Mapping[int, Command] = field(repr=False)
    read_us: int
    errors: Mapping[int, Exception] = field(default_factory=dict)
    late: ProofError | None = None

    @property
    def only(self) -> Command:
        """The command of a single order.

        Raises:
            Problem: it is not single. Refusal, ProofError: why its statement is refused.
        """
        if len(self.lines) != 1 or self.request.content_type != orders.JSON:
            raise Problem("one_line_expected")
        if self.errors:
            raise self.errors[0]
        return self.commands[0]


@dataclass(slots=True)
class KeyRing:
    """Public keys by thumbprint. A thumbprint means one key for ever: nothing here goes stale."""

    _keys: OrderedDict[str, PublicKey] = field(default_factory=OrderedDict)

    def get(self, thumbprint: str) -> PublicKey | None:
        """A key seen before, or None."""
        return self._keys.get(thumbprint)

    def put(self, thumbprint: str, key: PublicKey) -> None:
        """Remember a key; the oldest is forgotten first."""
        self._keys[thumbprint] = key
        if len(self._keys) > KEYS_REMEMBERED:
            self._keys.popitem(last=False)


def now_us() -> int:
    """The service's clock: microseconds UTC."""
    return time.time_ns() // 1000


async def read_body(request: Request, limit_bytes: int = BODY_LIMIT_BYTES) -> bytes:
    """The body as it was sent, never more than the limit in memory.

    Raises:
        Problem: `content_encoding_unsupported`: nothing here inflates. `body_too_large`;
            `client_gone`, also where it takes longer than two minutes.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Problem("content_encoding_unsupported")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit_bytes:
        raise Problem("body_too_large")
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                size += len(piece)
                if size > limit_bytes:
                    raise Problem("body_too_large")
                pieces.append(piece)
    except (ClientDisconnect, TimeoutError) as error:
        raise Problem("client_gone") from error
    return b"".join(pieces)


def head_of(request: Request) -> SignedRequest:
    """The signed head of a request, every header in its one spelling.

    Raises:
        ProofError: the profile's refusals.
    """
    return orders.parse_request(
        request.method, raw_path(request), request.headers.items(), query=raw_query(request)
    )


async def arrive(
    request: Request,
    services: "Services",
    *,
    head: SignedRequest | None = None,
    bulk: "Place | None" = None,
) -> Arrived:
    """Authenticate an order: everything about its bytes and its signature, nothing about rights.

    `head` is the request's head where it was read already.

    The body of a `bulk` takes a place, and nothing but what the body says is left unchecked then.

    Raises:
        ProofError, Problem: each with the code of what is wrong.
    """
    head = head or head_of(request)
    if bulk is not None:
        await _take_place(services, head, bulk)
    body = await read_body(request, LINE_LIMIT_BYTES if bulk is None else BODY_LIMIT_BYTES)
    _require_order(head)
    key = await key_of(services, head.keyid)
    now = now_us()
    judge = partial(judge_bytes, head, body, key, services.ledger_id, now)
    try:
        return await off_loop(judge, max(head.lines, len(body) // LINE_LIMIT_BYTES))
    except ProofError as error:
        raise await blamed(services, error, now) from error


async def _take_place(services: "Services", head: SignedRequest, place: "Place") -> None:
    """Take a place for an order's body, in the name of the agency whose signature was found right.

    The signature covers the body's digest. Who signs too late, or with a key that has ended, may
    still repeat what was recorded, and waits for others of its kind.
    """
    head.check_ledger(services.ledger_id)
    _require_order(head)
    head.check_signature(await key_of(services, head.keyid))
    now = now_us()
    try:
        late = lateness(head, now)
    except ProofError as error:
        raise await blamed(services, error, now) from error
    agency, ended = await off_loop(partial(_condition, services, head.keyid))
    await place.take(agency, ended=ended or late is not None)


def _condition(services: "Services", thumbprint: str) -> tuple[str, bool]:
    """Whose a key is, and whether it may not sign any more."""
    key = services.ledger.key(thumbprint, services.directory)
    try:
        services.caller_of(thumbprint)
    except Refusal:
        return key.agency, True
    return key.agency, False


def _require_order(head: SignedRequest) -> None:
    if head.tag != orders.ORDER_TAG:
        raise ProofError("tag_unknown", "an order is expected here")


def lateness(head: SignedRequest, read_us: int) -> ProofError | None:
    """Why a signed request is out of its time by now; None while it is in it.

    Every life up to that of a co-signed order is let through here; acts that need no second
    signature are held to the hour where the act is known.

    Raises:
        ProofError: its time has not come, or is too long.
    """
    try:
        head.check_time(read_us, life_seconds=orders.COSIGNED_LIFE_SECONDS)
    except ProofError as error:
        if error.code != "order_expired":
            raise
        return error
    return None


async def blamed(services: "Services", error: ProofError, read_us: int) -> Exception:
    """What is to be told for a refusal by the clock that said `read_us`.

    Whoever signed in time is not told that it was not, only because our clock is wrong.
    """
    doubt = await services.doubt(read_us) if error.code in OUT_OF_TIME else None
    return doubt or error


def judge_bytes(
    head: SignedRequest, body: bytes, key: PublicKey, ledger: bytes, read_us: int
) -> Arrived:
    """Check ledger, digest, lines, statements, commitments, time and signature, cheapest first.

    `read_us` is this clock's, which judges the time.
    """
    head.check_ledger(ledger)
    orders.check_body(head, body)
    lines = orders.parse_lines(head, body)
    head.check_signature(key)
    late = lateness(head, read_us)
    commands, errors = read_commands(lines)
    if len({command.agency for command in commands.values()}) > 1:
        raise Problem("lines_of_several_agencies")
    return Arrived(head, body, dict(enumerate(lines)), commands, read_us, errors, late)


def read_commands(lines: Iterable[Line]) -> tuple[dict[int, Command], dict[int, Exception]]:
    """The commands of the lines by their number, and what is wrong with the others."""
    commands: dict[int, Command] = {}
    errors: dict[int, Exception] = {}
    for number, line in enumerate(lines):
        try:
            command = parse_command(line.parsed)
            claims = vars(command).get("claims") or {}
            _check_values(disclosures.check_claims(claims, line.disclosures, line.opened))
        except (Refusal, ProofError) as error:
            errors[number] = error
        else:
            commands[number] = command
    return commands, errors


def _check_values(values: Mapping[str, str]) -> None:
    """Refuse a value that says nothing: whatever blank is presented would be the same as it.

    Only on arrival. The record's format has a place for it, and what was recorded before stands.
    """
    for name, value in values.items():
        if is_blank(value):
            raise ClaimBlank(claim=name)


async def key_of(services: "Services", thumbprint: str) -> PublicKey:
    """The public key that was enrolled under a thumbprint, whatever its standing now.

    Raises:
        Problem: `key_unknown`.
    """
    known = services.keys.get(thumbprint)
    if known is not None:
        return known
    jwk = await off_loop(partial(services.jwk, thumbprint))
    if jwk is None:
        raise Problem("key_unknown")
    key = parse_jwk(jwk)
    services.keys.put(thumbprint, key)
    return key


async def caller(request: Request, services: "Services", *, required: bool = False) -> Caller:
    """Who asks: an agency by a signed read, or nobody when the request is not signed.

    Raises:
        ProofError, Problem: the request is signed, but not as it should be; or it must be.
    """
    if "signature-input" not in request.headers:
        if required:
            raise ProofError("signature_missing", "this resource needs a signed read")
        return ANONYMOUS
    head = read_head(request)
    check_read(head, await key_of(services, head.keyid), services)
    found = await off_loop(partial(services.caller_of, head.keyid))
    request.state.caller = found
    return found


def read_head(request: Request) -> reads.SignedRead:
    """The head of a signed read.

    Raises:
        ProofError: it is not signed, or not in the one spelling.
    """
    return reads.parse_read(
        request.method, raw_path(request), raw_query(request), request.headers.items()
    )


def check_read(head: reads.SignedRead, key: PublicKey, services: "Services") -> None:
    """Return when a read is signed for this ledger, in its time, by this key."""
    head.check_ledger(services.ledger_id)
    head.check_time(now_us(), life_seconds=READ_LIFE_SECONDS)
    head.check_signature(key)


def raw_query(request: Request) -> str:
    """The query as it stood on the request line."""
    query: bytes = request.scope["query_string"]
    return query.decode("latin-1")


def raw_path(request: Request) -> str:
    """The path as it stood on the request line: what was signed, not what was decoded."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    return raw.partition(b"?")[0].decode("ascii", "replace")
