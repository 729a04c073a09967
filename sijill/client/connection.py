"""One agency's (or nobody's) connection to one ledger."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import httpx2

from infrastructure.proofs import receipts, signing
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.jwk import PrivateKey
from infrastructure.proofs.material import text_of
from infrastructure.proofs.orders import (
    COSIGNED_LIFE_SECONDS,
    JSON,
    NDJSON,
    ORDER_LIFE_SECONDS,
    POSSESSION_TAG,
)
from sijill.client import answers, rotation, trust
from sijill.client.answers import OnLine
from sijill.client.errors import Late, Refused, Untrustworthy
from sijill.client.prepared import Prepared, statement_digests
from sijill.client.state import State
from sijill.client.trust import Identity
from sijill.client.wire import ORDER, Patience, Wire, query_of

READ_LIFE_SECONDS = 300
PAGE_ITEMS = 200


class Client:
    """Signs, sends, and keeps what it was answered. Not for use by several threads at once.

    Args:
        url: the ledger's address.
        agency: the agency that this client speaks for.
        key: the agency's key, for orders and signed reads.
        state: the folder that `State` describes; None keeps nothing.
        language: of the texts in problems, `ar`, `ckb` or `en`.
        patience: how long to go on when there is no answer.
        timeout_seconds: for each try.
        transport: instead of TCP.
    """

    def __init__(
        self,
        url: str,
        *,
        agency: str | None = None,
        key: PrivateKey | None = None,
        state: Path | None = None,
        language: str = "en",
        patience: Patience = ORDER,
        timeout_seconds: float = 60.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.agency = agency
        self.key = key
        self.state = State(state) if state else None
        self._http = httpx2.Client(
            base_url=self.url,
            timeout=timeout_seconds,
            headers={"Accept-Language": language, "User-Agent": "sijill-client"},
            transport=transport,
        )
        self.wire = Wire(self._http, patience)
        self._identity: Identity | None = None

    def __enter__(self) -> Self:
        """Use as a context manager to let the connections go."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    @property
    def identity(self) -> Identity:
        """The ledger's identity, asked once and pinned in the state folder.

        Raises:
            Untrustworthy: the address now answers as another ledger than the pinned one.
        """
        if self._identity is None:
            self._identity = self._identify()
        return self._identity

    def _identify(self) -> Identity:
        data = self.text("/v1/ledger", json.loads)
        said = Identity.parse(data)
        pinned = self.state.read("ledger.json") if self.state else None
        known = Identity.parse(pinned) if pinned is not None else said
        if (known.ledger, known.origin) != (said.ledger, said.origin):
            self._suspect("ledger", data)
            raise Untrustworthy("this address answers as another ledger than the one known")
        if said.log not in known.log_keys:
            known = rotation.follow(known, json.loads(data), self._opening)
        if self.state and known.encode() != pinned:
            self.state.write("ledger.json", known.encode())
        return known

    def _opening(self, index: int) -> Mapping[str, Any]:
        window: dict[str, Any] = {"from": index, "to": index + 1}
        page = self.get("/v1/log/openings", signed=False, **window)
        return next(iter(page["openings"]), {})

    def get(
        self, path: str, *, signed: bool | None = None, key: PrivateKey | None = None, **query: Any
    ) -> Any:
        """Read one resource as JSON; signed when there is a key, unless told otherwise.

        Raises:
            Refused: with the ledger's problem. Unreachable: no answer.
        """
        request = self.wire.request("GET", path, params=query_of(query))
        signer = key or self.key
        if signer and signed is not False:
            self.sign_read(request, signer)
        return self.wire.ask(request)

    def post(
        self, path: str, body: Mapping[str, Any], *, signed: bool = False, **query: Any
    ) -> Any:
        """Ask a question that needs a body, because it holds values; nothing is recorded."""
        request = self.wire.request("POST", path, params=query_of(query), json=dict(body))
        if signed:
            self.sign_read(request, self._require_key(None))
        return self.wire.ask(request)

    def pages(
        self, path: str, *, limit: int, body: Mapping[str, Any] | None = None, **query: Any
    ) -> Iterator[Any]:
        """At most `limit` items of a paged resource, page after page; with a body it is asked."""
        while limit > 0:
            query["limit"] = min(limit, PAGE_ITEMS)
            if body is None:
                page = self.get(path, **query)
            else:
                page = self.post(path, body, signed=True, **query)
            # A page may hold more: what shares one place in the log is not torn apart.
            yield from page["items"][:limit]
            limit -= len(page["items"])
            if page.get("next") is None:
                return
            query["after"] = page["next"]

    def text(self, path: str, form: Callable[[bytes], object] = bytes) -> bytes:
        """Read one resource as bytes, unsigned; what `form` cannot read is no ledger's answer."""
        return self.wire.take(self.wire.request("GET", path), form)[0].content

    def prepare(
        self,
        path: str,
        lines: Sequence[bytes],
        *,
        bulk: bool = False,
        atomic: bool = False,
        cosigned: bool = False,
        key: PrivateKey | None = None,
        marks: Sequence[str] = (),
        journal: bool = True,
    ) -> Prepared:
        """Sign an order over envelopes (see `signing.envelope`) and journal it.

        A co-signed order may wait for 30 days, any other for an hour.

        Raises:
            ProofError: what the ledger would refuse for its form.
        """
        signed = signing.sign_order(
            self._require_key(key),
            self._head(path, COSIGNED_LIFE_SECONDS if cosigned else ORDER_LIFE_SECONDS),
            lines,
            content_type=NDJSON if bulk else JSON,
            atomic=atomic,
        )
        prepared = Prepared.of(path, signed, statement_digests(lines), marks)
        return self._journal(prepared) if journal else prepared

    def possess(self, path: str, envelope: bytes, key: PrivateKey) -> Prepared:
        """The proof that an enrolment's new key is possessed: the same line, signed by that key."""
        head = self._head(path, COSIGNED_LIFE_SECONDS)
        signed = signing.sign_order(key, head, [envelope], tag=POSSESSION_TAG)
        return self._journal(Prepared.of(path, signed, statement_digests([envelope]), ()))

    def order(self, order: str, *, key: PrivateKey | None = None) -> dict[str, Any]:
        """A pending order with all its statements, as far as the ledger shows them."""
        path = f"/v1/orders/{order}"
        shown: dict[str, Any] = self.get(path, key=key)
        statements = list(shown.get("statements", []))
        while len(statements) < shown.get("lines", 0):
            onwards: dict[str, Any] = {"from": len(statements)}
            more = self.get(path, key=key, **onwards).get("statements")
            if not more:
                break
            statements += more
        return {**shown, "statements": statements}

    def approve(self, order: str, **how: Any) -> Any:
        """Countersign (or refuse) a pending order, as `countersign` does, and send that.

        Raises:
            Untrustworthy: what would be signed is not what was shown.
            Refused, Unreachable: as `send`; and nothing is sent for an order that is closed.
        """
        return self.send(self.countersign(order, **how))

    def countersign(
        self,
        order: str,
        *,
        key: PrivateKey | None = None,
        refuse: bool = False,
        shown: Mapping[str, Any] | None = None,
    ) -> Prepared:
        """Sign the approval (or refusal) of an order; `shown` is what `order` answered, if read."""
        read = shown or self.order(order, key=key)
        cover, digests = trust.read_order(read, read["statements"])
        path = f"/v1/orders/{trust.spelled(order)}/{'refusal' if refuse else 'approval'}"
        head = self._head(path, COSIGNED_LIFE_SECONDS)
        signed = signing.sign_approval(self._require_key(key), head, cover)
        return self._journal(Prepared.of(path, signed, digests, ()))

    def send(
        self, prepared: Prepared, *, on_line: OnLine | None = None, settle: bool = True
    ) -> Any:
        """Send a request until it is answered for good; receipts are verified and kept.

        A bulk's lines are handed to `on_line` as they come, each once. `settle=False` leaves the
        request in the journal, for a caller who has yet to hand on what is in it. An order that
        waits for signatures is kept, so that it can be sent again for its receipt.

        Returns the answer of a single order as an object, of a recorded bulk as a list of line
        objects in line order; an order that waits for signatures is an object with its `order`.

        Raises:
            Refused: the whole. Unreachable: no answer. What was not judged is journaled still.
            Late: lines of a bulk are not recorded, because it came too late for them.
            Untrustworthy: a receipt is missing or does not fit what was sent.
        """
        request = self.wire.order(prepared)
        identity = self.identity
        told: set[int] = set()

        def read(response: httpx2.Response) -> Any:
            if response.headers.get("content-type", "").startswith(NDJSON):
                return answers.read_lines(response, prepared, identity, told, on_line)
            return answers.read_one(response, prepared, identity)

        try:
            answer = self.wire.exchange(request, read, order=True)
            if self.state:
                self.state.keep(prepared, answer)
            answers.require_in_time(answer, prepared)
        except Refused as refused:
            # Of what came late, codes and secrets of recorded lines have yet to be told.
            if refused.judged and (settle or not isinstance(refused, Late)):
                self.settle(prepared)
            raise
        except Untrustworthy as error:
            self._suspect("answer", error.evidence)
            raise
        if self.state and answers.is_open(answer):
            self.state.park(prepared)
        elif settle:
            self.settle(prepared)
        return answer

    def check(
        self, lines: Sequence[bytes], on_line: OnLine | None = None, *, path: str = answers.BULK
    ) -> list[dict[str, Any]]:
        """What a bulk of these envelopes would be answered, line by line; nothing is recorded."""
        prepared = self.prepare(path + answers.CHECK, lines, bulk=True, journal=False)
        request = self.wire.order(prepared)
        told: set[int] = set()
        return self.wire.exchange(
            request,
            lambda got: answers.read_lines(got, prepared, self.identity, told, on_line),
        )

    def settle(self, prepared: Prepared) -> None:
        """Forget a request: it has been answered, and whoever waits for the answer has it."""
        if self.state:
            self.state.settle(prepared)

    def resume(self) -> Iterator[tuple[Prepared, Any]]:
        """Send again what a crash left in the journal; nothing is doubled, as keys are the same.

        What the ledger refuses now comes with the `Refused` in the answer's place. What an entry of
        the outbox was signed as is left to the outbox, which otherwise would sign that entry anew.
        """
        for prepared in self.state.interrupted() if self.state else []:
            try:
                yield prepared, self.send(prepared)
            except Refused as refused:
                yield prepared, refused

    def checkpoint(self) -> Checkpoint:
        """The newest checkpoint, verified, consistent with the newest one seen, and kept.

        Raises:
            Untrustworthy: signed by another key, or not consistent with the one kept.
        """
        return self.accept(self.text("/log/checkpoint", text_of))

    def accept(self, data: bytes) -> Checkpoint:
        """As `checkpoint`, of a note that was shown elsewhere: the newer of it and the one kept."""
        try:
            newest = trust.open_checkpoint(data, self.identity)
            if self.state is None:
                return newest
            with self.state.locked():
                return self._keep_checkpoint(self.state, newest, data)
        except Untrustworthy as error:
            self._suspect("checkpoint", error.evidence or data)
            raise

    def prove(self, receipt: receipts.Receipt, head: Checkpoint) -> None:
        """Have the ledger prove that a checkpoint covers what a receipt promised.

        Raises:
            Untrustworthy: it cannot. ValueError: the checkpoint is older than the receipt.
        """
        if receipt.index >= head.size:
            raise ValueError("the checkpoint does not reach this index yet")
        answer = self._proof("inclusion", index=receipt.index, size=head.size)
        trust.require_included(receipt, head, answer)

    def _keep_checkpoint(self, state: State, newest: Checkpoint, data: bytes) -> Checkpoint:
        kept = state.read("checkpoint")
        if kept is not None:
            older = trust.open_checkpoint(kept, self.identity)
            trust.require_consistent(older, newest, self._consistency)
            if newest.size <= older.size:
                return older
        state.write("checkpoint", data)
        return newest

    def _consistency(self, old_size: int, new_size: int) -> Mapping[str, Any]:
        return self._proof("consistency", **{"from": old_size, "to": new_size})

    def _proof(self, kind: str, **about: Any) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = self.get(f"/v1/proofs/{kind}", signed=False, **about)
        except Refused as refused:
            if not refused.judged:
                raise
            raise Untrustworthy(f"no proof of {kind} of {about}: {refused}") from refused
        return answer

    def _suspect(self, what: str, data: bytes) -> None:
        if self.state:
            self.state.suspect(what, data)

    def sign_read(self, request: httpx2.Request, key: PrivateKey) -> None:
        """Make a request a signed read."""
        now = int(time.time())
        headers = signing.sign_read(
            key,
            method=request.method,
            path=request.url.raw_path.decode().partition("?")[0],
            query=request.url.query.decode(),
            ledger=self.identity.ledger,
            created=now,
            expires=now + READ_LIFE_SECONDS,
        )
        request.headers.update(headers)

    def _head(self, path: str, life_seconds: int) -> signing.Head:
        now = int(time.time())
        return signing.Head(
            path=path,
            ledger=self.identity.ledger,
            idempotency_key=signing.new_idempotency_key(),
            created=now,
            expires=now + life_seconds,
        )

    def _journal(self, prepared: Prepared) -> Prepared:
        if self.state:
            self.state.journal(prepared)
        return prepared

    def _require_key(self, key: PrivateKey | None) -> PrivateKey:
        chosen = key or self.key
        if chosen is None:
            raise ValueError("an order needs a key")
        return chosen
