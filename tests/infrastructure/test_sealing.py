"""The form of sealed attachments against its vector, and what does not open."""

import json
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.attachments import sealing
from infrastructure.vault import SealBroken, Vault

ROOT = Path(__file__).parents[2]
VECTOR = json.loads((ROOT / "tests" / "vectors" / "attachment.json").read_text())
KEY = bytes.fromhex(VECTOR["file_key"])
ID = UUID(VECTOR["attachment"])
SIZE: int = VECTOR["size"]
FILE = (bytes(range(251)) * (SIZE // 251 + 1))[:SIZE]
CHUNK = sealing.CHUNK_BYTES


def sealed(number: int) -> bytes:
    nonce = bytes.fromhex(VECTOR["nonces"][number])
    return sealing.seal(KEY, ID, SIZE, number, FILE[number * CHUNK :][:CHUNK], nonce)


def test_a_file_becomes_the_objects_of_the_vector() -> None:
    objects = [sealed(number) for number in range(sealing.chunks(SIZE))]

    assert [
        {
            "bytes": len(one),
            "head": one[:28].hex(),
            "tail": one[-31:].hex(),
            "name": sealing.name_of(one).hex(),
        }
        for one in objects
    ] == VECTOR["objects"]
    assert sealing.address_of(list(map(sealing.name_of, objects))).hex() == VECTOR["address"]


def test_the_file_key_is_wrapped_under_the_records() -> None:
    vault = Vault(bytes(32))
    record = vault.wrap(bytes.fromhex(VECTOR["record_key"]))

    wrapped = vault.wrap_under(record, KEY)

    assert wrapped.hex() == VECTOR["wrapped"]
    assert vault.unwrap_under(record, wrapped) == KEY


@pytest.mark.parametrize(
    "key,attachment,size,number",
    [
        (bytes(32), ID, SIZE, 0),
        (KEY, UUID(int=1), SIZE, 0),
        (KEY, ID, SIZE + 1, 0),
        (KEY, ID, SIZE, 1),
    ],
    ids=["another key", "another attachment", "another size", "another place"],
)
def test_a_chunk_opens_in_its_place_only(
    key: bytes, attachment: UUID, size: int, number: int
) -> None:
    with pytest.raises(SealBroken):
        sealing.unseal(key, attachment, size, number, sealed(0))


@given(at=st.integers(0, 30), bit=st.integers(0, 7))
def test_a_changed_bit_does_not_open(at: int, bit: int) -> None:
    data = bytearray(sealing.seal(KEY, ID, 3, 0, b"abc"))
    data[at] ^= 1 << bit

    with pytest.raises(SealBroken):
        sealing.unseal(KEY, ID, 3, 0, bytes(data))


@given(size=st.integers(1, 1 << 40))
def test_chunks_cover_a_file_without_a_gap(size: int) -> None:
    last = sealing.chunks(size) - 1

    assert last * CHUNK + sealing.chunk_size(size, last) == size
    assert 0 < sealing.chunk_size(size, last) <= CHUNK


@pytest.mark.parametrize("number,data", [(3, b"abc"), (0, b"abc"), (2, b"abcd"), (-1, b"abc")])
def test_what_is_no_chunk_is_not_sealed(number: int, data: bytes) -> None:
    with pytest.raises(ValueError, match="no chunk"):
        sealing.seal(KEY, ID, SIZE, number, data)
