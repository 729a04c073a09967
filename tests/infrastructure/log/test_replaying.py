"""The log once more: the same root, however it is cut, and the first leaf that does not fit."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, LiteralString

import pytest

from infrastructure.log import replaying
from infrastructure.log.leaves import BrokenChain, checked_leaf_hashes
from infrastructure.log.replaying import Part, Replayed, join, replay, replay_part, workers
from infrastructure.postgres import Role, Urls, connect, connect_async
from infrastructure.proofs import merkle
from infrastructure.proofs.leaf import FIRST_PREV
from tests.appending import append_events

SIZE = 600
PART = 128


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "PART_LEAVES", PART)


@pytest.fixture
def log(database: Urls) -> Urls:
    append_events(database, SIZE)
    return database


def hashes(urls: Urls) -> list[bytes]:
    """As the sealer reads them."""

    async def read() -> list[bytes]:
        async with await connect_async(urls.service, Role.SERVICE) as conn:
            return await checked_leaf_hashes(conn, 0, SIZE)

    return asyncio.run(read())


def change(urls: Urls, statement: LiteralString, *parameters: Any) -> None:
    """Behind the ledger's back, as somebody who owns the server can."""
    with connect(urls.admin, None, autocommit=True) as admin:
        admin.execute("ALTER TABLE ledger.events DISABLE TRIGGER refuse_change")
        admin.execute("ALTER TABLE ledger.events_0 DISABLE TRIGGER refuse_change")
        admin.execute(statement, parameters)


def broken_at(urls: Urls, processes: int = 1) -> int:
    with workers(urls.service, processes) as work, pytest.raises(BrokenChain) as found:
        replay(work, SIZE)
    return found.value.index


@pytest.mark.parametrize("processes", [1, 2])
def test_the_root_is_that_of_the_leaves_whoever_computes_it(log: Urls, processes: int) -> None:
    expected = merkle.root(hashes(log))
    told: list[int] = []
    with workers(log.service, processes) as work:
        found = replay(work, SIZE, told.append)

    assert found == Replayed(SIZE, expected)
    assert told == [128, 256, 384, 512, 600]


@pytest.mark.parametrize("size", [0, 1, 127, 128, 129, 256, 385])
def test_it_goes_as_far_as_it_is_told(log: Urls, size: int) -> None:
    with workers(log.service) as work:
        assert replay(work, size).root == merkle.root(hashes(log)[:size])


@pytest.mark.parametrize(
    "statement,index",
    [
        pytest.param(
            "UPDATE ledger.events SET header_digest = sha256(header_digest) WHERE index = %s",
            0,
            id="first",
        ),
        pytest.param(
            "UPDATE ledger.events SET body_digest = sha256(body_digest) WHERE index = %s",
            127,
            id="last of a part",
        ),
        pytest.param(
            "UPDATE ledger.events SET leaf_hash = sha256(leaf_hash) WHERE index = %s",
            128,
            id="first of a part",
        ),
        pytest.param(
            "UPDATE ledger.events SET leaf_hash = sha256(leaf_hash) WHERE index = %s",
            599,
            id="last",
        ),
    ],
)
def test_a_changed_leaf_is_named(log: Urls, statement: LiteralString, index: int) -> None:
    change(log, statement, index)

    assert broken_at(log) == index


def test_another_process_names_it_as_well(log: Urls) -> None:
    change(log, "UPDATE ledger.events SET time = time + 1 WHERE index = %s", 300)

    assert broken_at(log, processes=2) == 300


def test_a_missing_leaf_is_named(log: Urls) -> None:
    change(log, "DELETE FROM ledger.events WHERE index IN (130, 599)")

    assert broken_at(log) == 130


def test_the_end_that_is_missing_is_named(log: Urls) -> None:
    change(log, "DELETE FROM ledger.events WHERE index >= %s", 598)

    assert broken_at(log) == 598


def test_a_digest_of_another_length_does_not_shift_what_follows(log: Urls) -> None:
    change(log, "UPDATE ledger.events SET body_digest = '\\x00' WHERE index = %s", 300)

    assert broken_at(log) <= 300


def parts(urls: Urls) -> list[Part]:
    with connect(urls.service, Role.SERVICE, autocommit=True) as conn:
        return [replay_part(conn, start, min(start + PART, SIZE)) for start in range(0, SIZE, PART)]


def test_parts_that_do_not_meet_are_no_log(log: Urls) -> None:
    """Each is sound in itself; only what the one before has computed tells that it is another's."""
    whole = parts(log)
    foreign = replace(whole[2], prev=FIRST_PREV)
    early = replace(whole[3], first_time=0)

    assert join(whole).root == merkle.root(hashes(log))
    for wrong, index in (
        ([*whole[:2], foreign, *whole[3:]], 256),
        ([*whole[:3], early, whole[4]], 384),
        ([whole[0], *whole[2:]], 256),
        (whole[1:], 128),
    ):
        assert broken(wrong) == index


def broken(given: Sequence[Part]) -> int:
    with pytest.raises(BrokenChain) as found:
        join(given)
    return found.value.index
