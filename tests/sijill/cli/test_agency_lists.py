"""Agencies from a list: each answered for itself, as programs and people read it."""

from typing import Any

from tests.serving import NAMES
from tests.sijill.cli.conftest import Shell


def body(name: str, **changes: Any) -> dict[str, Any]:
    return {"subject": name, "kind": "ministry", "names": NAMES, **changes}


def test_each_of_a_list_is_a_line_and_a_refused_one_keeps_no_other_out(founder: Shell) -> None:
    """After a crash half of a list is there; the same command adds the other half."""
    bad = body("listed-3", kind="bakery")
    file = founder.file("all.json", [body("listed-1"), bad, body("listed-2", parent="listed-1")])

    first = founder("agency", "add", file, "--output", "json")
    second = founder("agency", "add", file, "--output", "json")
    told = founder("agency", "add", file)

    assert (first.code, second.code, told.code) == (5, 5, 5)
    assert [line["line"] for line in first.lines] == [1, 2, 3]
    assert [line.get("problem", {}).get("code") for line in first.lines] == [
        None,
        "statement_invalid",
        None,
    ]
    assert [line["problem"]["code"] for line in second.lines] == [
        "agency_exists",
        "statement_invalid",
        "agency_exists",
    ]
    assert [line.split(":")[0] for line in told.out.splitlines()] == ["line 1", "line 2", "line 3"]


def test_a_single_one_is_answered_as_any_single_act(founder: Shell) -> None:
    ran = founder("agency", "add", founder.file("one.json", body("alone")), "--output", "json")

    assert ran.code == 0, ran.err
    assert ran.json["act"] == "agency.add"


def test_a_code_is_told_once(founder: Shell) -> None:
    ran = founder("key", "generate", founder.folder / "ndc.pem")

    assert ran.code == 2
    assert ran.err.count("key_file_exists") == 1
