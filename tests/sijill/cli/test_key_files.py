"""Keys on the machine of the clerk who signs with them, before any ledger knows them."""

import stat

import pytest

from infrastructure import keyfiles
from infrastructure.proofs.jwk import public_of
from tests.sijill.cli.conftest import Shell


@pytest.mark.parametrize("algorithm,kind", [("ed25519", "OKP"), ("p-256", "EC")])
def test_generate_makes_a_file_for_its_owner_alone(shell: Shell, algorithm: str, kind: str) -> None:
    path = shell.folder / "clerk.pem"

    ran = shell("key", "generate", path, "--algorithm", algorithm)

    assert ran.code == 0, ran.err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    public = public_of(keyfiles.load_private_key(path))
    assert ran.json == public.jwk
    assert public.jwk["kty"] == kind
    assert public.thumbprint in ran.err
    assert path.read_text() not in ran.out + ran.err


def test_generate_never_overwrites(shell: Shell) -> None:
    path = shell.key("clerk")
    before = path.read_bytes()

    ran = shell("key", "generate", path, "--output", "json")

    assert (ran.code, ran.json["problem"]["code"]) == (2, "key_file_exists")
    assert path.read_bytes() == before
