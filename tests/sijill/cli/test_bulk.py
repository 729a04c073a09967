from pathlib import Path
from typing import Any

import pytest

from infrastructure.proofs.orders import LINES_LIMIT
from sijill.cli.chunks import Chunk
from sijill.client import Draft, State
from tests.serving import Agency, Served
from tests.sijill.cli.conftest import Ran, Shell, letter, ndjson
from tests.sijill.cli.cutting import cut_off_hours_ago, losing_answers


def bulk(office: Shell, items: list[dict[str, Any]] | str, *options: str) -> Ran:
    text = items if isinstance(items, str) else ndjson(items)
    return office(
        "certificate", "bulk", office.file("b.ndjson", text), *options, "--output", "json"
    )


def told(ran: Ran) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    *lines, last = ran.lines
    return lines, last["summary"]


def numbers(office: Shell, unit: str) -> list[str]:
    ran = office("certificate", "list", "--unit", unit, "--limit", "1000", "--output", "json")
    return [one["number"] for one in ran.json["items"]]


def test_every_line_is_answered_with_code_index_and_secret(office: Shell) -> None:
    ran = bulk(office, [letter(unit="bulk-a") for _ in range(12)])

    assert ran.code == 0, ran.err
    lines, summary = told(ran)
    assert [one["line"] for one in lines] == list(range(1, 13))
    assert len({one["code"] for one in lines}) == 12
    assert len({one["holder_secret"] for one in lines}) == 12
    assert (summary["recorded"], summary["refused"]) == (12, 0)
    [path] = summary["receipts"]
    assert Path(path).exists()
    assert office("verify", lines[5]["code"]).code == 0
    assert State(office.folder / "agency.state").journaled() == []


def test_run_again_nothing_is_doubled_and_what_is_new_is_sent(office: Shell) -> None:
    items = [letter(unit="bulk-b") for _ in range(5)]
    first, _ = told(bulk(office, items))

    again, summary = told(bulk(office, items))
    assert (summary["recorded"], summary["recorded_before"]) == (0, 5)
    assert [one["index"] for one in again] == [one["index"] for one in first]
    assert not any("holder_secret" in one for one in again)

    more = [letter(unit="bulk-b"), *items]
    lines, summary = told(bulk(office, more))
    assert (summary["recorded"], summary["recorded_before"]) == (1, 5)
    assert [one["line"] for one in lines if "holder_secret" in one] == [1]
    assert len(numbers(office, "bulk-b")) == 6


@pytest.mark.usefixtures("hurried")
def test_a_broken_bulk_is_finished_by_the_same_command(office: Shell, served: Served) -> None:
    """The ledger has recorded, the answers are lost; the secrets are told by the second run."""
    items = [letter(unit="bulk-c") for _ in range(7)]
    with losing_answers(served.url) as address:
        broken = bulk(office, items, "--url", address)
    assert broken.code == 3
    assert len(State(office.folder / "agency.state").journaled()) == 1

    ran = bulk(office, items)

    lines, summary = told(ran)
    assert ran.code == 0, ran.err
    assert [(one["line"], one["replayed"]) for one in lines] == [(n, True) for n in range(1, 8)]
    assert all(one["holder_secret"] for one in lines)
    assert summary["recorded"] == 7
    assert len(numbers(office, "bulk-c")) == 7
    assert State(office.folder / "agency.state").journaled() == []


def bad_every_tenth() -> list[dict[str, Any]]:
    items = [letter(unit="bulk-d") for _ in range(30)]
    items[9]["type"] = "no_such_type"
    items[19]["remark"] = "free text"
    items[29]["number"] = items[0]["number"]
    return items


def test_bad_lines_are_listed_by_number_and_code_and_the_rest_is_recorded(office: Shell) -> None:
    ran = bulk(office, bad_every_tenth())

    lines, summary = told(ran)
    refused = {one["line"]: one["problem"]["code"] for one in lines if "problem" in one}
    assert ran.code == 5
    assert refused == {10: "type_unknown", 20: "statement_invalid", 30: "number_taken"}
    assert (summary["recorded"], summary["refused"]) == (27, 3)
    assert len(numbers(office, "bulk-d")) == 27


