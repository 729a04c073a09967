"""The log from outside: its head, its check, and the key that signs it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infrastructure import postgres
from infrastructure.postgres import Role
from infrastructure.proofs.checkpoint import Checkpoint, open_checkpoint, sign
from infrastructure.proofs.material import text_of
from infrastructure.proofs.note import VerifierKey
from infrastructure.proofs.receipts import Receipt
from infrastructure.proofs.receipts import sign as sign_receipt
from sijill.bootstrap import connection_strings
from sijill.client import State
from sijill.folder import Folder
from tests.serving import ORIGIN, Served, serving
from tests.sijill.cli.conftest import Ran, Shell, letter

NOWHERE = "http://127.0.0.1:1"
TABLES = ("events", "events_0", "orders", "orders_0")


def issue(office: Shell) -> int:
    file = office.file("c.json", letter())
    ran = office("certificate", "issue", file, "--output", "json")
    assert ran.code == 0, ran.err
    return int(ran.json["index"])


def sealed(office: Shell, served: Served) -> int:
    """The index of an issuance that a checkpoint covers: the ledger answers when one does."""
    index = issue(office)
    # The agency makes a credential of it in an order of its own: that one shall be covered as well.
    with postgres.connect(connection_strings(served.folder).service, Role.SERVICE) as connection:
        [size] = connection.execute("SELECT size FROM ledger.head").fetchone() or (0,)
    served.anybody().text(f"/log/checkpoint?covers={size - 1}")
    return index


def refused(ran: Ran) -> tuple[int, str]:
    return ran.code, ran.json["problem"]["code"]


def findings(ran: Ran) -> set[tuple[str, int | None]]:
    return {(one["code"], one["index"]) for one in ran.lines if "code" in one}


def summary(ran: Ran) -> dict[str, Any]:
    return dict(ran.lines[-1]["summary"])


@contextmanager
def changed(folder: Path, table: str, column: str, index: int) -> Iterator[None]:
    """One bit of a stored value is another, as a superuser leaves it; put right at the end."""
    key = "index" if table == "events" else "first_index"
    flip = (
        f"UPDATE ledger.{table} SET {column} = set_byte({column}, 5,"  # noqa: S608 - literals
        f" get_byte({column}, 5) # 1) WHERE {key} = %s"
    )

    def turn() -> None:
        admin = connection_strings(folder).admin
        with postgres.connect(admin, Role.OWNER) as connection:
            for name in TABLES:
                connection.execute(f"ALTER TABLE ledger.{name} DISABLE TRIGGER USER")
            assert connection.execute(flip, (index,)).rowcount == 1
            for name in TABLES:
                for trigger in ("refuse_change", "refuse_truncate"):
                    again = f"ALTER TABLE ledger.{name} ENABLE ALWAYS TRIGGER {trigger}"
                    connection.execute(again)

    turn()
    try:
        yield
    finally:
        turn()


def test_head_is_kept_and_grows(office: Shell, served: Served) -> None:
    kept = office.folder / "auditor"
    first = office("log", "head", "--state", kept, "--output", "json")
    assert first.code == 0, first.err
    index = sealed(office, served)

    second = office("log", "head", "--state", kept, "--output", "json")

    assert second.code == 0, second.err
    assert second.json["size"] > max(index, first.json["size"])
    assert second.json["ledger"] == served.anybody().identity.ledger.hex()
    identity = served.anybody().identity
    note = open_checkpoint(
        (kept / "checkpoint").read_bytes(), origin=ORIGIN, verifiers=[identity.log]
    )
    assert (note.size, note.root.hex()) == (second.json["size"], second.json["root"])


def test_without_a_state_folder_head_keeps_it_where_programs_keep_theirs(office: Shell) -> None:
    ran = office("log", "head", "--output", "json")

    assert ran.code == 0, ran.err
    folder = Path(ran.json["state"])
    assert folder.is_relative_to(office.folder / "home" / "sijill")
    assert (folder / "checkpoint").exists()


def test_head_refuses_a_ledger_that_tells_another_story(office: Shell, served: Served) -> None:
    """The operator signed two histories: one was seen from here, the other is shown now."""
    kept = office.folder / "auditor"
    size = office("log", "head", "--state", kept, "--output", "json").json["size"]
    other = Checkpoint(ORIGIN, size, bytes(32))
    seen = sign(other, Folder(served.folder).log_keys(ORIGIN))
    (kept / "checkpoint").write_bytes(seen)

    ran = office("log", "head", "--state", kept, "--output", "json")

    assert ran.code == 6
    assert ran.json["problem"]["title"]
    assert (kept / "checkpoint").read_bytes() == seen
    [evidence] = (kept / "suspect").iterdir()
    assert evidence.read_bytes().startswith(ORIGIN.encode())


def test_head_refuses_another_ledger_at_a_known_address(office: Shell, served: Served) -> None:
    kept = office.folder / "auditor"
    assert office("log", "head", "--state", kept).code == 0
    pinned = (kept / "ledger.json").read_text()
    ledger = served.anybody().identity.ledger.hex()
    (kept / "ledger.json").write_text(pinned.replace(ledger, "ab" * 32))

    assert office("log", "head", "--state", kept).code == 6


@pytest.mark.usefixtures("hurried")
def test_a_log_that_cannot_be_reached_is_no_finding(shell: Shell) -> None:
    for verb, where in (("head", "--url"), ("fsck", "--from")):
        ran = shell("log", verb, where, NOWHERE, "--output", "json")
        assert refused(ran) == (3, "ledger_unreachable")


def test_fsck_asks_which_log(shell: Shell) -> None:
    assert refused(shell("log", "fsck", "--output", "json")) == (2, "input_log_missing")
    nothing = shell("log", "fsck", "--data", shell.folder, "--output", "json")
    assert refused(nothing) == (3, "no_ledger_in_folder")


def test_fsck_over_http_says_what_it_checked_and_what_it_could_not(
    office: Shell, served: Served
) -> None:
    index = sealed(office, served)

    office.set(SIJILL_KEY="")
    ran = office("log", "fsck", "--from", served.url, "--output", "json")

    assert ran.code == 0, ran.err
    [last] = ran.lines
    checked = last["summary"]
    assert checked["leaves"] > index
    assert checked["signatures"] > checked["checkpoints"] > 0
    assert checked["findings"] == 0
    left = {one["code"] for one in checked["unchecked"]}
    # Letters of other tests on the same ledger are open to their parties alone.
    of_letters = {"header_not_open", "rules_not_judged"}
    assert left - of_letters == {"body_not_open", "projection_not_given"}
    assert all(one["meaning"] for one in checked["unchecked"])
    told = office("log", "fsck", "--from", served.url, "--language", "ar")
    assert str(checked["leaves"]) in told.out


def test_a_key_opens_more_to_the_check(office: Shell, served: Served) -> None:
    sealed(office, served)
    bodies = summary(office("log", "fsck", "--from", served.url, "--output", "json"))["bodies"]
    office.set(SIJILL_KEY="")

    stranger = summary(office("log", "fsck", "--from", served.url, "--output", "json"))

    assert stranger["bodies"] < bodies


def test_fsck_reads_a_data_folder_behind_the_services_back(office: Shell, served: Served) -> None:
    sealed(office, served)

    ran = office("log", "fsck", "--data", served.folder, "--output", "json")

    assert ran.code == 0, ran.err
    checked = summary(ran)
    assert checked["leaves"] == checked["headers"] == checked["bodies"]
    # A folder keeps full tiles only: what stands above a few of them lies nowhere.
    assert {one["code"] for one in checked["unchecked"]} <= {"tile_not_given"}


def test_fsck_reads_a_log_that_was_taken_away(office: Shell, served: Served) -> None:
    sealed(office, served)
    folder = office.folder / "taken"
    assert office("log", "export", folder, "--data", served.folder, "--all").code == 0

    ran = office("log", "fsck", "--folder", folder, "--output", "ndjson")

    assert ran.code == 0, ran.err
    checked = summary(ran)
    assert checked["leaves"] == checked["headers"] == checked["bodies"]
    assert {one["code"] for one in checked["unchecked"]} == {"projection_not_given"}
    nothing = office("log", "fsck", "--folder", office.folder, "--output", "json")
    assert refused(nothing) == (2, "input_log_missing")


def test_an_edited_row_of_a_read_model_is_named_with_its_key(office: Shell, served: Served) -> None:
    index = sealed(office, served)
    keeper = connection_strings(served.folder).keeper
    edit = "UPDATE read.certificates SET state = %s WHERE since_index = %s RETURNING stream"
    with postgres.connect(keeper, Role.KEEPER) as connection:
        [stream] = connection.execute(edit, ("revoked", index)).fetchone() or ("none",)

    ran = office("log", "fsck", "--data", served.folder, "--output", "ndjson")
    with postgres.connect(keeper, Role.KEEPER) as connection:
        connection.execute(edit, ("in_force", index))

    assert ran.code == 6, ran.err
    [found] = [one for one in ran.lines if "code" in one]
    assert (found["code"], found["index"]) == ("projection_differs", index)
    for side, state in (("expected", "in_force"), ("found", "revoked")):
        assert found[side].startswith(f"certificates/{stream}/{index} ")
        assert json.loads(found[side].split(" ", 1)[1]) == {"state": state}
    assert office("log", "fsck", "--data", served.folder).code == 0


def test_fsck_starts_the_database_of_a_folder_that_nobody_serves(
    shell: Shell, ledger_folder: Path
) -> None:
    ran = shell("log", "fsck", "--data", ledger_folder, "--output", "json")

    assert ran.code == 0, ran.err
    assert summary(ran)["leaves"] == 1
    assert not (ledger_folder / "postgresql" / "data" / "postmaster.pid").exists()


@pytest.mark.parametrize(
    "table, column, code",
    [
        ("events", "body", "body_digest_mismatch"),
        ("events", "leaf_hash", "leaf_altered"),
        ("orders", "evidence", "evidence_digest_mismatch"),
    ],
)
def test_a_changed_byte_ends_with_six_and_the_name_of_the_record(
    office: Shell, served: Served, table: str, column: str, code: str
) -> None:
    index = sealed(office, served)

    with changed(served.folder, table, column, index):
        ran = office("log", "fsck", "--data", served.folder, "--output", "json")
        people = office("log", "fsck", "--data", served.folder)

    assert ran.code == people.code == 6
    assert (code, index) in findings(ran)
    assert summary(ran)["findings"] == len(findings(ran))
    assert f"{index}  {code}" in people.out
    assert people.err
    # And it is put right again, so that nothing else is meant by the finding.
    assert office("log", "fsck", "--data", served.folder).code == 0


def test_what_a_client_kept_must_fit(office: Shell, served: Served) -> None:
    index = sealed(office, served)
    kept = office.folder / "agency.state"
    assert office("log", "head", "--state", kept).code == 0
    fits = office(*("log", "fsck", "--from", served.url, "--state", str(kept), "--output", "json"))
    assert fits.code == 0, fits.err

    folder, state = Folder(served.folder), State(kept)
    identity = served.anybody().identity
    promised = Receipt(identity.ledger, index, b"\x07" * 32, bytes(32))
    state.keep_receipt(index, sign_receipt(promised, folder.receipts_key(ORIGIN)).decode())

    for source in (["--from", served.url], ["--data", str(served.folder)]):
        ran = office("log", "fsck", *source, "--state", kept, "--output", "json")
        assert ran.code == 6
        assert findings(ran) == {("receipt_broken", index)}


def test_a_misspelt_state_folder_is_not_taken_for_an_empty_one(
    office: Shell, served: Served
) -> None:
    """The check would pass, and nothing that was kept would have been compared."""
    folder = office.folder / "misspelt"

    ran = office("log", "fsck", "--from", served.url, "--state", folder, "--output", "json")

    assert refused(ran) == (2, "input_unusable")
    assert not folder.exists()


def test_a_checkpoint_that_was_kept_must_fit(office: Shell, served: Served) -> None:
    kept = office.folder / "auditor"
    size = office("log", "head", "--state", kept, "--output", "json").json["size"]
    other = sign(Checkpoint(ORIGIN, size, bytes(32)), Folder(served.folder).log_keys(ORIGIN))
    (kept / "checkpoint").write_bytes(other)

    ran = office("log", "fsck", "--from", served.url, "--state", kept, "--output", "json")

    assert ran.code == 6
    assert size in {index for _, index in findings(ran)}


def test_the_logs_key_is_rotated_by_both_founders_and_followed(
    shell: Shell, ledger_folder: Path
) -> None:
    kept = shell.folder / "auditor"
    keys = ledger_folder / "keys"
    with serving(ledger_folder) as served:
        shell.settle = served.settle
        shell.set(SIJILL_URL=served.url, SIJILL_KEY=str(keys / "ndc.pem"))
        before = shell("log", "head", "--state", kept, "--output", "json").json

        asked = shell("log", "rotate-key", "--data", ledger_folder, "--output", "json")
        assert asked.code == 0, asked.err
        assert asked.json["waiting_for"]
        assert (keys / "log-2.pem").exists()
        ran = shell(
            *("log", "rotate-key", "--data", str(ledger_folder)),
            *("--cosigner", str(keys / "comsec.pem"), "--output", "json"),
        )

        assert ran.code == 0, ran.err
        assert ran.json["receipt"]
        # The order that waited was finished: it named the key that was made for it.
        assert not (keys / "log-3.pem").exists()
        new = VerifierKey.parse(served.anybody().text("/log/vkey").decode().strip())
        assert new == Folder(ledger_folder).log_keys(ORIGIN)[-1].verifier
        served.anybody().text(f"/log/checkpoint?covers={ran.json['index']}")
        after = shell("log", "head", "--state", kept, "--output", "json")
        assert after.code == 0, after.err
        assert after.json["size"] > before["size"]
        assert shell("log", "fsck", "--from", served.url, "--state", kept).code == 0


def test_the_operator_puts_on_record_that_the_clock_was_looked_at(
    founder: Shell,
) -> None:
    now = str(int(time.time()))

    ran = founder("log", "accept-clock", "--clock-seconds", now, "--output", "json")

    assert ran.code == 0, ran.err
    assert ran.json["receipt"]


def test_a_check_since_a_checkpoint_that_somebody_kept(office: Shell, served: Served) -> None:
    sealed(office, served)
    kept, other = office.folder / "kept", office.folder / "other"
    assert office("log", "head", "--state", office.folder / "auditor").code == 0
    note = (office.folder / "auditor" / "checkpoint").read_bytes()
    kept.write_bytes(note)
    begin = Checkpoint.parse(text_of(note)).size
    index = sealed(office, served)
    other.write_text("no note, and nothing that a check has left")

    for source in (("--from", served.url), ("--data", served.folder)):
        place = ("log", "fsck", *source, "--output", "json")
        ran = office(*place, "--since", kept)
        assert (ran.code, findings(ran)) == (0, set()), ran.err
        assert summary(ran)["leaves"] == summary(ran)["size"] - begin >= index - begin
        assert refused(office(*place, "--since", other)) == (2, "input_notebook_unusable")
    # The file is whose it was.
    assert kept.read_bytes() == note
    with changed(served.folder, "events", "header_digest", index):
        ran = office("log", "fsck", "--data", served.folder, "--since", kept, "--output", "json")
    assert ("leaf_altered", index) in findings(ran)


def test_a_book_goes_from_source_to_source_and_accuses_no_copy(
    office: Shell, served: Served
) -> None:
    book, taken, other = (office.folder / name for name in ("book", "taken", "other"))
    sealed(office, served)
    assert office("log", "export", taken, "--from", served.url).code == 0
    sealed(office, served)
    checked = ("log", "fsck", "--output", "json", "--since")

    for source in (("--data", served.folder), ("--from", served.url)):
        ran = office(*checked, book, *source)
        assert (ran.code, findings(ran)) == (0, set()), ran.err
    assert summary(ran)["leaves"] == 0
    older = office(*checked, book, "--folder", taken)
    assert refused(older) == (2, "input_notebook_ahead"), older.err
    assert office("log", "export", taken, "--from", served.url).code == 0
    assert office(*checked, book, "--folder", taken).code == 0
    elsewhere = "another.example/log"
    other.write_bytes(
        sign(Checkpoint(elsewhere, 1, bytes(32)), Folder(served.folder).log_keys(elsewhere))
    )
    assert refused(office(*checked, other, "--from", served.url)) == (2, "input_notebook_other")
