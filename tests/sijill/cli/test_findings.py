"""What a check finds is told in the reader's language; for programs as the checker says it."""

import json
from collections.abc import Callable

import pytest

from api.i18n import translate
from infrastructure.proofs.findings import MALFORMED, MEANINGS, NOT_CHECKED, Finding, Summary
from sijill import audit, quick
from tests.serving import Served
from tests.sijill.cli.conftest import Shell

CODES = ("chain_broken", "json_malformed")


@pytest.fixture
def broken(shell: Shell, served: Served, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell at a ledger whose check finds something, and leaves something unchecked."""

    def check(
        _source: object,
        _trust: object,
        on_finding: Callable[[Finding], None],
        *_: object,
        **__: object,
    ) -> Summary:
        for code in CODES:
            on_finding(Finding(code, 7, "expected", "found"))
        summary = Summary(findings=len(CODES))
        summary.skip("body_not_open", 3)
        return summary

    monkeypatch.setattr(audit, "check", check)
    shell.set(SIJILL_URL=served.url)
    return shell


@pytest.mark.parametrize("language", ["ar", "ckb", "en"])
def test_people_read_findings_in_their_language(broken: Shell, language: str) -> None:
    ran = broken("log", "fsck", "--language", language)

    assert ran.code == 6
    said = " ".join(ran.err.split())
    for text in ("finding.chain_broken", "finding.malformed", "unchecked.body_not_open"):
        assert translate(language, text) in said
    assert ran.out.startswith("7  chain_broken  expected found\n")


def test_programs_read_them_as_the_checker_says_them(broken: Shell) -> None:
    ran = broken("log", "fsck", "--language", "ar", "--output", "json")

    *findings, last = [json.loads(line) for line in ran.out.splitlines()]
    assert [one["meaning"] for one in findings] == [MEANINGS["chain_broken"], MALFORMED]
    assert last["summary"]["unchecked"][0]["meaning"] == NOT_CHECKED["body_not_open"]


def test_in_english_both_say_the_same() -> None:
    told = {f"finding.{code}": text for code, text in MEANINGS.items()}
    told |= {f"unchecked.{code}": text for code, text in NOT_CHECKED.items()}

    assert {text: translate("en", text) for text in told} == told
    assert translate("en", "finding.malformed") == MALFORMED


def test_a_quick_check_that_comes_out_checks_no_more(
    broken: Shell, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SIJILL_URL")
    ran = broken("log", "fsck", "--data", served.folder, "--quick", "--output", "json")

    assert ran.code == 0
    [told] = [json.loads(line) for line in ran.out.splitlines()]
    assert told["summary"]["unchecked"][0]["code"] == "only_bytes_and_tree"
    assert told["summary"]["leaves"] == told["summary"]["bodies"] > 0


def test_a_quick_check_that_does_not_come_out_goes_on_to_say_what(
    broken: Shell, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SIJILL_URL")

    def no(*_: object) -> Summary:
        raise quick.NotClean

    monkeypatch.setattr(quick, "check", no)
    ran = broken("log", "fsck", "--data", served.folder, "--quick", "--no-read-models")

    assert ran.code == 6
    assert ran.out.startswith("7  chain_broken  expected found\n")
    assert translate("en", "cli.audit.not_clean") in " ".join(ran.err.split())
