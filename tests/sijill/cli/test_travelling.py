"""The ledger at another time: rebuilt to the same bytes from whatever it lies in, and told."""

import json
from pathlib import Path

import pytest

from api.i18n import LANGUAGES, outline
from domain.ledger import EVENTS
from infrastructure import postgres
from infrastructure.postgres import Role
from infrastructure.proofs import tiles
from sijill.bootstrap import connection_strings
from sijill.export.layout import Exported, openings_path
from tests.serving import Served
from tests.sijill.cli.conftest import Shell, letter
from tests.sijill.cli.test_log import issue, refused, sealed


def revoke(office: Shell) -> int:
    file = office.file("c.json", letter())
    code = office("certificate", "issue", file, "--output", "json").json["code"]
    ran = office("certificate", "revoke", code, "--reason", "decision", "--output", "json")
    assert ran.code == 0, ran.err
    return int(ran.json["index"])


def exported(office: Shell, served: Served, name: str, *words: str) -> Path:
    folder = office.folder / name
    assert office("log", "export", folder, "--data", served.folder, *words).code == 0
    return folder


def test_the_same_index_gives_the_same_bytes_from_a_database_and_from_an_export(
    office: Shell, served: Served
) -> None:
    """One is a database that pages were followed into as they came, the other a folder of files."""
    revoke(office)
    at = sealed(office, served)
    served.settle()
    past = at - 2
    folder = exported(office, served, "taken", "--all")
    issue(office)

    for index in (past, at):
        place = ("log", "replay", "--at", str(index), "--output", "json")
        here = office(*place, "--data", served.folder)
        there = office(*place, "--folder", folder)
        assert here.code == there.code == 0, here.err + there.err
        assert here.json["digest"] == here.json["in_use"] == there.json["digest"]
        assert here.json["tables"] == there.json["tables"]
    assert {"certificates", "codes", "agencies", "keys", "acts"} <= here.json["tables"].keys()
    before = office("log", "replay", "--at", str(past), "--data", served.folder, "--output", "json")
    assert before.json["digest"] != here.json["digest"]


def test_what_is_kept_can_be_read_and_what_was_edited_ends_with_six(
    office: Shell, served: Served
) -> None:
    at = sealed(office, served)
    served.settle()
    keeper = connection_strings(served.folder).keeper
    edit = "UPDATE read.certificates SET number = %s WHERE since_index = %s"
    with postgres.connect(keeper, Role.KEEPER, autocommit=True) as connection:
        number = "SELECT number FROM read.certificates WHERE since_index = %s"
        [true] = connection.execute(number, (at,)).fetchone() or ("none",)
        connection.execute(edit, ("9", at))
        place = ("log", "replay", "--at", str(at), "--data", str(served.folder))
        ran = office(*place, "--keep", "mine")
        connection.execute(edit, (true, at))
        kept = "SELECT number FROM scratch_mine.certificates WHERE since_index = %s"
        assert connection.execute(kept, (at,)).fetchone() == (true,)
        connection.execute("DROP SCHEMA scratch_mine CASCADE")

    assert ran.code == 6
    assert office(*place).code == 0
    assert refused(office(*place, "--keep", "No; no", "--output", "json"))[0] == 2


def test_what_is_not_open_or_not_there_cannot_be_rebuilt(office: Shell, served: Served) -> None:
    at = sealed(office, served)
    folder = exported(office, served, "public")

    closed = office("log", "replay", "--at", str(at), "--folder", folder, "--output", "json")
    absent = office(
        "log", "replay", "--at", str(at + 999), "--data", served.folder, "--output", "json"
    )

    assert refused(closed) == (2, "input_not_open")
    assert refused(absent) == (2, "input_index_unknown")


def test_a_diff_tells_what_happened_by_noun_and_agency(office: Shell, served: Served) -> None:
    before = issue(office)
    revoke(office)
    after = sealed(office, served) + 1
    asked = ("log", "diff", str(before), str(after), "--output", "json")

    ran = office(*asked, "--from", served.url)

    assert ran.code == 0, ran.err
    counts = {one["type"]: one["count"] for one in ran.json["items"]}
    # The ledger makes a credential of each by itself.
    counts.pop("sijill.certificate.credentialed.v1", None)
    assert counts == {"sijill.certificate.issued.v1": 3, "sijill.certificate.revoked.v1": 1}
    assert {one["noun"] for one in ran.json["items"]} == {"certificate"}
    assert min(one["first"] for one in ran.json["items"]) == before
    assert ran.json["not_open"] == 0
    same = office(*asked, "--data", served.folder)
    folder = exported(office, served, "for-diff")
    assert ran.json == same.json == office(*asked, "--folder", folder).json
    [agency] = {one["agency"] for one in ran.json["items"]}
    assert office(*asked, "--agency", agency, "--from", served.url).json == ran.json
    assert office(*asked, "--agency", "ndc", "--from", served.url).json["items"] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_diff_is_told_in_three_languages(office: Shell, served: Served, language: str) -> None:
    size = sealed(office, served) + 1

    ran = office("log", "diff", "0", str(size), "--data", served.folder, "--language", language)

    assert ran.code == 0, ran.err
    for text in ("event.certificate.issued", "event.ledger.opened", "noun.key"):
        told = outline(language, text)
        assert told is not None
        assert told in ran.out


def test_a_diff_of_sizes_that_there_are_not_is_refused(office: Shell, served: Served) -> None:
    for sizes in (("5", "4"), ("0", "99999")):
        ran = office("log", "diff", *sizes, "--data", served.folder, "--output", "json")
        assert ran.code == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_event_has_its_words(language: str) -> None:
    lacking = {
        topic
        for topic in EVENTS
        for kind, word in (
            ("noun", topic.split(".")[1]),
            ("event", ".".join(topic.split(".")[1:3])),
        )
        if outline(language, f"{kind}.{word}") is None
    }
    assert lacking == set()


@pytest.mark.parametrize("what", ["leaf", "header", "last bundle"])
def test_a_diff_is_of_what_was_signed(office: Shell, served: Served, what: str) -> None:
    """A folder that somebody changed tells nothing: the root of its newest checkpoint does not."""
    size = sealed(office, served) + 1
    folder = exported(office, served, f"changed-{what.replace(' ', '-')}")
    end = Exported(folder).size
    number = (end - 1) // tiles.WIDTH
    width = end - number * tiles.WIDTH
    bundle = folder / tiles.Tile(None, number, width).path
    asked = ("log", "diff", str(size - 1), str(end), "--folder", str(folder), "--output", "json")
    assert office(*asked).code == 0
    if what == "header":
        path = folder / openings_path(number, width)
        page = json.loads(path.read_bytes())
        salt = page["openings"][-1]["header_salt"]
        page["openings"][-1]["header_salt"] = f"{int(salt[0], 16) ^ 1:x}{salt[1:]}"
        path.write_text(json.dumps(page))
    elif what == "leaf":
        data = bundle.read_bytes()
        at = data.rindex(b',"v":1}') - 1
        bundle.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    else:
        bundle.unlink()

    assert refused(office(*asked)) == (2, "input_not_proven")