def test_for_people_bad_lines_stand_among_the_others(office: Shell) -> None:
    file = office.file("b.ndjson", ndjson([letter(unit="bulk-e")]) + "\n{\n")

    ran = office("certificate", "bulk", file)

    assert ran.code == 5
    bad, good = ran.out.splitlines()
    assert bad.startswith("line 3: ")
    # The developer's note says what it is of the line, as where one thing is handed in.
    assert "(input_malformed: " in bad
    assert good.startswith("line 1: recorded at index ")
    assert "refused: 1." in ran.err
    assert "a second" in ran.err


def test_a_dry_run_finds_the_same_and_records_nothing(office: Shell, served: Served) -> None:
    office("certificate", "issue", office.file("c.json", letter(unit="bulk-f")))
    before = served.settle()

    ran = bulk(office, bad_every_tenth(), "--dry-run")

    lines, summary = told(ran)
    refused = {one["line"]: one["problem"]["code"] for one in lines}
    assert ran.code == 6
    assert refused == {10: "type_unknown", 20: "statement_invalid", 30: "number_taken"}
    assert (summary["accepted"], summary["recorded"]) == (27, 0)
    assert served.settle() == before
    assert bulk(office, [letter()], "--dry-run").code == 0


def test_a_dry_run_says_which_lines_depend_on_others(office: Shell) -> None:
    issued = office("certificate", "issue", office.file("c.json", letter()), "--output", "json")
    code = issued.json["code"]
    acts = (
        ("suspend", "under_review"),
        ("suspend", "under_review"),
        ("reinstate", "review_passed"),
    )
    items = [{"act": f"certificate.{act}", "code": code, "reason": reason} for act, reason in acts]

    lines, summary = told(bulk(office, [letter(), *items], "--dry-run"))

    assert [(one["line"], one["depends_on"]) for one in lines] == [(3, 2), (4, 3)]
    assert lines[0]["accepted"]
    assert lines[1]["problem"]["code"] == "certificate_not_suspended"
    assert (summary["accepted"], summary["refused"]) == (3, 1)
    said = office("certificate", "bulk", office.file("b.ndjson", ndjson(items)), "--dry-run").out
    assert "line 2: acceptable as the record stands now" in said
    assert "line 2 before it acts on the same record or number" in said


def test_atomic_records_all_or_none(office: Shell) -> None:
    items = [letter(unit="bulk-g") for _ in range(4)]
    clash = [*items, letter(unit="bulk-g", number=items[0]["number"])]

    ran = bulk(office, clash, "--atomic")
    assert ran.code == 5
    assert numbers(office, "bulk-g") == []

    malformed = bulk(office, ndjson(items) + "{\n", "--atomic")
    assert malformed.code == 5
    assert numbers(office, "bulk-g") == []

    assert bulk(office, items, "--atomic").code == 0
    assert len(numbers(office, "bulk-g")) == 4


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("options", [(), ("--atomic",)])
def test_what_was_cut_off_hours_ago_is_recorded_by_the_same_command(
    office: Shell, served: Served, options: tuple[str, ...]
) -> None:
    unit = f"bulk-late{len(options)}"
    items = [letter(unit=unit) for _ in range(3)]
    with cut_off_hours_ago(served.url) as address:
        assert bulk(office, items, *options, "--url", address).code == 3

    ran = bulk(office, items, *options)

    lines, summary = told(ran)
    assert ran.code == 0, ran.out
    assert (summary["recorded"], summary["refused"]) == (3, 0)
    assert all(one["holder_secret"] for one in lines)
    assert len(numbers(office, unit)) == 3


@pytest.mark.usefixtures("hurried")
def test_what_was_refused_of_a_run_that_was_cut_off_is_told_once(
    office: Shell, served: Served
) -> None:
    """And where it stands in the file no more, it is told too, and stops nothing."""
    taken, good, gone = (letter(unit="bulk-once") for _ in range(3))
    bulk(office, [taken])
    again = {**taken, "date": "2026-11-03"}
    with losing_answers(served.url) as address:
        lost = [again, good, {**gone, "type": "no_such_type"}]
        assert bulk(office, lost, "--url", address).code == 3

    lines, summary = told(bulk(office, [again, good, gone]))

    refused = [(one["line"], one["problem"]["code"]) for one in lines if "problem" in one]
    assert refused == [(None, "type_unknown"), (1, "number_taken")]
    assert (summary["recorded"], summary["refused"]) == (2, 2)


