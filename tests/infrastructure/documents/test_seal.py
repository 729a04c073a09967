"""Seals: accepted by poppler, broken by any change, and never under another key's certificate."""

from pathlib import Path

import pytest
from cryptography.x509.oid import NameOID

from infrastructure.documents import seal as seals
from infrastructure.documents.paper import PaperError, render
from infrastructure.documents.seal import SealKey, seal
from infrastructure.keyfiles import KeyFileError, create_private_key
from tests.infrastructure.documents.papers import is_sound, objects_of, paper, run

NAME = "وزارة الداخلية"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    seals.create(tmp_path / "seal.pem", NAME)
    return tmp_path / "seal.pem"


def verdict(path: Path) -> str:
    return run("pdfsig", "-nocert", path)


def test_a_seal_is_accepted_and_nothing_before_it_changes(tmp_path: Path, key: Path) -> None:
    plain = render(paper(), "pdf")[0]
    sealed = seal(plain, SealKey.load(key))
    path = tmp_path / "sealed.pdf"
    path.write_bytes(sealed)
    said = verdict(path)

    assert sealed.startswith(plain)
    assert "Signature is Valid" in said
    assert "Total document signed" in said
    assert "ETSI.CAdES.detached" in said
    assert "SHA-256" in said
    assert NAME in said


def test_the_file_is_still_sound_and_its_attachment_in_it(tmp_path: Path, key: Path) -> None:
    path = tmp_path / "sealed.pdf"
    path.write_bytes(seal(render(paper(), "pdf")[0], SealKey.load(key)))
    objects = objects_of(path)
    root = objects[f"obj:{objects['trailer']['/Root']}"]

    assert is_sound(path)
    assert {"/AF", "/OutputIntents", "/StructTreeRoot", "/AcroForm"} <= set(root)


def test_a_changed_file_is_not_accepted(tmp_path: Path, key: Path) -> None:
    sealed = bytearray(seal(render(paper(), "pdf")[0], SealKey.load(key)))
    sealed[2_000] ^= 1
    path = tmp_path / "changed.pdf"
    path.write_bytes(sealed)

    assert "Signature is Valid" not in verdict(path)


LONG = "الأمانة العامة لمجلس الوزراء - دائرة شؤون المواطنين"


def test_a_name_of_many_letters_stands_in_full_and_is_shown_as_far_as_it_fits(
    tmp_path: Path,
) -> None:
    path = tmp_path / "sealed.pdf"
    made = seals.create(tmp_path / "seal.pem", LONG).certificate.subject
    path.write_bytes(seal(render(paper(), "pdf")[0], SealKey.load(tmp_path / "seal.pem")))
    said = verdict(path)

    [whole] = made.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    [shown] = made.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert whole.value == LONG
    assert len(LONG) == 51
    assert LONG.startswith(str(shown.value).removesuffix("\u2026"))
    assert "Signature is Valid" in said
    assert str(shown.value) in said


@pytest.mark.parametrize("name", ["", " ", "و" * 65, "\udc80"])
def test_a_name_that_no_certificate_takes_leaves_no_key_behind(tmp_path: Path, name: str) -> None:
    path = tmp_path / "seal.pem"
    with pytest.raises(PaperError, match="seal_name_unusable"):
        seals.create(path, name)

    assert list(tmp_path.iterdir()) == []
    seals.create(path, NAME)
    assert path.exists()


def test_a_key_is_made_once_for_its_owner_alone(key: Path) -> None:
    assert key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeyFileError, match="key_file_exists"):
        seals.create(key, NAME)


@pytest.mark.parametrize("fault", ["missing", "another", "broken"])
def test_a_certificate_that_does_not_fit_is_refused(key: Path, fault: str) -> None:
    certificate = seals.certificate_path(key)
    if fault == "missing":
        certificate.unlink()
    if fault == "another":
        key.unlink()
        create_private_key(key)
    if fault == "broken":
        certificate.write_bytes(b"-----BEGIN CERTIFICATE-----\n")

    with pytest.raises(PaperError, match="seal_unusable"):
        SealKey.load(key)
