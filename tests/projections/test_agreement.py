"""Read models and aggregates are told the same events: they may not come to different ends.

The handlers run in memory here, on one page that holds the whole log.
"""

from datetime import date

import pytest

from domain.authenticity import AuthenticityRequest
from domain.authority import void_from
from domain.certificates.record import Certificate as CertificateRecord
from domain.certificates.record import OriginalStatus
from domain.ledger import EVENTS, Decision, Sitting
from domain.registers import Entry, RegisterBook
from domain.registers.record import NumberNote
from domain.values import MICROSECONDS
from infrastructure.log.follower import recorded
from infrastructure.proofs.leaf import Header, encode_body
from projections.agencies import AGENCIES
from projections.authenticity import REQUESTS
from projections.certificates.record import CERTIFICATES, CODES, CREDENTIALS, sound
from projections.keys import KEYS
from projections.model import PROJECTORS, ReadModel
from projections.registers import BOOKS, ENTRIES
from projections.reports import JOURNAL
from projections.rows import WorkingSet
from tests.given_when_then import Scenario, issue
from tests.projections.wandering import wander

SEEDS = range(6)
DAYS = ("2010-01-01", "2019-02-28", "2026-11-22", "2026-12-31", "2027-01-01")
_OWN_STATES = {
    OriginalStatus.CURRENT: "in_force",
    OriginalStatus.REVOKED: "original_revoked",
    OriginalStatus.REPLACED: "replaced",
    OriginalStatus.SUPERSEDED: "superseded",
}


@pytest.fixture(scope="module", params=SEEDS)
def scenario(request: pytest.FixtureRequest) -> Scenario:
    return wander(request.param, 250)


@pytest.fixture(scope="module")
def rows(scenario: Scenario) -> WorkingSet:
    """What the handlers make of the scenario, its events read back from header and body bytes."""
    rows = WorkingSet([table for projector in PROJECTORS for table in projector.tables])
    for fact in scenario.world.recorded:
        header = Header(
            agency=fact.agency,
            evidence=fact.evidence,
            keys=fact.keys,
            line=fact.line,
            stream=fact.originator_id,
            type=fact.TOPIC,
            version=fact.originator_version,
        )
        time = int(fact.timestamp.timestamp()) * MICROSECONDS
        body = encode_body(fact.statement, fact.chosen)
        event = recorded(fact.at, time, header.encode(), body)
        for projector in PROJECTORS:
            if handler := projector.handlers.get(event.type):
                handler(event, rows)
    return rows


class Bench:
    """The scenario's end, seen through a sitting as a desk would see it."""

    def __init__(self, scenario: Scenario) -> None:
        self.world = scenario.world
        self.sitting: Sitting = None  # type: ignore[assignment]  # the ledger hands it over below
        signed = self.world.read(issue("unused"))[2]
        self.world.ledger._ask(self._keep, signed, self.world)

    def _keep(self, sitting: Sitting) -> Decision:
        self.sitting = sitting
        return Decision(events=())

    def claimed(self, space: str) -> list[str]:
        return sorted(key for claimed, key in self.world.claims if claimed == space)

    def certificate(self, code: str) -> CertificateRecord:
        record = self.sitting.load(self.world.claims["code", code])
        assert isinstance(record, CertificateRecord)
        return record


@pytest.fixture(scope="module")
def bench(scenario: Scenario) -> Bench:
    return Bench(scenario)


def test_about_agencies(rows: WorkingSet, bench: Bench) -> None:
    assert sorted(row.id for row in rows.present(AGENCIES)) == bench.claimed("agency")
    for row in rows.present(AGENCIES):
        state = bench.sitting.agency(row.id)
        assert (row.kind, row.standing, row.founder) == (state.kind, state.standing, state.founder)
        assert row.added_index == state.added_at
        told = [(one["index"], one["successor"], one["unit"]) for one in row.successions]
        assert told == [(one.index, one.successor, one.unit) for one in state.successions]
        for day in DAYS:
            assert row.names_on(day) == state.names_on(date.fromisoformat(day))
            assert row.parent_on(day) == state.parent_on(date.fromisoformat(day))


def test_about_keys(rows: WorkingSet, bench: Bench) -> None:
    assert sorted(row.thumbprint for row in rows.present(KEYS)) == bench.claimed("key")
    for row in rows.present(KEYS):
        state = bench.sitting.key(row.thumbprint)
        assert state is not None
        assert (row.agency, row.jwk, row.office) == (state.agency, state.jwk, state.office)
        assert set(row.scopes) == state.scopes
        assert (row.enrolled_index, row.enrolled_by) == (state.enrolled_at, [*state.enrolled_by])
        assert row.retired_index == state.retired_at
        assert row.compromised_as_of == state.compromised_as_of
        assert row.void_from == void_from(state, bench.sitting)


