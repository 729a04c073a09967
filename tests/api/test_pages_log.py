"""The pages of the log: what they show is what the interface for programs says."""

import re
from html import unescape

import pytest

from api.i18n import LANGUAGES, translate
from infrastructure.proofs import codes
from infrastructure.proofs.checkpoint import Checkpoint
from tests.api import asking
from tests.api.talking import Wire
from tests.serving import Agency


def covered(wire: Wire, agency: Agency) -> tuple[str, int]:
    """The code and index of a record that a checkpoint covers."""
    issued = agency.issue()
    wire.served.settle()
    assert wire.get(f"/log/checkpoint?covers={issued['index']}").status_code == 200
    return issued["code"], issued["index"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_newest_checkpoint_is_shown_as_it_is_signed(
    wire: Wire, agency: Agency, language: str
) -> None:
    covered(wire, agency)

    page = wire.get(f"/{language}/log")

    note = re.search(r'<pre dir="ltr" id="note">(.*?)</pre>', page.text, re.DOTALL)
    assert note
    text = unescape(note[1])
    checkpoint = Checkpoint.parse(text.partition("\n\n")[0] + "\n")
    assert f'<bdi dir="ltr" id="size">{checkpoint.size}</bdi>' in page.text
    assert wire.get(f"/log/checkpoint/{checkpoint.size}").text == text
    assert wire.get("/log/vkey").text.strip() in unescape(page.text)
    assert f'href="/log/checkpoint/{checkpoint.size}" download=' in page.text


def test_an_entry_is_found_by_code_and_by_index(wire: Wire, agency: Agency) -> None:
    code, index = covered(wire, agency)

    by_code = wire.http.post("/en/log", data={"q": codes.for_people(code).lower()})
    by_index = wire.http.post("/en/log", data={"q": str(index).translate(EASTERN)})

    for answer in (by_code, by_index):
        assert (answer.status_code, answer.headers["location"]) == (303, f"/en/log/{index}")


EASTERN = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


@pytest.mark.parametrize("asked", ["", "no such thing", "9999999999999", "0" * 40, "-1"])
def test_what_there_is_not_is_said_in_words(wire: Wire, agency: Agency, asked: str) -> None:
    covered(wire, agency)

    answer = wire.http.post("/ar/log", data={"q": asked})

    assert answer.status_code == 404
    assert translate("ar", "page.log.search.nothing") in answer.text


@pytest.mark.parametrize("index", ["x", "9999999999999", "9" * 17, "-1", "٣"])
def test_an_entry_that_no_checkpoint_covers_has_no_page(wire: Wire, index: str) -> None:
    answer = wire.get(f"/en/log/{index}")

    assert answer.status_code == 404
    assert translate("en", "problem.index_unknown.title") in answer.text


def test_an_entry_is_shown_with_its_proof(wire: Wire, agency: Agency) -> None:
    _, index = covered(wire, agency)

    page = wire.get(f"/en/log/{index}")

    size = re.search(rf"inclusion\?index={index}&amp;size=(\d+)", page.text)
    assert size
    proof = wire.get(f"/v1/proofs/inclusion?index={index}&size={size[1]}").json()
    for digest in (proof["leaf_hash"], proof["root"], *proof["hashes"]):
        assert digest in page.text
    assert "sijill.certificate.issued.v1" in page.text
    assert "Body for tests" in page.text


def test_what_an_entry_says_is_shown_only_as_far_as_anybody_may_know(
    wire: Wire, agency: Agency
) -> None:
    code = asking.issued(agency, number="4711/9")
    wire.served.settle()
    index = wire.get(f"/v1/verify/{code}").json()["record"]["index"]
    wire.get(f"/log/checkpoint?covers={index}")

    page = wire.get(f"/en/log/{index}")

    assert page.status_code == 200
    assert "4711/9" not in page.text
    assert code not in page.text
