"""Founding a ledger: keys, database, and event 0, signed by both founding authorities.

An interrupted founding is simply run again: files that are there are kept, and only a ledger that
has its event 0 is refused.
"""

import asyncio
import base64
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import TypeAdapter, ValidationError

from domain.acts import parse_command
from domain.errors import Fault, LedgerAlreadyOpen, StatementInvalid
from domain.ledger import Ledger, Signed
from domain.values import Origin
from infrastructure import keyfiles, migrations, postgres
from infrastructure.log import committer
from infrastructure.log.batch import Appended, Order
from infrastructure.log.mapper import request_of
from infrastructure.log.reader import ClaimDirectory, load_head
from infrastructure.postgres import Role, Urls
from infrastructure.proofs import canonical, evidence, merkle, signing
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.jwk import PrivateKey, public_of
from infrastructure.proofs.note import SignerKey
from infrastructure.proofs.receipts import key_name
from projections import model
from sijill.client import statement, trust
from sijill.data import bodies
from sijill.folder import FOUNDERS, Folder
from sijill.settings import Settings

NO_LEDGER = bytes(32)
SCOPES = ("issue", "revoke", "register", "administer", "operate", "audit", "attest")
KINDS = {"ndc": "directorate", "comsec": "general_secretariat"}
LIFE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Founded:
    """A new ledger: its id (leaf hash of index 0), its origin, its folder."""

    ledger: bytes
    origin: str
    folder: Folder


def found(data: Path, origin: str) -> Founded:
    """Make a new ledger in `data`; PostgreSQL runs during the call and is stopped after it.

    Raises:
        StatementInvalid: no log can have this name. LedgerAlreadyOpen: there is one.
        EmbeddedServerError, DatabaseUnusableError, KeyFileError: what is in the way, and what to
            do about it.
    """
    _check_origin(origin)
    settings = Settings(data=data)
    external = settings.external()
    if external is not None:
        return found_on(external, data, origin)
    _check_unused(Folder(data))
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    server = settings.embedded()
    urls = server.start()
    try:
        return found_on(urls, data, origin)
    finally:
        server.stop()


def found_on(urls: Urls, data: Path, origin: str) -> Founded:
    """As `found`, on a server that runs."""
    _check_origin(origin)
    folder = Folder(data)
    _check_unused(folder)
    _check_empty(urls)
    migrations.upgrade(urls.admin)
    postgres.prepare(urls)
    with postgres.connect(urls.service, Role.SERVICE, autocommit=True) as connection:
        if load_head(connection).size > 0:
            raise LedgerAlreadyOpen
        _make_keys(folder, origin)
        signed = _sign_opening(folder, origin)
        ledger = Ledger(
            {
                "PERSISTENCE_MODULE": "infrastructure.log.recorder:LedgerFactory",
                "SIJILL_DATABASE_URL": urls.service,
            }
        )
        try:
            appended = _open(ledger, signed, connection)
        finally:
            ledger.close()
    asyncio.run(_ensure_read_model(urls))
    return Founded(appended.leaf_hashes[0], origin, folder)


def succeeding(origin: str, kept: Path) -> str:
    """The origin of a log that follows one that is over, whose last checkpoint a client `kept`.

    The record has no member for a predecessor and needs none: a log's name stands in its event 0,
    which both founders sign, and in all its checkpoints. The root is spelt in base32, because a
    part of a name is one character shorter than 64 hex digits.

    Raises:
        OSError: the folder holds no ledger or no checkpoint. Untrustworthy: they do not fit.
    """
    identity = trust.Identity.parse((kept / "ledger.json").read_bytes())
    last = trust.open_checkpoint((kept / "checkpoint").read_bytes(), identity)
    root = base64.b32encode(last.root).decode().rstrip("=").lower()
    return f"{origin}/after-{last.size}/{root}"


def _check_origin(origin: str) -> None:
    """Before anything is made: what a refused founding left behind would be in the way."""
    try:
        TypeAdapter(Origin).validate_python(origin)
    except ValidationError as error:
        fault = Fault("/origin", error.errors()[0]["type"])
        raise StatementInvalid((fault,)) from error


def _check_unused(folder: Folder) -> None:
    """Keys that have signed already: under them there must never be a second history."""
    if folder.mark.path.exists() and folder.mark.read().size > 0:
        raise LedgerAlreadyOpen


