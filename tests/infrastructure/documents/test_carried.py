"""What a PDF brings along is read beside its picture; whether both are one is told."""

import asyncio
from dataclasses import replace

import pytest

from api.papers import compose
from infrastructure import pictures
from infrastructure.documents.paper import render
from infrastructure.pictures import CREDENTIAL, Found
from infrastructure.proofs import credential, offline, qr
from tests.infrastructure.documents.papers import HOST, paper, refiled, signed, told
from tests.infrastructure.proofs.samples import AGENCY_KEY


def read(pdf: bytes) -> Found:
    return asyncio.run(pictures.read(pdf))


def agrees(pdf: bytes) -> bool:
    found = read(pdf)
    return offline.agree(found.texts, found.credentials)


def another() -> bytes:
    """A credential that the same key signed, for the same code, about another holder."""
    said = credential.decode(signed()).credential
    return credential.sign(replace(said, fields={**said.fields, 0: "غيرها"}), AGENCY_KEY)


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return render(paper(), "pdf")[0]


@pytest.fixture(scope="module")
def false_picture() -> bytes:
    """As printed by somebody else, with the genuine attachment."""
    forged = render(compose(told(), host=HOST, credential=another()), "pdf")[0]
    return refiled(forged, {CREDENTIAL: signed()}, drop=CREDENTIAL)


def test_picture_and_attachment_of_a_paper_are_one(pdf: bytes) -> None:
    found = read(pdf)

    assert found.credentials == (signed(),)
    assert found.texts == (qr.encode_text(signed(), host=HOST),)
    assert found.evidence is None
    assert agrees(pdf)


def test_a_changed_picture_is_noticed(false_picture: bytes) -> None:
    found = read(false_picture)

    assert qr.parse_text(found.texts[0]).data == another()
    assert found.credentials == (signed(),)
    assert not agrees(false_picture)


@pytest.mark.parametrize("held", [another(), b"", b"\xd2", bytes(2_000)])
def test_a_changed_attachment_is_noticed(pdf: bytes, held: bytes) -> None:
    assert not agrees(refiled(pdf, {CREDENTIAL: held}, drop=CREDENTIAL))


def test_a_picture_without_its_credential_is_noticed() -> None:
    bare = render(paper(bare=True), "pdf")[0]

    assert agrees(bare)
    assert not agrees(refiled(bare, {CREDENTIAL: signed()}))


def test_without_an_attachment_the_picture_stands_alone(pdf: bytes) -> None:
    assert agrees(refiled(pdf, drop=CREDENTIAL))
    assert agrees(refiled(pdf, {"other.txt": b"a note"}, drop=CREDENTIAL))


def test_evidence_is_read_too(pdf: bytes) -> None:
    given = render(replace(paper(), evidence=b'{"bundle":1}'), "pdf")[0]

    assert read(given).evidence == b'{"bundle":1}'
    assert agrees(given)
    assert given != pdf
