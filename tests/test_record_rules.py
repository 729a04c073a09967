"""What examples/record_rules.py makes of revocations: as the page says, with bodies and without."""

import runpy
import sys
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
