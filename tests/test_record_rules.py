"""What examples/record_rules.py makes of records: as the page says, with bodies and without."""

import runpy
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.retold import PROGRAM


@pytest.fixture(scope="module")
def rules() -> Any:
    """The file as it runs beside the others."""
    sys.path.insert(0, str(PROGRAM.parent))
    try:
        return SimpleNamespace(**runpy.run_path(str(PROGRAM.with_name("record_rules.py"))))
    finally:
        sys.path.remove(str(PROGRAM.parent))


A, B = "7XK3M9Q2W5RT8VHBZ", "TQAYVFMRHA8Q2ZR70"


def told(rules: Any, *story: tuple[str, dict[str, Any] | None]) -> list[int]:
    """Where in a stream's story something is wrong."""
    records, wrong = rules.Records(), []
    for index, (what, said) in enumerate(story):
        header = {"type": f"sijill.certificate.{what}.v1", "stream": "s"}
        try:
            records.take(rules.Event(index, 0, header, said))
        except rules.need.__globals__["Wrong"]:
            wrong.append(index)
    return wrong


def of(code: str = A, *, alone: bool = False) -> dict[str, Any]:
    return {"code": code} | ({"original_only": True} if alone else {})


OPEN: list[tuple[list[tuple[str, dict[str, Any] | None]], list[int]]] = [
    ([("issued", of()), ("revoked", of())], []),
    ([("issued", of()), ("revoked", of()), ("revoked", of())], [2]),
    ([("issued", of()), ("revoked", of()), ("revoked", of(alone=True))], [2]),
    ([("issued", of()), ("revoked", of(alone=True)), ("revoked", of())], []),
    ([("issued", of()), ("revoked", of(alone=True)), ("revoked", of(alone=True))], [2]),
    ([("issued", of()), ("revoked", of(alone=True)), ("revoked", of(B, alone=True))], []),
    ([("issued", of()), ("revoked", of()), ("revocation_annulled", of()), ("revoked", of())], []),
    (
        [
            ("issued", of()),
            ("revoked", of()),
            ("revocation_annulled", of(alone=True)),
            ("revoked", of()),
        ],
        [3],
    ),
    (
        [
            ("issued", of()),
            ("revoked", of(alone=True)),
            ("revocation_annulled", of(alone=True)),
            ("revoked", of(alone=True)),
        ],
        [],
    ),
    ([("issued", of()), ("suspended", of()), ("revoked", of())], []),
    (
        [
            ("issued", of()),
            ("revoked", of(alone=True)),
            ("revoked", of()),
            ("revocation_annulled", of()),
            ("revoked", of(alone=True)),
        ],
        [4],
    ),
]


@pytest.mark.parametrize("story, wrong", OPEN)
def test_with_bodies_a_second_revocation_is_found(
    rules: Any, story: list[tuple[str, dict[str, Any] | None]], wrong: list[int]
) -> None:
    assert told(rules, *story) == wrong


@pytest.mark.parametrize(
    "story, wrong",
    [
        ("issued revoked", []),
        ("issued revoked revoked", []),
        ("issued revoked revoked revoked", [3]),
        ("issued original_added revoked revoked revoked revoked", [5]),
        ("issued revoked revoked revocation_annulled revoked revoked", [5]),
        ("issued revocation_annulled revoked revoked revoked", [4]),
        ("revoked revoked revoked", []),
    ],
)
def test_without_bodies_what_no_story_explains_is_found(
    rules: Any, story: str, wrong: list[int]
) -> None:
    assert told(rules, *((what, None) for what in story.split())) == wrong


def test_what_was_hidden_is_held_against_nobody(rules: Any) -> None:
    assert (
        told(rules, ("issued", of()), ("revoked", None), ("revoked", of()), ("revoked", of())) == []
    )


