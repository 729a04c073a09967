"""Keys from the file on a clerk's machine to the ledger, and what is left when they are lost."""

import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest

from infrastructure import keyfiles
from infrastructure.proofs.jwk import public_of
from tests.serving import NAMES, Agency, Served
from tests.sijill.cli.conftest import Ran, Shell, letter
from tests.sijill.cli.cutting import losing_answers

_numbers = itertools.count(1)
OFFICER = ("--office", "registry", "--officer", "officer-7")


def generate(shell: Shell, name: str) -> tuple[Path, str]:
    """A new key: its file and its thumbprint."""
    path = shell.folder / f"{name}.pem"
    ran = shell("key", "generate", path, "--output", "json")
    assert ran.code == 0, ran.err
    return path, ran.json["key"]


def scopes(*names: str) -> list[str]:
    return [word for name in names for word in ("--scope", name)]


def bare(founder: Shell) -> str:
    """A linked agency without a key."""
    name = f"bare-{os.getpid()}-{next(_numbers)}"
    added = founder(
        "agency",
        "add",
        "-",
        stdin=json.dumps({"subject": name, "kind": "ministry", "names": NAMES}),
    )
    assert added.code == 0, added.err
    linked = founder("agency", "link", name)
    assert linked.code == 0, linked.err
    return name


def at_home(office: Shell, agency: Agency) -> str:
    """Have the shell speak for another agency; the thumbprint of its key."""
    path = office.key(agency.name, agency.key)
    office.set(SIJILL_KEY=str(path), SIJILL_AGENCY=agency.name)
    return public_of(agency.key).thumbprint


def first_key(founder: Shell, agency: str, name: str) -> tuple[Path, str]:
    """The first key of an agency, enrolled with everybody at hand."""
    path, key = generate(founder, name)
    ran = founder(
        *("key", "enrol", "--agency", agency, "--new-key", path, *OFFICER),
        *scopes("administer", "issue", "revoke"),
        *("--cosigner", founder.folder / "comsec.pem", "--output", "json"),
    )
    assert ran.code == 0, ran.err
    assert ran.json["receipt"]
    return path, key


def known(shell: Shell, agency: str) -> dict[str, dict[str, Any]]:
    """The agency's keys, as everybody may see them."""
    ran = shell("agency", "show", agency, "--output", "json")
    assert ran.code == 0, ran.err
    return {key["key"]: key for key in ran.json["keys"]}


def issue(shell: Shell, *arguments: str | Path) -> Ran:
    file = shell.file("c.json", letter())
    return shell("certificate", "issue", file, *arguments, "--output", "json")


def refused(ran: Ran) -> tuple[int, str]:
    return ran.code, ran.json["problem"]["code"]


def test_a_first_key_needs_both_authorities_and_possession(founder: Shell) -> None:
    agency = bare(founder)

    path, key = first_key(founder, agency, "first")

    assert known(founder, agency)[key]["scopes"] == ["administer", "issue", "revoke"]
    assert issue(founder, "--key", path).code == 0


def test_a_first_key_is_signed_by_whoever_comes_in_whatever_order(
    founder: Shell,
) -> None:
    """The key is on the clerk's machine and the second authority in its own house."""
    agency = bare(founder)
    path, key = generate(founder, "clerk")
    jwk = founder.file("clerk.json", public_of(keyfiles.load_private_key(path)).jwk)
    ordered = founder(
        *("key", "enrol", "--agency", agency, "--jwk", str(jwk), *OFFICER),
        *(*scopes("administer"), "--output", "json"),
    )
    assert ordered.code == 0, ordered.err
    order = ordered.json["order"]
    wanted = {one["role"] for group in ordered.json["waiting_for"] for one in group}
    assert wanted == {"possession", "authority"}

    comsec = founder.folder / "comsec.pem"
    approved = founder("order", "approve", order, "--key", comsec, "--output", "json")
    assert (approved.code, approved.json["state"]) == (0, "open")
    assert known(founder, agency) == {}
    proved = founder("key", "prove", order, "--key", path, "--output", "json")

    assert proved.code == 0, proved.err
    assert proved.json["receipt"]
    assert list(known(founder, agency)) == [key]


def test_possession_is_proven_by_the_new_key_only(founder: Shell) -> None:
    path, _ = generate(founder, "clerk")
    other, _ = generate(founder, "other")
    jwk = founder.file("clerk.json", public_of(keyfiles.load_private_key(path)).jwk)
    ordered = founder(
        *("key", "enrol", "--agency", bare(founder), "--jwk", str(jwk), *OFFICER),
        *(*scopes("administer"), "--output", "json"),
    )
    order = ordered.json["order"]

    # Whom the order does not concern is not told that there is one.
    ran = founder("key", "prove", order, "--key", other, "--output", "json")
    assert refused(ran) == (4, "key_unknown")
    comsec = founder.folder / "comsec.pem"
    ran = founder("key", "prove", order, "--key", comsec, "--output", "json")
    assert refused(ran) == (5, "possession_mismatch")


