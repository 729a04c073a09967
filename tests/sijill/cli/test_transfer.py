"""`sijill transfer` between two agencies, as their clerks would: each with her own key."""

import base64
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sijill.client import Client
from tests.serving import Agency, Served, act
from tests.sijill.cli.conftest import Ran, Shell

_numbers = iter(range(1, 100_000))


class PowerCutError(Exception):
    """As if the machine stopped there."""


class Offices:
    """Two agencies at one terminal, by turns."""

    def __init__(self, shell: Shell, served: Served) -> None:
        self.shell = shell
        self.moj, self.moh = served.agency(), served.agency()
        self.keys = {
            one.name: shell.key(f"key-{one.name}", one.key) for one in (self.moj, self.moh)
        }
        shell.settle = served.settle
        shell.set(SIJILL_URL=served.url)

    def __call__(self, agency: Agency, *arguments: str | Path, stdin: str = "") -> Ran:
        key = self.keys[agency.name]
        self.shell.set(SIJILL_KEY=str(key), SIJILL_AGENCY=agency.name)
        return self.shell("transfer", *arguments, "--output", "json", stdin=stdin)

    def ok(self, agency: Agency, *arguments: str | Path, stdin: str = "") -> dict[str, Any]:
        ran = self(agency, *arguments, stdin=stdin)
        assert ran.code == 0, ran.err
        return dict(ran.json)

    def letter(self, to: Any, **changes: Any) -> Path:
        number = f"{next(_numbers)}/ك"
        whole = {
            "unit": "registry",
            "series": "letters",
            "number": number,
            "date": "2026-11-01",
            "language": "ar",
            "subject": "طلب تأييد",
            "to": to,
            **changes,
        }
        return self.shell.file("letter.json", whole)


@pytest.fixture
def offices(shell: Shell, served: Served) -> Offices:
    return Offices(shell, served)


PLACE = ("--unit", "in", "--series", "letters", "--date", "2026-11-20")


def test_a_letter_with_its_files_goes_from_dispatch_to_close(
    offices: Offices, served: Served
) -> None:
    shell, moj, moh = offices.shell, offices.moj, offices.moh
    (shell.folder / "scan.pdf").write_bytes(b"%PDF-" + bytes(2_000_000))
    (shell.folder / "annex.csv").write_text("a,b\n1,2\n")
    planned = served.agency(link=False).name
    file = offices.letter(
        [moh.name], copy_to=[planned], document="scan.pdf", attachments=["annex.csv"]
    )
    sent = offices.ok(moj, "dispatch", file)
    first, second = sent["consignments"]
    assert first["problem"] is None
    assert second["problem"] is None
    assert offices.ok(moj, "dispatch", file) == sent

    [arrived] = offices.ok(moh, "inbox")["items"]
    name = (moj.name, first["consignment"])
    assert arrived["consignment"]["consignment"] == name[1]
    offices.ok(moh, "open", *name)
    offices.ok(moh, "register", *name, *PLACE, "--number", "901")
    offices.ok(moh, "annotate", *name, "-", stdin="للاطلاع\n")
    offices.ok(moh, "refer", *name, "legal", "--note", "للدراسة")
    shown = offices.ok(moh, "show", *name)
    assert shown["values"]["subject"] == "طلب تأييد"
    with served.client(moh.name, moh.key) as client:
        attached = client.get(f"/v1/transfers/{name[0]}/{name[1]}/attachments")["items"]
    names = {one["claim"]: one["attachment"] for one in attached}
    assert names.keys() == {"document", "attachment_1"}
    copy = shell.folder / "copy.pdf"
    got = shell("attachment", "download", names["document"], "--into", copy)
    assert got.code == 0, got.err
    assert copy.read_bytes() == (shell.folder / "scan.pdf").read_bytes()

    answer = offices.letter([], subject="إجابة")
    replied = offices.ok(moh, "reply", *name, answer)
    assert replied["consignments"][0]["addressee"] == moj.name
    offices.ok(moh, "close", *name, "--reason", "answered")
    steps = offices.ok(moh, "where", *name)["items"]
    assert all(one["proof"] for one in steps)
    assert [one["event"] for one in steps][-2:] == ["referred", "closed"]
    board = offices.ok(moj, "board", moj.name, sent["letter"])
    assert (board["opened"], board["registered"]) == (1, 1)
    report = offices.ok(moj, "article-13", *name)
    assert report["received_by"] == "opened"
    told = offices.shell("transfer", "article-13", *name, "--language", "en")
    assert "Law 78 of 2012" in told.out
    assert f"Receiver: {moh.name}" in told.out


def other_hash(page: dict[str, Any]) -> None:
    page["items"][0]["proof"]["hashes"][0] = "00" * 32


def other_leaf(page: dict[str, Any]) -> None:
    page["items"][0]["proof"]["leaf_hash"] = "00" * 32


def other_root(page: dict[str, Any]) -> None:
    origin, size, _, *rest = page["checkpoint"].split("\n")
    page["checkpoint"] = "\n".join([origin, size, base64.b64encode(bytes(32)).decode(), *rest])


