"""Splitting and merging bodies from the command line, and asking who answers."""

from dataclasses import replace
from pathlib import Path

import pytest

from infrastructure.proofs import qr
from infrastructure.proofs.credential import key_id
from infrastructure.proofs.jwk import public_of
from sijill.cli import embedded
from sijill.client import trusting
from tests.api.test_succession import merge
from tests.serving import Agency, Served
from tests.sijill.cli.conftest import Ran, Shell, letter
from tests.sijill.cli.test_agency import add, refused, shown
from tests.sijill.cli.test_trust import fetched, offline
from tests.sijill.cli.test_verify_files import both

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


def sits(office: Shell, agency: Agency) -> None:
    path = office.key(agency.name, agency.key)
    office.set(SIJILL_KEY=str(path), SIJILL_AGENCY=agency.name)


def issued(office: Shell, *options: str) -> str:
    content = office.file("c.json", letter())
    ran = office("certificate", "issue", content, *options, "--output", "json")
    assert ran.code == 0, ran.err
    return str(ran.json["code"])


def qr_text(office: Shell, code: str) -> str:
    ran = office("certificate", "credential", code, "--output", "json")
    assert ran.code == 0, ran.err
    return str(ran.json["qr_text"])


def replaced(office: Shell, code: str) -> str:
    """Make a new original in the place of a lost one; its code."""
    ran = office("certificate", "replace", code, "--reason", "lost", "--output", "json")
    assert ran.code == 0, ran.err
    return str(ran.json["code"])


def test_what_a_successor_signs_is_its_predecessor_s_word(office: Shell, served: Served) -> None:
    """Of an original that it made, and of one that was there before."""
    old, new = served.agency(), served.agency()
    sits(office, old)
    lost, bare = issued(office), issued(office, "--no-credential")
    merge(old, new)
    served.settle()
    sits(office, new)
    made = replaced(office, lost)

    for code in (made, bare):
        text = qr_text(office, code)
        signed = qr.parse_text(text).signed
        assert (signed.credential.agency, signed.key_id) == (old.name, key_id(public_of(new.key)))
        ran = offline(office, text, fetched(office, served))
        assert (ran.code, ran.json["reason"]) == (0, "in_force_credential_genuine"), ran.out
        assert ran.json["record"]["agency"] == old.name


def test_papers_of_a_successor_bring_their_evidence_along(office: Shell, served: Served) -> None:
    old, new = served.agency(), served.agency()
    sits(office, old)
    code = issued(office)
    merge(old, new)
    served.settle()
    sits(office, new)
    made = replaced(office, code)
    said = qr.parse_text(qr_text(office, made)).signed.credential
    path, told = office.folder / "paper.pdf", office.folder / "told.json"
    for words in (("certificate", "render", made, "--evidence", "--into", path),
                  ("bundle", "create", made, "--to", told)):  # fmt: skip
        ran = office(*words)
        assert ran.code == 0, ran.err

    assert both(office, served, path) == [
        (0, "in_force_credential_genuine"),
        (0, "in_force_fields_match"),
    ]
    trust, _ = fetched(office, served)
    ran = offline(office, path, (trust, office.folder / "nothing"))
    assert (ran.code, ran.json["reason"]) == (0, "in_force_credential_genuine"), ran.out
    # The record is the old body's, and nothing but a new original has an index in a credential.
    root, _ = trusting.read(trust.read_bytes())
    [original] = [
        one
        for one in office("certificate", "show", made, "--output", "json").json["originals"]
        if one["code"] == made
    ]
    assert embedded.proven(told.read_bytes(), said, root) is not None
    for wrong in (
        replace(said, agency=new.name),
        replace(said, index=original["credential_index"]),
    ):
        with pytest.raises(embedded.Contradictory):
            embedded.proven(told.read_bytes(), wrong, root)