class Letters:
    """What is told of letters: an act of an agency about a consignment, on a stream."""

    def __init__(self, rules: Any) -> None:
        self.records, self.rules = rules.Records(), rules
        self.versions: dict[str, int] = {}
        self.wrong: list[int] = []
        self.index = -1

    def tell(
        self,
        agency: str,
        what: str,
        *,
        stream: str = "file",
        noun: str = "transfer",
        hidden: bool = False,
        **said: Any,
    ) -> "Letters":
        """One event; whether it is wrong is kept by its place in the story."""
        self.index += 1
        version = self.versions[stream] = self.versions.get(stream, 0) + 1
        header = {"type": f"sijill.{noun}.{what}.v1", "stream": stream, "agency": agency}
        event = self.rules.Event(
            self.index, 0, {**header, "version": version}, None if hidden else said
        )
        try:
            self.records.take(event)
        except self.rules.need.__globals__["Wrong"]:
            self.wrong.append(self.index)
        return self

    def filed(self, kind: str = "case_file") -> "Letters":
        """It is registered by moj."""
        return self.tell("moj", "registered_outgoing", new_letter="f", kind=kind)

    def sent(self, agency: str = "moj", to: str = "moh", **more: Any) -> "Letters":
        """It is dispatched as the consignment `agency-to`."""
        said = {"sender": "moj", "letter": "f", "addressee": to, **more}
        return self.tell(agency, "dispatched", new_consignment=f"{agency}-{to}", **said)

    def on(self, agency: str, what: str, name: str, **more: Any) -> "Letters":
        """The consignment `sender-addressee` is acted on."""
        return self.tell(agency, what, sender=name.partition("-")[0], consignment=name, **more)

    def onward(self, agency: str, name: str, to: str, **more: Any) -> "Letters":
        """It is referred onward, as `agency-to`."""
        more |= {"new_consignment": f"{agency}-{to}", "addressee": to}
        return self.on(agency, "referred_onward", name, **more)


@pytest.fixture
def letters(rules: Any) -> Letters:
    return Letters(rules)


def arrived(letters: Letters) -> Letters:
    """Events 0 to 2: moj registered and sent it, and moh has taken it."""
    return letters.filed().sent().on("moh", "registered_incoming", "moj-moh")


def test_custody_goes_from_hand_to_hand(letters: Letters) -> None:
    arrived(letters).onward("moh", "moj-moh", "mof").on("mof", "returned", "moh-mof")
    letters.onward("moh", "moj-moh", "mot").on("mot", "registered_incoming", "moh-mot")
    letters.onward("mot", "moh-mot", "moj").on("moj", "registered_incoming", "mot-moj")
    assert letters.wrong == []


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param(lambda one: one.sent(to="mof"), id="sent twice"),
        pytest.param(lambda one: one.sent("mof", to="mot"), id="sent by who has it not"),
        pytest.param(lambda one: one.onward("mof", "moj-moh", "mot"), id="handed on by another"),
        pytest.param(
            lambda one: one.on("mof", "registered_incoming", "moj-moh"), id="taken by another"
        ),
        pytest.param(
            lambda one: one.on("moh", "registered_incoming", "moj-moh"), id="taken once more"
        ),
        pytest.param(
            lambda one: one.on("moh", "registered_incoming", "nobody-moh"), id="taken from nobody"
        ),
        pytest.param(lambda one: one.sent(to="mof", stream="elsewhere"), id="sent as a copy"),
        pytest.param(
            lambda one: one.onward("moh", "moj-moh", "mot", stream="elsewhere"), id="a copy onward"
        ),
        pytest.param(lambda one: one.filed(), id="registered once more"),
        pytest.param(
            lambda one: one.tell("moj", "sent_on_paper", sender="moj", letter="f"), id="on paper"
        ),
    ],
)
def test_a_second_holder_is_found(letters: Letters, lie: Callable[[Letters], Letters]) -> None:
    lie(arrived(letters))
    assert letters.wrong == [3]
    # What is wrong moves nothing: whoever had it still hands it on.
    letters.onward("moh", "moj-moh", "mop").on("mop", "registered_incoming", "moh-mop")
    assert letters.wrong == [3]


def test_nothing_goes_out_while_a_consignment_waits(letters: Letters) -> None:
    arrived(letters).onward("moh", "moj-moh", "mof").onward("moh", "moj-moh", "mot")
    assert letters.wrong == [4]


def test_of_a_letter_everybody_has_a_copy(letters: Letters) -> None:
    letters.filed("circular").sent(stream="a").sent(to="mof", stream="b")
    letters.on("moh", "registered_incoming", "moj-moh", stream="a")
    letters.on("mof", "registered_incoming", "moj-mof", stream="b")
    assert letters.wrong == []


def test_a_successor_holds_what_was_held(letters: Letters) -> None:
    arrived(letters).onward("mof", "moj-moh", "mot")
    letters.tell("ndc", "merged", noun="agency", stream="moh", subject="moh", successor="mof")
    letters.onward("mof", "moj-moh", "mot")
    letters.tell("ndc", "split", noun="agency", stream="mot", subject="mot", rest="mop")
    letters.on("mop", "registered_incoming", "mof-mot")
    assert letters.wrong == [3]


def test_what_was_hidden_of_custody_is_held_against_nobody(letters: Letters) -> None:
    letters.filed().tell("moj", "dispatched", hidden=True)
    letters.on("moh", "registered_incoming", "moj-moh").onward("mof", "moj-moh", "mot")
    assert letters.wrong == []
