"""The browser's offline verdicts, trust lists and status lists against the core's own vectors."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Page

from infrastructure.proofs import offline, trust, verdict
from infrastructure.proofs.outcomes import OUTCOME_OF
from infrastructure.proofs.verdict import (
    Basis,
    CodeState,
    CredentialFacts,
    Knowledge,
    ListedState,
    Outcome,
    RecordFacts,
    Signer,
)
from tests.api import asking
from tests.api.browsing import chromium, visitor
from tests.api.talking import Wire, awaited, on, revoke
from tests.infrastructure.proofs.vectors import load

VERDICTS = load("credentials/verdicts")
SUCCESSIONS = load("credentials/successions")
TODAY = "2026-11-27"
LISTS = load("credentials/trust")["cases"]

OPEN = """async (cases) => {
  const t = await import('/static/pages/trust.js');
  const answers = [];
  for (const one of cases) {
    const content = new TextEncoder().encode(one.content);
    try {
      const opened = await t.openList({ ...one, content });
      answers.push(opened.list.size);
    } catch (error) {
      answers.push(error.code ?? String(error));
    }
  }
  return answers;
}"""

ASSESS = """async ([said, cases]) => {
  const t = await import('/static/pages/trust.js');
  const c = await import('/static/pages/credential.js');
  const v = await import('/static/pages/verdict.js');
  const content = new TextEncoder().encode(said.content);
  const trusted = await t.openList({ ...said, content });
  const answers = [];
  for (const one of cases) {
    let found;
    try {
      const { signed } = await c.parseText(one.text);
      const how = { now: one.now, today: one.today, maxStatusAge: one.max_status_age_seconds };
      found = await t.assess(signed, trusted, one.listed, how);
    } catch (error) {
      if (!(error instanceof c.Refused)) throw error;
      found = v.unreadable(error.code);
    }
    answers.push({ outcome: found.outcome, reason: found.reason, ...found.questions });
  }
  return answers;
}"""


@pytest.fixture(scope="module")
def page(wire: Wire) -> Iterator[Page]:
    with chromium() as browser, visitor(browser, url=wire.served.url) as opened:
        opened.goto("/en/")
        yield opened


def said(case: dict[str, Any]) -> dict[str, Any]:
    """A trust list of the vectors as a browser is sent it: its content in bytes."""
    return {**case, "content": trust.encode(case["content"]).decode()}


def test_trust_lists_are_opened_and_refused_as_the_vectors_say(page: Page) -> None:
    answers = page.evaluate(OPEN, [said(case) for case in LISTS])

    for case, answer in zip(LISTS, answers, strict=True):
        assert answer == (case["code"] or case["content"]["size"]), case["why"]


@pytest.mark.parametrize("vectors", [VERDICTS, SUCCESSIONS], ids=["verdicts", "successions"])
def test_offline_verdicts_are_the_vectors(page: Page, vectors: dict[str, Any]) -> None:
    answers = page.evaluate(ASSESS, [said(vectors["trust"]), vectors["cases"]])

    for case, answer in zip(vectors["cases"], answers, strict=True):
        assert answer == case["expect"], case["why"]


def test_every_reason_has_the_core_s_outcome(page: Page) -> None:
    outcomes = page.evaluate("async () => (await import('/static/pages/verdict.js')).OUTCOMES")

    assert outcomes == {reason.value: outcome.value for reason, outcome in OUTCOME_OF.items()}


def combinations() -> Iterator[dict[str, Any]]:
    """Whatever can come together, a value on each side of every border."""
    for signer, own, void, index in itertools.product(
        [one.value for one in Signer], (True, False), (None, 5, 50), (10, 100)
    ):
        for days, listed, knowing in itertools.product(
            (("2026-01-01", None), ("2026-01-01", "2026-06-30"), ("2027-01-01", "2028-01-01")),
            (None, *(one.value for one in ListedState)),
            ((100, False, 101, 60), (5, True, 50, 600), (11, False, None, None)),
        ):
            trust_size, trust_old, status_size, age = knowing
            yield {
                "facts": {
                    "code": "",
                    "agency": "moi",
                    "type": "degree",
                    "index": index,
                    "effective_date": days[0],
                    "expiry_date": days[1],
                    "own_ledger": own,
                    "signer": signer,
                    "void_from": void,
                },
                "knowledge": {
                    "trust_size": trust_size,
                    "trust_age_seconds": 0,
                    "trust_old": trust_old,
                    "listed": listed,
                    "status_size": status_size,
                    "status_age_seconds": age,
                },
            }


@pytest.mark.parametrize("limit", [0, 60, 86_400])
def test_both_cores_judge_every_combination_alike(page: Page, limit: int) -> None:
    cases = list(combinations())
    how = {"today": TODAY, "maxStatusAge": limit}

    answers = page.evaluate(
        "async ([cases, how]) => { const v = await import('/static/pages/verdict.js');"
        " return cases.map((one) => v.judgeCredential(one.facts, one.knowledge, how)); }",
        [cases, how],
    )

    assert len(cases) > 2_000
    for case, answer in zip(cases, answers, strict=True):
        found = verdict.judge_credential(
            _facts(case), _knowledge(case), today=TODAY, max_status_age_seconds=limit
        )
        assert answer == {
            "outcome": found.outcome.value,
            "reason": found.reason.value,
            "questions": {
                "unchanged": found.unchanged,
                "issuer": found.issuer,
                "in_force": found.in_force,
            },
        }, case


COMBINED = """async (cases) => {
  const v = await import('/static/pages/verdict.js');
  return cases.map(([local, server, said]) => {
    const { outcome, reason, questions } = v.combined(local, server, said);
    return { outcome, reason, questions };
  });
}"""


def test_both_cores_put_a_credential_beside_the_register_alike(page: Page) -> None:
    said = SimpleNamespace(agency="moi", type="degree", index=10)
    locals_ = {
        (found.reason, found.unchanged, found.issuer, found.in_force, *_open(case)): found
        for case in combinations()
        for found in [
            verdict.judge_credential(
                _facts(case), _knowledge(case), today=TODAY, max_status_age_seconds=86_400
            )
        ]
    }
    cases = list(itertools.product(locals_.values(), registered()))

    sent = [[_shown(local), _shown(told), vars(said)] for local, told in cases]
    answers = page.evaluate(COMBINED, sent)

    assert len(cases) > 200
    for (local, told), answer in zip(cases, answers, strict=True):
        found = offline.combined(local, told, said)  # type: ignore[arg-type]  # what it looks at
        expected = _shown(found)
        assert answer == {name: expected[name] for name in answer}, (local, told)
        assert local.credential is not None
        assert local.knowledge is not None
        doubted = local.credential.void_from is not None or local.knowledge.trust_old
        assert not (doubted and found.outcome is Outcome.VALID), (local, told)


def _open(case: dict[str, Any]) -> tuple[bool, bool]:
    """What is doubted of a signer, whatever outranks it in the verdict."""
    return case["facts"]["void_from"] is not None, case["knowledge"]["trust_old"]


def registered() -> Iterator[verdict.Verdict]:
    """What a register can say of a code: of this record in every state, of others, of none."""
    basis = Basis(100, 0)
    yield verdict.judge(None, basis=basis, today=TODAY)
    yield verdict.could_not_check()
    for state, sound, index in itertools.product(CodeState, (True, False), (10, 11)):
        facts = RecordFacts(
            code="",
            agency="moi",
            type="degree",
            state=state,
            issue_index=index,
            issue_time=0,
            issuer_sound=sound,
            custodial=False,
            effective_date="2026-01-01",
            expiry_date="2026-06-30" if index == 10 and sound else None,
        )
        yield verdict.judge(facts, basis=basis, today=TODAY)
        yield verdict.judge(replace(facts, expiry_date=None), basis=basis, today=TODAY)
        unanswered = replace(facts, expiry_date=None, answered=False)
        yield verdict.judge(unanswered, basis=basis, today=TODAY)


def _shown(found: verdict.Verdict) -> dict[str, Any]:
    """A verdict as the scripts have it."""
    facts = found.facts
    return {
        "outcome": found.outcome.value,
        "reason": found.reason.value,
        "questions": {
            "unchanged": found.unchanged,
            "issuer": found.issuer,
            "in_force": found.in_force,
        },
        "facts": found.credential and {"void_from": found.credential.void_from},
        "knowledge": found.knowledge and {"trust_old": found.knowledge.trust_old},
        "record": facts
        and {"agency": facts.agency, "type": facts.type, "index": facts.issue_index},
    }


def _facts(case: dict[str, Any]) -> CredentialFacts:
    members = dict(case["facts"])
    return CredentialFacts(**{**members, "signer": Signer(members["signer"])})


def _knowledge(case: dict[str, Any]) -> Knowledge:
    members = dict(case["knowledge"])
    listed = members["listed"] and ListedState(members["listed"])
    return Knowledge(**{**members, "listed": listed})


STATUS = """async ([number, places, root]) => {
  const s = await import('/static/pages/statuslists.js');
  const headers = { Accept: 'application/statuslist+jwt' };
  const how = { headers, cache: 'no-cache' };
  const token = await (await fetch('/v1/status-lists/' + number, how)).text();
  const tried = async (text, at = number, by = root) => {
    try {
      const list = await s.openToken(text, { number: at, root: by });
      return places.map((place) => list.status(place));
    } catch (error) {
      return error.code ?? String(error);
    }
  };
  const [head, body, signature] = token.split('.');
  const flipped = signature.startsWith('A') ? 'B' + signature.slice(1) : 'A' + signature.slice(1);
  return {
    good: await tried(token),
    another: await tried(token, number + 1),
    unsigned: await tried([head, body, flipped].join('.')),
    empty: await tried([head, body, ''].join('.')),
    altered: await tried([head, body.slice(0, 40) + 'AAAA' + body.slice(44), signature].join('.')),
    torn: await tried(token.slice(0, -200)),
    none: await tried('what.is.this'),
    ledger: await tried(token, number, { ...root, ledger: '0'.repeat(64) }),
  };
}"""


def test_a_status_list_of_a_served_ledger_is_read_on_the_device(wire: Wire, page: Page) -> None:
    agency = wire.served.agency()
    places, expected = [], []
    for state in ("valid", "revoked", "suspended"):
        code = asking.issued(agency)
        shown = asking.read(wire, agency, f"/v1/certificates/{code}").json()
        status = shown["originals"][0]["status"]
        if state == "revoked":
            revoke(agency, code)
        if state == "suspended":
            on(agency.client, "suspend", code, "suspension", reason="under_review")
        places.append(status["index"])
        expected.append({"valid": 0, "revoked": 1, "suspended": 2}[state])
        assert status["list"] == 0
    wire.served.settle()
    ledger = wire.get("/v1/ledger").json()
    root = {name: ledger[name] for name in ("ledger", "origin", "log_vkeys")}

    # A list is handed out again for a moment before it is made anew.
    answer = awaited(
        lambda: page.evaluate(STATUS, [0, [*places, 2**20], root]),
        until=lambda told: told["good"] == [*expected, None],
    )

    assert answer["good"] == [*expected, None]
    assert answer["another"] == "status_list_foreign"
    assert answer["ledger"] == "status_list_foreign"
    for damaged in ("unsigned", "empty", "altered", "torn", "none"):
        assert answer[damaged] in {"status_list_unsigned", "status_list_malformed"}, damaged