def test_a_key_that_nobody_enrolled_is_not_allowed_in_anybody_s_name(
    founder: Shell, agency: Agency
) -> None:
    path, _ = generate(founder, "wrong")
    read = ("certificate", "list", "--key", path, "--output", "json")

    assert refused(founder(*read, "--agency", agency.name)) == (4, "key_unknown")
    ran = founder(*read)
    assert refused(ran) == (4, "key_unknown")
    # It is the wrong file, most likely.
    assert str(path) in ran.err


def test_enrol_asks_for_one_key_in_one_form(founder: Shell, agency: Agency) -> None:
    path, _ = generate(founder, "clerk")
    both = ["--new-key", str(path), "--jwk", str(founder.file("clerk.json", {}))]
    none: list[str] = []
    for keys in (none, both):
        ran = founder(
            *("key", "enrol", "--agency", agency.name, *OFFICER, *scopes("issue"), *keys),
            *("--output", "json"),
        )
        assert refused(ran) == (2, "input_key_ambiguous")


@pytest.mark.parametrize(
    "text,expected",
    [
        ("{", (2, "input_malformed")),
        ("[]", (2, "input_malformed")),
        ('"x"', (2, "input_malformed")),
        ('{"kty": "RSA"}', (5, "jwk_unsupported")),
        ('{"kty": ["OKP"]}', (5, "jwk_unsupported")),
    ],
)
def test_a_file_that_is_no_public_key_is_told_so(
    founder: Shell, agency: Agency, text: str, expected: tuple[int, str]
) -> None:
    ran = founder(
        *("key", "enrol", "--agency", agency.name, "--jwk"),
        *(founder.file("bad.json", text),),
        *(*OFFICER, *scopes("issue"), "--output", "json"),
    )
    assert refused(ran) == expected
    assert "object has no attribute" not in ran.err


def test_a_later_key_is_enrolled_by_the_agency_alone(office: Shell, agency: Agency) -> None:
    path, key = generate(office, "second")

    ran = office(
        *("key", "enrol", "--new-key", str(path), *OFFICER, *scopes("issue")),
        *("--not-after", "2040-01-01", "--acting-for", "officer-1", "--output", "json"),
    )

    assert ran.code == 0, ran.err
    found = known(office, agency.name)[key]
    assert (found["office"], found["officer"], found["acting_for"]) == (
        "registry",
        "officer-7",
        "officer-1",
    )
    # Midnight in Baghdad, three hours before it is midnight in UTC.
    assert found["not_after"] == 2_208_988_800 - 3 * 3_600
    assert issue(office, "--key", path).code == 0


def test_a_key_that_does_not_administer_enrols_nobody(office: Shell) -> None:
    clerk, _ = generate(office, "clerk")
    enrolled = office("key", "enrol", "--new-key", clerk, *OFFICER, *scopes("issue"))
    assert enrolled.code == 0, enrolled.err
    friend, _ = generate(office, "friend")

    ran = office(
        *("key", "enrol", "--new-key", str(friend), "--key", str(clerk), *OFFICER),
        *(*scopes("issue"), "--output", "json"),
    )

    assert refused(ran) == (4, "scope_missing")


def test_rotate_hands_everything_on_and_retires_the_old_key(office: Shell, served: Served) -> None:
    agency = served.agency()
    old = at_home(office, agency)
    new, key = generate(office, "new")

    ran = office("key", "rotate", new, "--output", "json")

    assert ran.code == 0, ran.err
    assert [one["act"] for one in ran.json["items"]] == ["key.enrol", "key.retire"]
    before, after = known(office, agency.name)[old], known(office, agency.name)[key]
    for member in ("scopes", "office", "officer"):
        assert before[member] == after[member]
    assert before["retired_index"] > after["enrolled_index"]
    assert refused(issue(office)) == (4, "key_retired")
    assert issue(office, "--key", new).code == 0


@pytest.mark.usefixtures("hurried")
def test_an_interrupted_rotation_goes_on_where_it_was(office: Shell, served: Served) -> None:
    agency = served.agency()
    old = at_home(office, agency)
    new, key = generate(office, "new")
    with losing_answers(served.url) as address:
        interrupted = office("key", "rotate", new, "--url", address, "--output", "json")
    assert interrupted.code == 3

    ran = office("key", "rotate", new, "--output", "json")

    assert ran.code == 0, ran.err
    assert known(office, agency.name)[old]["retired_index"] is not None
    assert list(known(office, agency.name)) == [old, key]


def test_the_last_key_is_retired_only_when_that_is_said(office: Shell, served: Served) -> None:
    key = at_home(office, served.agency())

    first = office("key", "retire", key, "--reason", "unused", "--output", "json")
    assert refused(first) == (5, "last_administer_key")

    ran = office("key", "retire", key, "--reason", "unused", "--final", "--output", "json")
    assert ran.code == 0, ran.err
    assert refused(issue(office)) == (4, "key_retired")


