import os
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection

from domain.values import uuid7
from infrastructure import vault
from infrastructure.log import pending
from infrastructure.log.committer import append
from infrastructure.postgres import Role, Urls, connect, connect_async
from infrastructure.vault import (
    RecordKeyMissing,
    SealBroken,
    SealedLine,
    ValuesErased,
    Vault,
    VaultKeyWrong,
)
from tests.infrastructure.log.making import a_request, a_stream, an_event
from tests.infrastructure.log.test_pending import a_pending, a_signature

VAULT = Vault(bytes(range(32)))
OWNER = uuid7(0)
DIGEST = bytes(32)


def new_key(vault: Vault = VAULT) -> bytes:
    wrapped, _ = vault.seal_new(OWNER, DIGEST, b"")
    return wrapped


@pytest.fixture
def service(database: Urls) -> Iterator[Connection[Any]]:
    with connect(database.service, Role.SERVICE, autocommit=True) as conn:
        yield conn


@pytest.fixture
def admin(database: Urls) -> Iterator[Connection[Any]]:
    with connect(database.admin, None, autocommit=True) as conn:
        yield conn


@given(st.binary())
def test_what_was_sealed_opens(data: bytes) -> None:
    wrapped = new_key()
    sealed = VAULT.seal(wrapped, OWNER, DIGEST, data)
    assert VAULT.open(wrapped, OWNER, DIGEST, sealed) == data
    assert len(sealed) == len(data) + 28


@given(st.binary())
def test_what_was_sealed_with_a_new_key_opens_with_that(data: bytes) -> None:
    wrapped, sealed = VAULT.seal_new(OWNER, DIGEST, data)
    assert VAULT.open(wrapped, OWNER, DIGEST, sealed) == data


def test_one_value_sealed_twice_looks_different() -> None:
    wrapped = new_key()
    assert VAULT.seal(wrapped, OWNER, DIGEST, b"x") != VAULT.seal(wrapped, OWNER, DIGEST, b"x")
    assert new_key() != wrapped


@given(st.integers(0, 27 + 5), st.integers(1, 255))
def test_a_changed_seal_does_not_open(place: int, change: int) -> None:
    wrapped = new_key()
    sealed = bytearray(VAULT.seal(wrapped, OWNER, DIGEST, b"value"))
    sealed[place] ^= change
    with pytest.raises(SealBroken):
        VAULT.open(wrapped, OWNER, DIGEST, bytes(sealed))
    with pytest.raises(SealBroken):
        VAULT.open(wrapped, OWNER, DIGEST, bytes(sealed[:place]))


def test_a_seal_belongs_to_its_record_and_its_statement() -> None:
    wrapped = new_key()
    sealed = VAULT.seal(wrapped, OWNER, DIGEST, b"value")
    with pytest.raises(SealBroken):
        VAULT.open(wrapped, uuid7(1), DIGEST, sealed)
    with pytest.raises(SealBroken):
        VAULT.open(wrapped, OWNER, os.urandom(32), sealed)
    with pytest.raises(SealBroken):
        VAULT.open(new_key(), OWNER, DIGEST, sealed)


def test_another_vault_opens_nothing() -> None:
    wrapped = new_key()
    for foreign in (
        wrapped[:-1] + bytes([wrapped[-1] ^ 1]),
        b"short",
        b"",
        new_key(Vault(bytes(32))),
    ):
        with pytest.raises(VaultKeyWrong):
            VAULT.seal(foreign, OWNER, DIGEST, b"value")


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_the_key_has_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32"):
        Vault(bytes(size))


def test_it_does_not_show_its_key() -> None:
    assert repr(VAULT) == "Vault()"


def test_lookups_are_stable_and_apart() -> None:
    found = VAULT.lookup("name", "ahmad")
    assert found == Vault(bytes(range(32))).lookup("name", "ahmad")
    others = {
        VAULT.lookup("name", "ahmed"),
        VAULT.lookup("nam", "eahmad"),
        VAULT.lookup("number", "ahmad"),
        Vault(bytes(32)).lookup("name", "ahmad"),
    }
    assert len(others | {found}) == 5
    # Fixed for ever: rows written today are looked up in years.
    assert found.hex() == "2ac15f440b0d919dde4b94ce2194d8373f1ec8cadf6d61cc50cf148e7c62febc"


