"""Published figures: on record with index and digest, and counted again by whoever checks."""

import json
from pathlib import Path

import pytest

from infrastructure import postgres
from infrastructure.postgres import Role
from projections import reports
from projections.reports import Issuance, Narrowed
from sijill.bootstrap import connection_strings
from sijill.client import Refused
from tests.serving import Served, act
from tests.sijill.cli.conftest import Shell
from tests.sijill.cli.test_log import findings, refused, sealed

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "report.json").read_text())


@pytest.fixture
def issued(office: Shell, served: Served) -> int:
    """An office has issued; the index of that."""
    index = sealed(office, served)
    served.settle()
    return index


@pytest.fixture
def authority(issued: int, founder: Shell) -> Shell:
    """The operator's desk, whose key may attest, once something was issued."""
    assert issued
    founder.set(SIJILL_AGENCY="ndc")
    return founder


@pytest.mark.parametrize("vector", VECTORS["digests"], ids=["some", "none"])
def test_the_digest_is_over_what_the_page_says(vector: dict[str, str]) -> None:
    said = json.loads(vector["text"])
    rows = [
        Issuance(
            one["agency"],
            one["type"],
            one["day"],
            {"issued": one["issued"], "revoked": one["withdrawn"], "suspended": 5},
        )
        for one in reversed(said["figures"])
    ]
    # A day on which nothing was issued or withdrawn leaves no trace.
    rows.append(Issuance("moj", "degree", "2026-11-22", {"suspended": 1}))
    assert reports.digest(rows, Narrowed(**said["of"]), at=said["at"]) == vector["digest"]


def test_a_report_is_published_listed_and_counted_again(authority: Shell, served: Served) -> None:
    asked = authority("report", "issuance", "--output", "json")
    assert asked.code == 0, asked.err

    ran = authority("report", "publish", "--at", str(asked.json["at"]), "--output", "json")

    assert ran.code == 0, ran.err
    listed = authority("report", "list", "--output", "json").json["items"]
    [one] = [one for one in listed if one["index"] == ran.json["index"]]
    assert (one["at"], one["digest"]) == (asked.json["at"], asked.json["digest"])
    assert one["agency"] == "ndc"
    again = authority("report", "issuance", "--at", str(one["at"]), "--output", "json")
    assert again.json == asked.json
    assert "issued" in asked.out
    assert authority("report", "list").code == 0
    authority.set(SIJILL_KEY="")
    assert authority("log", "fsck", "--data", served.folder).code == 0


def test_figures_that_do_not_come_out_again_are_a_finding(authority: Shell, served: Served) -> None:
    narrowed = ("--type", "support_letter")
    ran = authority("report", "publish", *narrowed, "--output", "json")
    assert ran.code == 0, ran.err
    served.settle()
    index = ran.json["index"]
    keeper = connection_strings(served.folder).keeper
    edit = "UPDATE read.published SET type = %s WHERE log_index = %s"
    with postgres.connect(keeper, Role.KEEPER) as connection:
        connection.execute(edit, ("degree", index))

    authority.set(SIJILL_KEY="")
    found = authority("log", "fsck", "--data", served.folder, "--output", "ndjson")
    with postgres.connect(keeper, Role.KEEPER) as connection:
        connection.execute(edit, ("support_letter", index))

    assert found.code == 6
    assert findings(found) == {("projection_differs", index), ("report_mismatch", index)}


def test_a_digest_that_is_not_that_of_the_figures_is_refused(served: Served) -> None:
    for at, code in ((2, "report_digest_wrong"), (99_999, "report_in_future")):
        figures = {"report": "issuance", "at": at, "digest": "A" * 43}
        with pytest.raises(Refused) as caught:
            act(served.founder(), "/v1/reports", "report.publish", **figures)
        assert caught.value.code == code


def test_the_future_cannot_be_published(authority: Shell) -> None:
    ran = authority("report", "publish", "--at", "99999", "--output", "json")

    assert refused(ran)[1] == "index_unknown"
