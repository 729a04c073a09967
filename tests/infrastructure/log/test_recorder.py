from collections.abc import Iterator

import pytest
from eventsourcing.application import AggregateNotFoundError
from eventsourcing.persistence import (
    InfrastructureFactoryError,
    IntegrityError,
    NotSupportedError,
)

from domain.ledger import Decision, Ledger
from infrastructure.log.reader import ClaimDirectory
from infrastructure.log.recorder import LedgerFactory, LedgerRecorder
from infrastructure.log.refusals import IdempotencyKeyReused
from infrastructure.postgres import Urls
from tests.given_when_then import World, add, found
from tests.infrastructure.log.making import a_stream, an_order, now_us

MODULE = "infrastructure.log.recorder:LedgerFactory"


@pytest.fixture
def ledger(database: Urls) -> Iterator[Ledger]:
    env = {"PERSISTENCE_MODULE": MODULE, "SIJILL_DATABASE_URL": database.service}
    with Ledger(env) as ledger:
        yield ledger


@pytest.fixture
def directory(ledger: Ledger) -> ClaimDirectory:
    factory = ledger.factory
    assert isinstance(factory, LedgerFactory)
    return ClaimDirectory(factory.pool)


@pytest.fixture
def founding(ledger: Ledger, directory: ClaimDirectory) -> Decision:
    command, statement, signed = World(now=now_us()).read(found())
    return ledger.decide(command, statement, signed, directory)


def test_a_fact_is_saved_and_its_record_comes_back(
    ledger: Ledger, directory: ClaimDirectory, founding: Decision
) -> None:
    (recording,) = ledger.save(*founding.events, decision=founding, order=an_order())
    assert recording.notification.id == 1
    stream = founding.events[0].originator_id
    assert ledger.repository.get(stream).version == 1
    assert directory.find("ledger", "foundation") == stream
    command, statement, signed = World(now=now_us(), size=1).read(add("moj"))
    decision = ledger.decide(command, statement, signed, directory)
    assert decision.guards == {stream: 1}
    (recording,) = ledger.save(*decision.events, decision=decision, order=an_order())
    assert recording.notification.id == 2
    assert ledger.agency("moj", directory).id == "moj"


def test_a_stale_decision_conflicts(
    ledger: Ledger, directory: ClaimDirectory, founding: Decision
) -> None:
    ledger.save(*founding.events, decision=founding, order=an_order())
    world = World(now=now_us(), size=1)
    decisions = [ledger.decide(*world.read(add("moj")), directory) for _ in range(2)]
    stale = Decision(events=decisions[1].events, guards={founding.events[0].originator_id: 0})
    with pytest.raises(IntegrityError):
        ledger.save(*stale.events, decision=stale, order=an_order())
    ledger.save(*decisions[0].events, decision=decisions[0], order=an_order("key"))
    with pytest.raises(IdempotencyKeyReused):
        ledger.save(
            *decisions[1].events, decision=decisions[1], order=an_order("key", root="another")
        )


def test_the_log_takes_no_event_without_decision_and_order(
    ledger: Ledger, founding: Decision
) -> None:
    for parts in ({}, {"decision": founding}, {"order": an_order()}):
        with pytest.raises(NotSupportedError):
            ledger.save(*founding.events, **parts)
    assert ledger.save() == []
    assert ledger.recorder.max_notification_id() is None


def test_the_log_as_sections(ledger: Ledger, directory: ClaimDirectory, founding: Decision) -> None:
    ledger.save(*founding.events, decision=founding, order=an_order())
    for name in ("moj", "moi", "moh"):
        command, statement, signed = World(now=now_us(), size=1).read(add(name))
        decision = ledger.decide(command, statement, signed, directory)
        ledger.save(*decision.events, decision=decision, order=an_order())
    recorder = ledger.recorder
    assert recorder.max_notification_id() == 4

    def numbers(*where: int | None, **how: object) -> list[int]:
        return [one.id for one in recorder.select_notifications(*where, **how)]  # type: ignore[arg-type]  # as below

    assert numbers(None, 10) == [1, 2, 3, 4]
    assert numbers(2, 2) == [2, 3]
    assert numbers(2, 10, 3) == [2, 3]
    assert numbers(2, 10, inclusive_of_start=False) == [3, 4]
    assert numbers(1, 10, topics=["sijill.ledger.opened.v1"]) == [1]
    assert [one.id for one in ledger.notification_log.select(1, 10)] == [1, 2, 3, 4]


def test_what_it_does_not_offer(ledger: Ledger) -> None:
    recorder, factory = ledger.recorder, ledger.factory
    for refused in (
        recorder.subscribe,
        lambda: recorder.select_events(a_stream(), desc=True),
        lambda: factory.aggregate_recorder("snapshots"),
        factory.tracking_recorder,
        factory.process_recorder,
    ):
        with pytest.raises(NotSupportedError):
            refused()
    assert isinstance(factory.aggregate_recorder(), LedgerRecorder)


def test_an_unknown_record_is_not_found(ledger: Ledger) -> None:
    with pytest.raises(AggregateNotFoundError):
        ledger.repository.get(a_stream())
    assert list(ledger.recorder.select_events(str(a_stream()))) == []


def test_without_a_connection_string_it_says_which_setting_is_missing() -> None:
    with pytest.raises(InfrastructureFactoryError, match="SIJILL_DATABASE_URL"):
        Ledger({"PERSISTENCE_MODULE": MODULE, "SIJILL_DATABASE_URL": ""})