def a_record(conn: Connection[Any], wrapped: bytes, *, name: str = "ahmad") -> tuple[UUID, bytes]:
    stream = a_stream()
    sealed = VAULT.seal(wrapped, stream, DIGEST, b"value")
    lookups = [("name", VAULT.lookup("name", name))]
    event = an_event(stream, sealed=sealed, lookups=lookups)
    append(conn, [a_request(None, event, record_keys={stream: wrapped})])
    return stream, sealed


def test_a_value_comes_back_from_the_database(service: Connection[Any]) -> None:
    stream, _ = a_record(service, new_key())
    line = vault.sealed_line(service, 0)
    assert line is not None
    wrapped = vault.record_key(service, line.stream)
    assert VAULT.open(wrapped, stream, DIGEST, line.sealed) == b"value"
    assert vault.sealed_line(service, 1) is None


@pytest.mark.anyio
async def test_the_event_loop_reads_the_same(database: Urls, service: Connection[Any]) -> None:
    wrapped = new_key()
    stream, sealed = a_record(service, wrapped)
    other, _ = a_record(service, new_key())
    a_record(service, new_key(), name="zaynab")
    conn = await connect_async(database.service, Role.SERVICE, autocommit=True)
    async with conn:
        assert await vault.record_key_async(conn, stream) == wrapped
        assert await vault.sealed_line_async(conn, 0) == SealedLine(stream, sealed)
        assert await vault.sealed_line_async(conn, 3) is None
        found = await vault.streams_found(conn, "name", VAULT.lookup("name", "ahmad"))
        assert found == [stream, other]
        with pytest.raises(RecordKeyMissing):
            await vault.record_key_async(conn, a_stream())


def test_erased_and_missing_are_told_apart(service: Connection[Any]) -> None:
    stream, _ = a_record(service, new_key())
    append(service, [a_request(None, an_event(stream, 2), erase=[stream])])
    with pytest.raises(ValuesErased) as erased:
        vault.record_key(service, stream)
    assert erased.value.code == "values_erased"
    # The sealed bytes stay: without their key they are noise, and deleting them would prove less.
    assert vault.sealed_line(service, 0) is not None
    with pytest.raises(RecordKeyMissing) as missing:
        vault.record_key(service, a_stream())
    assert missing.value.code == "record_key_missing"


def test_a_restored_key_gives_nothing_back(
    service: Connection[Any], admin: Connection[Any]
) -> None:
    """Record keys are backed up apart: an old copy of them may meet a log that has erased."""
    wrapped = new_key()
    stream, _ = a_record(service, wrapped)
    kept, _ = a_record(service, new_key(), name="zaynab")
    copied = admin.execute("SELECT * FROM vault.lookups").fetchall()
    append(service, [a_request(None, an_event(stream, 2), erase=[stream])])
    admin.execute("INSERT INTO vault_keys.records VALUES (%s, %s)", (stream, wrapped))
    admin.cursor().executemany(
        "INSERT INTO vault.lookups VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING", copied
    )
    with pytest.raises(ValuesErased):
        vault.record_key(service, stream)
    vault.apply_erasures(service)
    assert admin.execute("SELECT stream FROM vault_keys.records").fetchall() == [(kept,)]
    assert admin.execute("SELECT stream FROM vault.lookups").fetchall() == [(kept,)]


@pytest.mark.anyio
async def test_a_restored_key_of_a_closed_order_is_destroyed_again(
    database: Urls, service: Connection[Any], admin: Connection[Any]
) -> None:
    """Its body is gone here, and opens in an older dump."""
    closed, open_still = a_pending("key-1"), a_pending("key-2")
    async with await connect_async(database.service, Role.SERVICE, autocommit=True) as conn:
        for order in (closed, open_still):
            await pending.insert(conn, order, a_signature())
        await pending.refuse(conn, closed.id, "refused_by moj")
    for returned in (closed.id, a_stream()):
        admin.execute("INSERT INTO vault_keys.pending VALUES (%s, %s)", (returned, b"wrapped"))

    vault.apply_erasures(service)

    assert admin.execute("SELECT id FROM vault_keys.pending").fetchall() == [(open_still.id,)]