def no_checkpoint(page: dict[str, Any]) -> None:
    page["checkpoint"] = None


def same_page_again(page: dict[str, Any]) -> None:
    page["next"] = -1


@pytest.mark.parametrize(
    "forge", [other_hash, other_leaf, other_root, no_checkpoint, same_page_again]
)
def test_where_a_letter_is_is_believed_only_where_it_is_proven(
    offices: Offices, monkeypatch: pytest.MonkeyPatch, forge: Callable[[dict[str, Any]], None]
) -> None:
    sent = offices.ok(offices.moj, "dispatch", offices.letter([offices.moh.name]))
    name = (offices.moj.name, sent["consignments"][0]["consignment"])
    honest = Client.get

    def get(self: Client, path: str, **query: Any) -> Any:
        page = honest(self, path, **query)
        if path.endswith("/chain"):
            forge(page)
        return page

    assert all(one["proof"] for one in offices.ok(offices.moj, "where", *name)["items"])
    monkeypatch.setattr(Client, "get", get)

    ran = offices(offices.moj, "where", *name)

    assert (ran.code, ran.json["problem"]["code"]) == (6, "ledger_untrustworthy"), ran.err


def test_a_long_chain_is_told_whole(offices: Offices, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = offices.ok(offices.moj, "dispatch", offices.letter([offices.moh.name]))
    name = (offices.moj.name, sent["consignments"][0]["consignment"])
    whole = offices.ok(offices.moj, "where", *name)["items"]
    monkeypatch.setattr("sijill.client.proven.PAGE_ITEMS", 1)

    assert len(whole) > 1
    assert [one["index"] for one in offices.ok(offices.moj, "where", *name)["items"]] == [
        one["index"] for one in whole
    ]


def test_what_went_wrong_half_way_is_finished_by_the_same_command(
    offices: Offices, monkeypatch: pytest.MonkeyPatch
) -> None:
    moj, moh = offices.moj, offices.moh
    file = offices.letter([moh.name])

    def cut(*_: object) -> None:
        raise PowerCutError

    with monkeypatch.context() as patched:
        patched.setattr("sijill.cli.corresponding._together", cut)
        with pytest.raises(PowerCutError):
            offices(moj, "dispatch", file)
    assert offices.ok(moh, "inbox")["items"] == []
    sent = offices.ok(moj, "dispatch", file)
    assert [one["problem"] for one in sent["consignments"]] == [None]
    assert len(offices.ok(moh, "inbox")["items"]) == 1


def test_a_letter_waits_in_the_outbox_and_is_sent_once(offices: Offices) -> None:
    moj, moh = offices.moj, offices.moh
    (offices.shell.folder / "annex.txt").write_text("مرفق")
    file = offices.letter([moh.name], attachments=["annex.txt"])
    offices.ok(moj, "dispatch", file, "--queue")
    assert offices.ok(moh, "inbox")["items"] == []
    offices.ok(moj, "outbox")
    for _ in range(2):
        assert offices.shell("outbox", "send").code == 0
    assert len(offices.ok(moh, "inbox")["items"]) == 1


def test_a_letter_is_queued_in_the_name_that_the_ledger_said_before(offices: Offices) -> None:
    """No network, and no --agency: as every other verb that writes into the outbox."""
    shell, moj = offices.shell, offices.moj
    file = offices.letter([offices.moh.name])
    shell.set(SIJILL_KEY=str(offices.keys[moj.name]), SIJILL_AGENCY="")
    assert shell("certificate", "list").code == 0
    shell.set(SIJILL_URL="http://127.0.0.1:9")

    for verb in (("dispatch",), ("reply", offices.moh.name, str(uuid.uuid4()))):
        ran = shell("transfer", *verb, file, "--queue", "--output", "json")
        assert ran.code == 0, ran.err
        assert len(ran.json["entries"]) == 2


def test_a_case_file_is_handed_on_and_a_note_put_right(offices: Offices, served: Served) -> None:
    moj, moh = offices.moj, offices.moh
    mof = served.agency()
    offices.keys[mof.name] = offices.shell.key("mof", mof.key)
    sent = offices.ok(moj, "dispatch", offices.letter([moh.name], kind="case_file"))
    name = (moj.name, sent["consignments"][0]["consignment"])
    offices.ok(moh, "register", *name, *PLACE, "--number", "1")
    assert offices.ok(moj, "show", *name)["letter"]["holder"] == moh.name
    index = offices.ok(moh, "annotate", *name, "خطأ", "--released")["index"]
    offices.ok(moh, "rectify-note", *name, "صواب", "--note-index", str(index))
    offices.ok(moh, "refer-onward", *name, mof.name, "--due-date", "2027-01-01")
    [arrived] = offices.ok(mof, "inbox")["items"]
    onward = (moh.name, arrived["consignment"]["consignment"])
    offices.ok(mof, "register", *onward, *PLACE, "--number", "1")
    assert offices.ok(moj, "show", *name)["letter"]["holder"] == mof.name
    refused = offices(moh, "close", *name, "--reason", "done")
    assert refused.code != 0


def test_paper_is_registered_too(offices: Offices) -> None:
    moj, moh = offices.moj, offices.moh
    asked = {
        "correspondent": "citizen",
        "correspondent_name": "مواطن",
        "unit": "in",
        "series": "letters",
        "number": "12",
        "date": "2026-11-02",
        "language": "ar",
        "subject": "طلب",
    }
    offices.ok(moh, "receive-on-paper", offices.shell.file("paper.json", asked))
    [arrived] = offices.ok(moh, "inbox", "--transport", "paper_in")["items"]
    assert arrived["letter"]["correspondent"] == "citizen"
    sent = offices.ok(moj, "dispatch", offices.letter([moh.name]))
    name = (moj.name, sent["consignments"][0]["consignment"])
    offices.ok(moh, "refuse", *name, "--reason", "electronic_form_refused")
    offices.ok(moj, "send-on-paper", moj.name, sent["letter"], "--addressee", moh.name)


@pytest.mark.parametrize(
    "wrong,code,exit_code",
    [
        ({"to": ["nobody"]}, "agency_unknown", 5),
        ({"due_date": "2026-10-31"}, "due_date_not_later", 5),
        ({"due_date": "2035-02-31"}, "statement_invalid", 5),
        ({"due_date": "15.1.2035"}, "statement_invalid", 5),
        ({"to": "moj"}, "statement_invalid", 5),
        ({"date": "1/11/2026"}, "statement_invalid", 5),
        ({"date": None}, "statement_invalid", 5),
        ({"path": "x", "agency": "x", "act": "x", "new_letter": "x"}, "statement_invalid", 5),
        ({"subject": " "}, "input_value_blank", 2),
        ({"subject": None}, "input_malformed", 2),
    ],
)
def test_a_mistake_in_the_file_uses_no_number_up(
    offices: Offices, wrong: dict[str, Any], code: str, exit_code: int
) -> None:
    moj, moh = offices.moj, offices.moh
    number = f"{next(_numbers)}/ك"
    (offices.shell.folder / "scan.pdf").write_bytes(b"%PDF-")
    whole = {"number": number, "document": "scan.pdf", "due_date": "2035-01-15"}

    asked = {"to": [moh.name], **whole, **wrong}

    for queue in ((), ("--queue",)) if code != "agency_unknown" else ((),):
        ran = offices(moj, "dispatch", offices.letter(**asked), *queue)
        assert (ran.code, ran.lines[-1]["problem"]["code"]) == (exit_code, code), ran.err
        assert code != "agency_unknown" or ran.json["problem"]["note"] == "nobody"
        # Not even its files were sent, and nothing waits.
        assert len(ran.lines) == 1
        assert offices.shell("outbox", "list", "--output", "json").json["items"] == []

    sent = offices.ok(moj, "dispatch", offices.letter([moh.name], **whole))
    assert [one["problem"] for one in sent["consignments"]] == [None]


def test_a_letter_that_cannot_reach_a_body_is_not_registered(
    offices: Offices, served: Served
) -> None:
    closed = served.agency(link=False)
    original = offices.letter([closed.name], kind="original")
    ran = offices(offices.moj, "dispatch", original)
    assert (ran.code, ran.json["problem"]["code"]) == (5, "one_addressee_only")
    place = f"/v1/agencies/{closed.name}/closure"
    act(served.founder("ndc"), place, "agency.close", subject=closed.name, reason="abolished")
    file = offices.letter([closed.name])

    assert offices(offices.moj, "dispatch", file).json["problem"]["code"] == "agency_closed"


def test_a_reply_names_its_further_addressees_in_a_list(offices: Offices) -> None:
    moj, moh = offices.moj, offices.moh
    sent = offices.ok(moj, "dispatch", offices.letter([moh.name]))
    name = (moj.name, sent["consignments"][0]["consignment"])
    offices.ok(moh, "register", *name, *PLACE, "--number", f"{next(_numbers)}")

    ran = offices(moh, "reply", *name, offices.letter("moj"))

    assert (ran.code, ran.json["problem"]["errors"][0]["pointer"]) == (5, "/to")


def test_paper_and_notes_say_something(offices: Offices) -> None:
    asked = {"correspondent": "citizen", "unit": "in", "date": "1/11/2026", "subject": "طلب"}
    asked |= {"series": "letters", "number": "13", "language": "ar", "correspondent_name": "مواطن"}
    paper = ("receive-on-paper", offices.shell.file("paper.json", asked))

    ran = offices(offices.moh, *paper)
    assert [one["pointer"] for one in ran.json["problem"]["errors"]] == ["/date"]
    offices.shell.file("paper.json", {**asked, "subject": "\u200b"})
    assert offices(offices.moh, *paper).code == 2
    offices.shell.file("paper.json", {**asked, "path": "/v1"})
    assert offices(offices.moh, *paper).json["problem"]["code"] == "statement_invalid"
    for note in ("", " "):
        ran = offices(offices.moh, "annotate", "moj", "0d3c5f0e", note)
        assert (ran.code, ran.json["problem"]["code"]) == (2, "input_value_blank")