def _check_empty(urls: Urls) -> None:
    """Before its schema is touched: somebody's ledger is theirs to upgrade."""
    if migrations.current(urls.admin) is None:
        return
    with postgres.connect(urls.admin, None, autocommit=True) as admin:
        admin.execute("SET ROLE sijill_owner")
        if load_head(admin).size > 0:
            raise LedgerAlreadyOpen


async def _ensure_read_model(urls: Urls) -> None:
    """The read model's empty tables: whoever serves first finds them."""
    async with await postgres.connect_async(
        urls.keeper, Role.KEEPER, autocommit=True
    ) as connection:
        await model.ensure(connection)


def _make_keys(folder: Folder, origin: str) -> None:
    folder.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    names = [name for founder in FOUNDERS for name in (founder, f"{founder}-recovery")]
    for name in (*names, "log", "receipts"):
        if not folder.key(name).exists():
            keyfiles.create_private_key(folder.key(name), Ed25519PrivateKey.generate())
    if not folder.vault_key.exists():
        keyfiles.create_secret(folder.vault_key)
    begun = Checkpoint(origin, 0, merkle.EMPTY_ROOT)
    if folder.mark.path.exists() and folder.mark.read() != begun:
        # Left by a founding under another name, which never came to its event 0.
        folder.mark.path.unlink()
    if not folder.mark.path.exists():
        folder.mark.create(begun)


@dataclass(frozen=True, slots=True)
class _Opening:
    statement: bytes
    parsed: dict[str, Any]
    signatures: tuple[Any, ...]


def _sign_opening(folder: Folder, origin: str) -> _Opening:
    founders = [_founder(folder, name) for name in FOUNDERS]
    text = statement(
        "ledger.open",
        FOUNDERS[0],
        origin=origin,
        format=1,
        founders=founders,
        log_key=folder.log_keys(origin)[0].verifier.encode(),
        receipt_key=SignerKey(
            key_name(origin), keyfiles.load_seed(folder.key("receipts"))
        ).verifier.encode(),
    )
    operator, authority = (keyfiles.load_private_key(folder.key(name)) for name in FOUNDERS)
    order = signing.sign_order(operator, _head(), [signing.envelope(text)])
    cover = signing.Cover(order.request.root, 1)
    approval = signing.sign_approval(authority, _head(), cover)
    parsed = canonical.parse(text, limit_bytes=len(text))
    return _Opening(text, parsed, (order.request, approval.request))


def _head() -> signing.Head:
    now = int(time.time())
    return signing.Head(
        path="/v1/ledger",
        ledger=NO_LEDGER,
        idempotency_key=signing.new_idempotency_key(),
        created=now,
        expires=now + LIFE_SECONDS,
    )


def _founder(folder: Folder, name: str) -> dict[str, Any]:
    names = next(body.names for body in bodies() if body.id == name)
    return {
        "id": name,
        "kind": KINDS[name],
        "names": {"ar": names["ar"], "ckb": names["ckb"], "en": names["en"]},
        "key": _key(keyfiles.load_private_key(folder.key(name)), SCOPES),
        "recovery": _key(keyfiles.load_private_key(folder.key(f"{name}-recovery")), ("recovery",)),
    }


def _key(key: PrivateKey, scopes: tuple[str, ...]) -> dict[str, Any]:
    public = public_of(key)
    officer = "recovery" if scopes == ("recovery",) else "registrar"
    return {
        "jwk": public.jwk,
        "office": "founding-office",
        "officer": f"{officer}-1",
        "scopes": list(scopes),
    }


def _open(ledger: Ledger, opening: _Opening, connection: Any) -> Appended:
    order, approval = opening.signatures
    proof = evidence.encode_evidence(opening.signatures)
    factory: Any = ledger.factory
    signed = Signed(
        agency=FOUNDERS[0],
        keys=(order.keyid, approval.keyid),
        evidence=evidence.evidence_digest(proof),
        now=time.time_ns() // 1000,
        ledger_size=0,
    )
    directory = ClaimDirectory(factory.pool)
    command = parse_command(opening.parsed)
    decision = ledger.decide(command, opening.statement, signed, directory)
    request = request_of(
        decision,
        Order(
            agency=FOUNDERS[0],
            idempotency_key=order.idempotency_key,
            request_digest=order.request_digest,
            evidence=proof,
            statement_digests=canonical.statement_digest(opening.statement),
            lines=1,
            not_before=max(order.not_before_us, approval.not_before_us),
            not_after=min(order.not_after_us, approval.not_after_us),
        ),
    )
    (result,) = committer.append(connection, [request])
    if not isinstance(result, Appended):
        raise result
    return result