def test_lines_may_be_of_any_act_on_certificates(office: Shell) -> None:
    lines, _ = told(bulk(office, [letter(unit="bulk-h") for _ in range(3)]))
    codes = [one["code"] for one in lines]
    fields = {"holder_name": "حامل 0009", "supported_fact": "x"}
    acts: list[dict[str, Any]] = [
        {"act": "certificate.revoke", "code": codes[0].lower(), "reason": "decision"},
        {"act": "certificate.suspend", "code": codes[1], "reason": "under_review"},
        {
            "act": "certificate.correct",
            "code": codes[2],
            "reason": "clerical_error",
            "language": "ar",
            "fields": fields,
        },
        {"act": "certificate.revoke", "reason": "decision"},
        {"act": "agency.close", "subject": "ndc", "reason": "abolished"},
        {"act": "certificate.fold", "code": codes[0]},
    ]

    ran = bulk(office, acts)

    found, _ = told(ran)
    refused = {one["line"]: one["problem"]["code"] for one in found if "problem" in one}
    assert refused.keys() == {4, 5, 6}
    assert list(refused.values()) == ["statement_invalid", "act_not_for_bulk", "act_unknown"]
    corrected = next(one for one in found if one["line"] == 3)
    assert [office("verify", code).code for code in codes] == [11, 11, 11]
    assert office("verify", corrected["code"]).code == 0


def degree(**changes: Any) -> dict[str, Any]:
    fields = {"holder_name": "حامل 0001", "qualification": "بكالوريوس", "graduation_year": "2024"}
    return letter(type="degree", fields=fields, **changes)


def test_what_needs_a_second_officer_waits_and_is_told_when_it_is_signed(
    office: Shell, agency: Agency
) -> None:
    items = [degree(unit="bulk-i"), letter(unit="bulk-i"), degree(unit="bulk-i")]

    ran = bulk(office, items)

    lines, summary = told(ran)
    assert ran.code == 0, ran.err
    assert (summary["recorded"], summary["waiting"]) == (1, 2)
    [order] = {one["order"] for one in lines if "order" in one}
    assert numbers(office, "bulk-i") == [items[1]["number"]]

    second = agency.officer()
    assert second.key is not None
    colleague = office.key("colleague", second.key)
    approved = office("order", "approve", order, "--key", colleague, "--output", "json")
    assert (approved.code, approved.json["recorded"]) == (0, 2)

    lines, summary = told(bulk(office, items))
    assert (summary["recorded"], summary["recorded_before"]) == (2, 1)
    assert all(one["holder_secret"] for one in lines if one["line"] != 2)
    assert len(numbers(office, "bulk-i")) == 3


def test_a_cosigner_at_hand_signs_at_once(office: Shell, agency: Agency) -> None:
    second = agency.officer(officer="officer-3")
    assert second.key is not None
    colleague = office.key("colleague", second.key)

    ran = bulk(office, [degree(unit="bulk-j") for _ in range(2)], "--cosigner", str(colleague))

    _, summary = told(ran)
    assert (summary["recorded"], summary["waiting"]) == (2, 0)
    assert len(numbers(office, "bulk-j")) == 2


def test_an_act_whose_type_only_the_ledger_knows_is_made_to_wait(
    office: Shell, agency: Agency
) -> None:
    second = agency.officer(officer="officer-4")
    assert second.key is not None
    colleague = office.key("colleague", second.key)
    lines, _ = told(bulk(office, [degree(unit="bulk-k")], "--cosigner", str(colleague)))
    correction = {
        "act": "certificate.correct",
        "code": lines[0]["code"],
        "reason": "clerical_error",
        "language": "ar",
        "fields": degree()["fields"],
    }

    dry = bulk(office, [correction], "--dry-run")
    ran = bulk(office, [correction])

    assert dry.code == 0, dry.out
    assert told(ran)[1]["waiting"] == 1, ran.out


def test_an_order_holds_ten_thousand_lines_and_not_one_more() -> None:
    draft = Draft.plain("certificate.reaffirm", "moj", "/v1", code="x")
    chunk = Chunk(wait=False)
    chunk.drafts = [draft] * (LINES_LIMIT - 1)

    assert chunk.fits(draft)
    chunk.drafts.append(draft)
    assert not chunk.fits(draft)


def test_an_order_holds_sixteen_mebibytes_and_not_one_byte_more() -> None:
    draft = Draft.plain("certificate.reaffirm", "moj", "/v1", code="x")
    room = len(draft.envelope) + 1
    chunk = Chunk(wait=False, size_bytes=16 * 2**20 - room)

    assert chunk.fits(draft)
    chunk.size_bytes += 1
    assert not chunk.fits(draft)
