"""Splitting and merging bodies from the command line, and asking who answers."""

from pathlib import Path

import pytest

from tests.sijill.cli.conftest import Ran, Shell
from tests.sijill.cli.test_agency import add, refused, shown

LAW = ("--effective-date", "2026-11-01", "--legal-basis", "law:5/2026")


def linked(founder: Shell) -> str:
    name = add(founder)
    assert founder("agency", "link", name).code == 0
    return name


def order(founder: Shell, verb: str, *words: str) -> Ran:
    """Both founders sign; the answer."""
    signed = ("--cosigner", founder.folder / "comsec.pem", "--yes", "--output", "json")
    return founder("agency", verb, *words, *LAW, *signed)


def answers(founder: Shell, *words: str | Path) -> str:
    ran = founder("agency", "successor", *words, "--output", "json")
    assert ran.code == 0, ran.err
    return str(ran.json["answered_by"])


def test_a_body_is_split_and_then_merged(founder: Shell) -> None:
    old, part, whole = linked(founder), linked(founder), linked(founder)

    gave = order(founder, "split", old, "--share", f"registry/deeds={part}")

    assert gave.code == 0, gave.err
    assert answers(founder, old, "--unit", "registry", "--series", "deeds") == part
    assert answers(founder, old, "--unit", "registry", "--series", "x") == old
    assert shown(founder, old)["successions"][0]["successor"] == part

    ended = order(founder, "merge", old, "--successor", whole)

    assert ended.code == 0, ended.err
    assert shown(founder, old)["standing"] == "closed"
    assert answers(founder, old) == whole
    assert answers(founder, old, "--unit", "registry", "--series", "deeds") == part
    assert answers(founder, old, "--at", str(gave.json["index"])) == old


@pytest.mark.parametrize("share", ["registry", "registry=", "=moj", "registry/=moj"])
def test_a_share_says_what_and_to_whom(founder: Shell, share: str) -> None:
    assert refused(order(founder, "split", "moj", "--share", share)) == (2, "input_malformed")


def test_nobody_answers_for_a_body_that_there_is_not(founder: Shell) -> None:
    ran = founder("agency", "successor", "nobody", "--output", "json")

    assert refused(ran) == (5, "agency_unknown")