def test_about_certificates(rows: WorkingSet, bench: Bench) -> None:
    assert sorted(row.code for row in rows.present(CODES)) == bench.claimed("code")
    for row in rows.present(CERTIFICATES):
        record = bench.certificate(row.code)
        assert row.stream == record.id
        assert (row.agency, row.type, row.number) == (record.agency, record.type, record.number)
        register = (row.agency, row.unit, row.series, row.year)
        assert register == tuple(record.register)
        assert (row.date, row.state) == (record.date.isoformat(), record.status)
        assert row.originals == list(record.originals)
        assert row.edition == record.edition.number
        assert row.erased_index == record.erased_at
        assert row.court_orders == [" ".join(one) for one in record.court_orders]
        assert row.holds == [" ".join(one) for one in record.holds]
        rests_on = [
            (one["index"], tuple(one["keys"]), one.get("code"), one.get("court"), one.get("ends"))
            for one in row.grants
        ]
        assert rests_on == [
            (one.at, one.keys, one.code, one.court, one.ends) for one in record.grants
        ]
        if row.state == "superseded":
            assert row.successor == record.superseded_by


def test_about_requests_for_authenticity(rows: WorkingSet, bench: Bench) -> None:
    assert sorted(row.request for row in rows.present(REQUESTS)) == bench.claimed("request")
    for row in rows.present(REQUESTS):
        record = bench.sitting.load(row.stream)
        assert isinstance(record, AuthenticityRequest)
        assert (row.requester, row.addressee) == (record.requester, record.addressee)
        assert (row.state, row.finding) == (record.state, record.finding)
        assert (row.code, row.number) == (record.asked.code, record.asked.number)


def test_about_registers_and_what_stands_in_them(rows: WorkingSet, bench: Bench) -> None:
    assert sorted(row.key for row in rows.present(BOOKS)) == bench.claimed("register")
    for row in rows.present(BOOKS):
        record = bench.sitting.load(row.stream)
        assert isinstance(record, RegisterBook)
        assert tuple(record.register) == (row.agency, row.unit, row.series, row.year)
        coverage = record.coverage.grade.value if record.coverage else None
        assert (row.coverage, row.closed_index) == (coverage, record.closed_at)
        assert row.counted_index == record.counted_at
    for entry in rows.present(ENTRIES):
        known = bench.sitting.load(entry.stream)
        if entry.kind == "captured":
            assert isinstance(known, Entry)
            assert (entry.grade, entry.state, entry.type) == (known.grade, known.state, known.type)
            assert entry.struck_index == known.struck_at
        else:
            assert isinstance(known, NumberNote)
            assert (entry.kind == "voided", entry.number) == (known.voided, known.number)


def test_about_every_original(rows: WorkingSet, bench: Bench) -> None:
    for row in rows.present(CODES):
        record = bench.certificate(row.code)
        original = record.originals[row.code]
        edition = record.editions[original.edition - 1]
        assert (row.original, row.edition) == (original.number, original.edition)
        assert row.state == _OWN_STATES[original.status]
        # One that was revoked alone names nothing that came after it.
        named = None if original.status is OriginalStatus.REVOKED else original.successor
        assert row.successor == named
        assert row.language == edition.language
        assert row.effective_date == edition.effective.isoformat()
        assert row.expiry_date == (edition.expiry and edition.expiry.isoformat())
    recorded_at = {row.code: row.recorded_index for row in rows.present(CREDENTIALS)}
    for code in bench.claimed("code"):
        original = bench.certificate(code).originals[code]
        assert recorded_at.get(code) == original.credential


def test_about_doubt(rows: WorkingSet, bench: Bench) -> None:
    keys = rows.present(KEYS)
    for row in rows.present(CERTIFICATES):
        record = bench.certificate(row.code)
        codes = [rows.need(CODES, code) for code in row.originals]
        assert record.in_doubt(bench.sitting) == (not all(sound(row, code, keys) for code in codes))


def test_about_how_much_was_done(rows: WorkingSet, scenario: Scenario) -> None:
    told = [fact.TOPIC for fact in scenario.world.recorded if ".certificate." in fact.TOPIC]
    assert [f"sijill.certificate.{act.kind}.v1" for act in rows.entries(JOURNAL)] == told


def test_everything_happened(scenario: Scenario) -> None:
    """What a scenario leaves out, the comparisons above do not cover.

    Letters have wanderings of their own (`test_letters.py`).
    """
    topics = {topic for topic in EVENTS if not topic.startswith("sijill.transfer.")}
    assert {fact.TOPIC for fact in scenario.world.recorded} == topics


def test_every_topic_is_known() -> None:
    assert EVENTS.keys() <= ReadModel()._by_topic.keys()
