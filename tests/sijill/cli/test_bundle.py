"""Evidence in a file: fetched once, verified with nothing but the file and the ledger's id."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infrastructure.proofs import bundle, canonical, tlogproof
from infrastructure.proofs.checkpoint import open_checkpoint
from infrastructure.proofs.cosignature import Cosigner
from sijill.cli.bundle import _place
from sijill.client import Client
from tests.correspondence import register_place, send
from tests.serving import Served, act
from tests.sijill.cli.conftest import Ran, Shell, letter
from tests.sijill.cli.test_log import refused


@pytest.fixture
def trust(office: Shell, served: Served) -> Path:
    """What an auditor brings along: the ledger's identity, from elsewhere."""
    return office.file("ledger.json", served.anybody().identity.encode().decode())


def issued(office: Shell) -> str:
    ran = office("certificate", "issue", office.file("c.json", letter()), "--output", "json")
    assert ran.code == 0, ran.err
    return str(ran.json["code"])


def created(office: Shell, code: str, *more: str | Path) -> Path:
    path = office.folder / "evidence"
    ran = office("bundle", "create", code, "--to", path, "--output", "json", *more)
    assert ran.code == 0, ran.err
    assert ran.json["findings"] == []
    return path


def verified(office: Shell, path: Path, trust: Path) -> Ran:
    return office("bundle", "verify", path, "--trust", trust, "--output", "json")


def forge(path: Path, change: Any) -> Path:
    said = json.loads(path.read_bytes())
    change(said)
    forged = path.with_name("forged")
    forged.write_bytes(canonical.dumps(said))
    return forged


def kinds(ran: Ran) -> list[str]:
    """What happened to the record; that it was put into a wallet's form is beside the point."""
    told = [one["type"].split(".")[2] for one in ran.json["events"]]
    return [one for one in told if one != "credentialed"]


def codes(ran: Ran) -> set[str]:
    assert ran.code == 6, ran.err
    return {one["code"] for one in ran.json["findings"]}


def test_a_bundle_proves_a_certificate_offline(office: Shell, trust: Path) -> None:
    code = issued(office)
    path = created(office, code)
    office.set(SIJILL_URL="", SIJILL_KEY="", SIJILL_AGENCY="")

    ran = verified(office, path, trust)

    assert ran.code == 0, ran.err
    assert ran.json["outcome"] == "valid"
    assert ran.json["code"] == code
    assert kinds(ran) == ["issued"]
    # The issuance, the ceremony of its key, and event 0.
    assert ran.json["signatures"] >= 1 + 3 + 2
    assert ran.json["unchecked"] == []
    for language in ("ar", "ckb", "en"):
        people = office("bundle", "verify", path, "--trust", trust, "--language", language)
        assert people.code == 0
        assert str(ran.json["size"]) in people.out
        assert code in people.out
        assert "cli.bundle" not in people.out


def test_a_stranger_gets_all_but_the_body(office: Shell, trust: Path) -> None:
    code = issued(office)
    office.set(SIJILL_KEY="")

    ran = verified(office, created(office, code), trust)

    assert ran.code == 0, ran.err
    # Whether two officers sign a certificate of its type is not told where the type is not open.
    assert ran.json["unchecked"] == ["body_not_open", "code_not_tied", "rules_not_judged"]
    assert ran.json["outcome"] == "valid"


def test_what_happened_later_is_in_it(office: Shell, trust: Path) -> None:
    code = issued(office)
    done = office("certificate", "revoke", code, "--reason", "obtained_by_fraud")
    assert done.code == 0, done.err

    path = created(office, code)
    ran = verified(office, path, trust)

    assert ran.code == 0, ran.err
    assert kinds(ran) == ["issued", "revoked"]
    assert ran.json["outcome"] == "withdrawn"

    # A word that it is valid cannot stand beside the revocation; without the revocation the
    # ledger's own word still tells of it.
    other = json.loads(created(office, issued(office)).read_bytes())["verdict"]
    path = created(office, code)
    assert codes(verified(office, forge(path, lambda said: said.update(verdict=other)), trust))
    shorter = forge(path, lambda said: said["events"].pop())
    told = verified(office, shorter, trust)
    assert told.json["outcome"] == "withdrawn"


@pytest.mark.parametrize(
    "member, code",
    [
        ("leaf", "inclusion_invalid"),
        ("proof", "inclusion_invalid"),
        ("header_salt", "header_digest_mismatch"),
        ("body_salt", "body_digest_mismatch"),
        ("statement", "statement_mismatch"),
    ],
)
def test_one_changed_byte_is_found(office: Shell, trust: Path, member: str, code: str) -> None:
    path = created(office, issued(office))

    def change(said: Any) -> None:
        event = said["events"][-1]
        if member == "proof":
            event["proof"][0] = event["proof"][0][::-1]
        elif member == "leaf":
            event["leaf"] = event["leaf"][:9] + event["leaf"][9:73][::-1] + event["leaf"][73:]
        else:
            event[member] = event[member][::-1]

    assert code in codes(verified(office, forge(path, change), trust))


def test_a_bundle_of_another_ledger_is_not_believed(office: Shell, trust: Path) -> None:
    path = created(office, issued(office))
    other = office.file("other.json", json.dumps({"ledger": "ab" * 32}))

    assert codes(verified(office, path, other)) == {"ledger_other"}
    alone = forge(path, lambda said: said.update(events=said["events"][-1:]))
    assert "ledger_other" in codes(verified(office, alone, trust))