def test_after_total_loss_the_ceremony_is_repeated(
    founder: Shell, served: Served, office: Shell
) -> None:
    agency = served.agency()
    lost = at_home(office, agency)
    path, key = generate(founder, "found-again")
    comsec = founder.folder / "comsec.pem"

    def recover() -> Ran:
        return founder(
            *("key", "recover", "--agency", agency.name, "--new-key", path, *OFFICER),
            *("--cosigner", comsec, "--key", founder.folder / "ndc.pem", "--output", "json"),
        )

    early = recover()
    assert early.code == 0, early.err
    assert {one["role"] for group in early.json["waiting_for"] for one in group} == {
        "administrator"
    }
    retired = office("key", "retire", lost, "--reason", "unused", "--final")
    assert retired.code == 0, retired.err
    ran = recover()

    assert ran.code == 0, ran.err
    assert ran.json["receipt"]
    assert known(founder, agency.name)[key]["scopes"] == ["administer"]
    # Without a scope it administers, and that is enough to enrol the others.
    clerk, _ = generate(office, "clerk")
    again = office("key", "enrol", "--new-key", clerk, *OFFICER, *scopes("issue"), "--key", path)
    assert again.code == 0, again.err
    assert issue(office, "--key", clerk).code == 0


def test_a_founder_recovers_with_its_recovery_key_and_the_other_founder(
    founder: Shell, served: Served
) -> None:
    recovery = founder.key(
        "comsec-recovery",
        keyfiles.load_private_key(served.folder / "keys" / "comsec-recovery.pem"),
    )
    path, key = generate(founder, "comsec-new")

    ran = founder(
        *("key", "recover", "--agency", "comsec", "--new-key", path, *OFFICER),
        *("--key", recovery, "--cosigner", founder.folder / "ndc.pem", "--output", "json"),
    )

    assert ran.code == 0, ran.err
    assert ran.json["receipt"]
    assert key in known(founder, "comsec")


def test_what_a_compromised_key_issued_is_not_valid_until_reaffirmed(
    office: Shell, served: Served
) -> None:
    agency = served.agency()
    stolen = at_home(office, agency)
    other = office.key("other", agency.officer().key)
    before, within = issue(office).json, issue(office).json

    ran = office(
        *("key", "compromise", stolen, "--as-of", str(within["index"]), "--reason", "stolen"),
        *("--key", other, "--output", "json"),
    )

    assert ran.code == 0, ran.err
    assert office("verify", before["code"]).code == 0
    verdict = office("verify", within["code"], "--output", "json")
    assert (verdict.code, verdict.json["reason"]) == (10, "issuer_key_compromised")
    assert refused(issue(office)) == (4, "key_compromised")
    reaffirmed = office("certificate", "reaffirm", within["code"], "--key", other)
    assert reaffirmed.code == 0, reaffirmed.err
    assert office("verify", within["code"]).code == 0


def test_a_compromise_is_only_ever_moved_earlier(office: Shell, served: Served) -> None:
    agency = served.agency()
    stolen = at_home(office, agency)
    other = office.key("other", agency.officer().key)
    index = issue(office).json["index"]

    def declare(as_of: int) -> Ran:
        return office(
            *("key", "compromise", stolen, "--as-of", str(as_of), "--reason", "exposed"),
            *("--key", other, "--output", "json"),
        )

    assert refused(declare(index + 1_000_000)) == (5, "compromise_in_future")
    assert declare(index).code == 0
    assert refused(declare(index + 1)) == (5, "compromise_not_lower")
    assert declare(index - 1).code == 0
    assert known(office, agency.name)[stolen]["compromised_as_of"] == index - 1


def test_the_state_of_every_key_is_shown_to_everybody(office: Shell, served: Served) -> None:
    agency = served.agency()
    old = at_home(office, agency)
    new, key = generate(office, "new")
    assert office("key", "rotate", new).code == 0

    ran = office("agency", "show", agency.name)

    assert ran.out.count(old) == ran.out.count(key) == 1
    retired = ran.out.split(old)[1].split(key)[0]
    assert f"Retired ({known(office, agency.name)[old]['retired_index']})" in retired


def test_no_word_of_a_private_key_is_said_or_sent(office: Shell, agency: Agency) -> None:
    path, _ = generate(office, "second")
    secret = path.read_text().splitlines()[1]

    ran = office("key", "enrol", "--new-key", path, *OFFICER, *scopes("issue"), "--output", "json")

    assert ran.code == 0, ran.err
    assert secret not in ran.out + ran.err
    kept = [file for file in (office.folder / "agency.state").rglob("*") if file.is_file()]
    assert kept
    assert not [file for file in kept if secret.encode() in file.read_bytes()]
    assert json.dumps(known(office, agency.name)).count('"d"') == 0


@pytest.mark.parametrize("verb", ["retire", "compromise", "rotate"])
def test_a_thumbprint_that_begins_with_a_hyphen_is_one(office: Shell, verb: str) -> None:
    """One in 64 does: base64url has it among its letters."""
    key = "-" + "A" * 42
    new, _ = generate(office, "new")
    words = {
        "retire": [key, "--reason", "unused"],
        "compromise": [key, "--as-of", "1", "--reason", "lost"],
        "rotate": [str(new), "--old", key],
    }

    ran = office("key", verb, *words[verb], "--output", "json")

    assert refused(ran) == (5, "key_not_found"), ran.err
