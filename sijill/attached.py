"""The check of attachments: whether what the log commits to is still there, and still the same.

An operator can lose or change a file without touching the log; this names it. It needs the database
and the store, so it is for whoever has the data folder. Without the vault's key only the stored
bytes are compared with their names; with it each file is opened and its digest compared with the
statement that commits to it. One chunk in memory at a time.
"""

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from psycopg import Connection

from infrastructure import postgres
from infrastructure import vault as vaults
from infrastructure.attachments import records, sealing
from infrastructure.attachments.records import Bound
from infrastructure.attachments.stores import ObjectStore
from infrastructure.keyfiles import KeyFileError
from infrastructure.log.leaves import BrokenChain
from infrastructure.log.reader import load_events
from infrastructure.postgres import Role
from infrastructure.proofs import canonical, disclosures
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.findings import Finding, Summary
from infrastructure.proofs.leaf import split_body
from infrastructure.proofs.orders import LINE_LIMIT_BYTES
from infrastructure.vault import Vault, VaultError
from sijill import sealed
from sijill.bootstrap import connection_strings
from sijill.folder import Folder
from sijill.settings import Settings

MISSING = "attachment_object_missing"
ALTERED = "attachment_altered"
MISMATCH = "attachment_mismatch"


def check_folder(
    data: Path, summary: Summary, on_finding: Callable[[Finding], None], start: int = 0
) -> None:
    """Check, from an index on, the attachments and values of a ledger whose database runs.

    Raises:
        StoreFailure, psycopg.Error: they cannot be asked, so nothing can be said.
    """
    try:
        vault = Folder(data).vault()
    except KeyFileError:
        vault = None
    objects = Settings(data=data).storage().objects
    url = connection_strings(data).service
    with postgres.connect(url, Role.SERVICE, limits=postgres.PATIENT) as connection:
        connection.read_only = True
        check(connection, objects, vault, summary, on_finding, start)
        sealed.check(connection, vault, summary, on_finding, start)


def check(
    conn: Connection[Any],
    objects: ObjectStore,
    vault: Vault | None,
    summary: Summary,
    on_finding: Callable[[Finding], None],
    start: int = 0,
) -> None:
    """Check every attachment that a record has from an index on; findings are told as they come.

    Raises:
        StoreFailure: the store cannot be asked, so nothing can be said.
    """
    for bound in records.bound(conn, start):
        if bound.erased:
            continue
        summary.attachments += 1
        opening = _opening(conn, vault, bound)
        if opening is None:
            summary.skip("attachment_not_opened", bound.index)
        for code in _check(conn, objects, opening, bound):
            summary.findings += 1
            on_finding(Finding(code, bound.index, expected=bound.key))


def _opening(conn: Connection[Any], vault: Vault | None, bound: Bound) -> Vault | None:
    """The vault, where the record's key is there; one that is lost is a finding about its values.

    A logical backup leaves the keys out, and says nothing about the stored bytes.
    """
    if vault is None:
        return None
    try:
        vaults.record_key(conn, bound.stream)
    except vaults.RecordKeyMissing:
        return None
    except VaultError:
        pass
    return vault


def _check(
    conn: Connection[Any], objects: ObjectStore, vault: Vault | None, bound: Bound
) -> Iterator[str]:
    """What stands against one attachment: the first thing that does."""
    if bound.id is None or bound.size is None:
        yield MISSING
        return
    names = list(records.names_sync(conn, bound.id).values())
    if sealing.address_of(names).hex() != bound.key:
        yield ALTERED
        return
    try:
        key = _key(conn, vault, bound)
    except VaultError:
        yield ALTERED
        return
    digest = sha256()
    for number, name in enumerate(names):
        chunk = objects.get(name.hex())
        if chunk is None:
            yield MISSING
            return
        try:
            if sealing.name_of(chunk) != name:
                raise vaults.SealBroken("other bytes than its name says")  # noqa: TRY301 - one answer to both
            if key is not None:
                digest.update(sealing.unseal(key, bound.id, bound.size, number, chunk))
        except vaults.SealBroken:
            yield ALTERED
            return
    if vault is not None and digest.hexdigest() != _committed(conn, vault, bound):
        yield MISMATCH


def _key(conn: Connection[Any], vault: Vault | None, bound: Bound) -> bytes | None:
    if vault is None:
        return None
    if bound.record_wrapped is None:
        raise vaults.RecordKeyMissing("no key was kept for it")
    return vault.unwrap_under(vaults.record_key(conn, bound.stream), bound.record_wrapped)


def _committed(conn: Connection[Any], vault: Vault, bound: Bound) -> str | None:
    """The digest that the event at its index commits to; None where nothing vouches for one."""
    try:
        [event] = load_events(conn, bound.index, bound.index + 1)
        body = split_body(event.body)
        line = vaults.sealed_line(conn, bound.index)
        if line is None:
            return None
        digest = canonical.statement_digest(body.statement)
        wrapped = vaults.record_key(conn, line.stream)
        opened = vault.open(wrapped, line.stream, digest, line.sealed)
        envelope = canonical.parse_envelope(opened, limit_bytes=LINE_LIMIT_BYTES)
    except (BrokenChain, ProofError, VaultError, ValueError):
        return None
    commitment = body.parsed.get("claims", {}).get(bound.claim)
    for text in envelope.disclosures:
        if disclosures.digest(text) == commitment:
            one = disclosures.parse(text)
            return one.value if one.name == bound.claim else None
    return None