def test_witnesses_that_are_missing_are_named(office: Shell, trust: Path, served: Served) -> None:
    path = created(office, issued(office))
    identity = served.anybody().identity
    policy = office.file(
        "policy",
        f"# nobody is asked\nlog {identity.log.encode()}\n"
        f"witness w1 {Cosigner('w.example', bytes(32)).verifier.encode()}\nquorum w1\n",
    )

    ran = office("bundle", "verify", path, "--trust", trust, "--policy", policy, "--output", "json")

    assert codes(ran) == {"witnesses_too_few"}


def test_a_tlog_proof_is_for_any_tool(office: Shell, served: Served) -> None:
    path = created(office, issued(office), "--format", "tlog-proof")
    identity = served.anybody().identity

    proof = tlogproof.parse(path.read_bytes())

    head = open_checkpoint(proof.checkpoint, origin=identity.origin, verifiers=[identity.log])
    proof.verify(size=head.size, root=head.root)
    url = f"/v1/certificates/{issued(office)}/bundle?format=tlog-proof"
    assert served.anybody().text(url).startswith(b"c2sp.org/tlog-proof@v1\n")


def test_an_answer_about_another_code_is_not_written(
    office: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, other = issued(office), issued(office)
    get = Client.get

    def another(client: Client, path: str, **more: Any) -> Any:
        return get(client, path.replace(code, other), **more)

    monkeypatch.setattr(Client, "get", another)
    path = office.folder / "evidence"

    ran = office("bundle", "create", code, "--to", path, "--output", "json")

    assert codes(ran) == {"code_other"}
    assert not path.exists()


def test_an_unknown_code_has_no_bundle(office: Shell) -> None:
    ran = office("bundle", "create", "7XK3M9Q2W5RT8VHBZ", "--output", "json")

    assert refused(ran) == (5, "certificate_unknown")


def test_verifying_needs_neither_network_nor_database(office: Shell, trust: Path) -> None:
    path = created(office, issued(office))
    code = (
        "import sys; from pathlib import Path; from infrastructure.proofs import bundle; "
        "import json; ledger = bytes.fromhex(json.loads(Path(sys.argv[2]).read_text())['ledger']); "
        "report = bundle.verify(bundle.parse(Path(sys.argv[1]).read_bytes()), "
        "bundle.Trust(ledger=ledger)); assert report.findings == []; "
        "names = {name.split('.')[0] for name in sys.modules}; "
        "assert not names & {'psycopg', 'httpx2', 'fastapi', 'starlette', 'domain', 'api'}, names; "
        "print(report.outcome)"
    )

    ran = subprocess.run(
        [sys.executable, "-c", code, path, trust], check=True, capture_output=True, text=True
    )

    assert ran.stdout == "valid\n"


def test_a_bundle_is_its_own_one_spelling(office: Shell) -> None:
    data = created(office, issued(office)).read_bytes()

    assert bundle.parse(data).encode() == data


def test_records_of_parties_are_carried_away_in_the_same_form(
    office: Shell, served: Served, trust: Path
) -> None:
    sender, receiver = served.agency(), served.agency()
    sent = send(sender, receiver)
    sent.register(receiver)
    entry = register_place(type="degree", grade="register_only", date="2020-05-01", year=2020)
    place = f"{entry['unit']}/{entry['series']}/2020"
    act(sender.client, f"/v1/registers/{place}/entries", "register.capture", **entry)
    office.set(SIJILL_KEY=str(office.key("sender", sender.key)), SIJILL_AGENCY=sender.name)

    for option, name, told in (
        ("--transfer", f"{sender.name}/{sent.letter}", ["registered_outgoing"]),
        (
            "--transfer",
            f"{sender.name}/{sent.consignment}",
            ["dispatched", "registered_incoming"],
        ),
        ("--entry", f"{place}/{entry['number']}", ["captured"]),
    ):
        path = office.folder / "evidence-of-parties"
        ran = office("bundle", "create", option, name, "--to", path, "--output", "json")
        assert ran.code == 0, ran.err
        ran = verified(office, path, trust)
        assert (ran.code, kinds(ran), ran.json["code"]) == (0, told, None)
    unknown = office("bundle", "create", "--request", "7XK3M9Q2W5RT8VHBZ", "--output", "json")
    assert refused(unknown)[1] == "request_unknown"


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("7XK3M9Q2W5RT8VHBZ", "--request", "7XK3M9Q2W5RT8VHBZ"),
        ("--transfer", "moj"),
        ("--entry", "main/general/2020"),
        ("--entry", "main//2020/1"),
    ],
)
def test_a_bundle_is_of_one_record_that_is_named_whole(
    office: Shell, words: tuple[str, ...]
) -> None:
    ran = office("bundle", "create", *words, "--output", "json")
    assert refused(ran) == (2, "input_malformed")


def test_bundles_of_two_entries_of_a_register_have_two_files() -> None:
    numbers = ("1", "2", "1/2", "1-2", "1%2F2")

    names = {_place(None, None, None, f"main/general/2020/{number}")[1] for number in numbers}

    assert len(names) == len(numbers)
    assert not any("/" in name for name in names)
