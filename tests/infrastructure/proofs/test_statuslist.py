"""Status lists: the examples of the draft, what we sign, and whatever must not be believed."""

import json
import zlib
from dataclasses import replace
from hashlib import sha256
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import base64text, cbor, cwt, jwk, statuslist
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.note import SignerKey
from infrastructure.proofs.statuslist import Delegation, Signer, Status, StatusList, StatusToken
from infrastructure.proofs.verdict import CodeState
from tests.infrastructure.proofs.vectors import load

DRAFT = load("statuslist-draft")
ORIGIN = "sijill.test/log"
LEDGER = sha256(b"ledger").digest()
LOG = SignerKey(ORIGIN, sha256(b"log").digest())
KEY = SignerKey(f"{ORIGIN}/status", sha256(b"status").digest())
NOW = 1_800_000_000
NOTE = Delegation(LEDGER, KEY.verifier, NOW + 1000).sign([LOG])
SIGNER = Signer(ORIGIN, LEDGER, KEY, NOTE)
LIST = StatusList.of({7: Status.INVALID, 8: Status.SUSPENDED, 2**20 - 1: Status.SUPERSEDED})
TOKEN = SIGNER.token(3, LIST, size=12, issued=NOW)
SIGNED = SIGNER.cwt(TOKEN)


def opened(data: bytes, **changes: Any) -> StatusToken:
    asked = {"origin": ORIGIN, "number": 3, "ledger": LEDGER, "log_key": LOG.verifier}
    return statuslist.open_token(data, **{**asked, **changes})


def code_of(data: bytes, **changes: Any) -> str:
    with pytest.raises(ProofError) as error:
        opened(data, **changes)
    return error.value.code


@pytest.mark.parametrize("case", DRAFT["short"], ids=lambda case: str(case["bits"]))
def test_the_short_examples_of_the_draft(case: dict[str, Any]) -> None:
    expected = StatusList(case["bits"], bytes.fromhex(case["data"]))
    said = cwt.loads(bytes.fromhex(case["cbor"]), limit_bytes=1000)
    text = base64text.decode_url(case["json"]["lst"], code="test")

    assert statuslist.listed(said) == expected
    assert StatusList.unfold(case["json"]["bits"], text) == expected


@pytest.mark.parametrize("case", DRAFT["long"], ids=lambda case: str(case["bits"]))
def test_the_test_vectors_of_the_draft(case: dict[str, Any]) -> None:
    said = cwt.loads(bytes.fromhex(case["cbor"]), limit_bytes=10_000)
    text = base64text.decode_url(case["json"]["lst"], code="test")
    found = statuslist.listed(said)
    places = {int(place): status for place, status in case["places"].items()}

    assert StatusList.unfold(case["json"]["bits"], text) == found
    assert len(found.data) == 2**20 * case["bits"] // 8
    assert {place: found.status(place) for place in places} == places
    assert sum(found.data.count(n) for n in range(1, 256)) <= len(places)


def test_the_signed_examples_of_the_draft() -> None:
    key = jwk.parse_jwk(DRAFT["key"])
    signed = cwt.parse(bytes.fromhex(DRAFT["cwt"]), limit_bytes=1000)
    signed.check_signature(key)
    claims = cwt.loads(signed.payload, limit_bytes=1000)

    assert signed.protected[cwt.TYPE] == statuslist.CWT
    assert claims[2] == "https://example.com/statuslists/1"
    assert statuslist.listed(claims[65533]).data.hex() == "b9a3"

    head, payload, signature = DRAFT["jwt"].rstrip("=").split(".")
    key.verify(base64text.decode_url(signature, code="test"), f"{head}.{payload}".encode())
    said = json.loads(base64text.decode_url(payload, code="test"))
    assert said["status_list"]["lst"] == DRAFT["short"][0]["json"]["lst"]


def test_a_list_says_what_was_put_into_it() -> None:
    assert [LIST.status(place) for place in (6, 7, 8, 9, 2**20 - 1)] == [0, 1, 2, 0, 3]
    for place in (-1, 2**20):
        with pytest.raises(ProofError, match="status_index_unknown"):
            LIST.status(place)


@given(st.dictionaries(st.integers(0, 2**20 - 1), st.integers(0, 3), max_size=40))
def test_compressing_loses_nothing(places: dict[int, int]) -> None:
    made = StatusList.of(places)

    assert StatusList.unfold(2, made.compressed()) == made
    assert {place: made.status(place) for place in places} == places


def test_every_state_has_a_status_and_only_one_is_valid() -> None:
    assert statuslist.STATUS_OF.keys() == set(CodeState)
    valid = [state for state, said in statuslist.STATUS_OF.items() if said is Status.VALID]
    assert valid == [CodeState.IN_FORCE]


def test_what_is_signed_can_be_opened_by_whoever_knows_the_logs_key() -> None:
    assert opened(SIGNED) == TOKEN
    TOKEN.require_fresh(NOW, max_age_seconds=0)


def test_the_jwt_says_the_same() -> None:
    head, payload, signature = SIGNER.jwt(TOKEN).decode().split(".")
    public = base64text.encode_url(KEY.verifier.public)
    key = jwk.parse_jwk({"kty": "OKP", "crv": "Ed25519", "x": public})
    key.verify(base64text.decode_url(signature, code="test"), f"{head}.{payload}".encode())
    said = json.loads(base64text.decode_url(payload, code="test"))
    text = base64text.decode_url(said["status_list"]["lst"], code="test")

    assert json.loads(base64text.decode_url(head, code="test"))["typ"] == "statuslist+jwt"
    assert StatusList.unfold(said["status_list"]["bits"], text) == LIST
    assert (said["sub"], said["iat"]) == (TOKEN.uri, NOW)
    assert said["exp"] > NOW
    assert said["sijill"] == {"ledger": LEDGER.hex(), "size": 12, "key": NOTE.decode()}


@pytest.mark.parametrize(
    "seconds, limit, code",
    [
        (0, 3600, ""),
        (3600, 3600, ""),
        (3601, 3600, "status_list_old"),
        (86_400, 10**6, "status_list_old"),
        (-300, 3600, ""),
        (-301, 3600, "status_list_in_future"),
    ],
)
def test_a_list_is_believed_for_a_while(seconds: int, limit: int, code: str) -> None:
    if not code:
        TOKEN.require_fresh(NOW + seconds, max_age_seconds=limit)
        return
    with pytest.raises(ProofError, match=code):
        TOKEN.require_fresh(NOW + seconds, max_age_seconds=limit)


def test_a_list_for_something_else_is_refused() -> None:
    assert code_of(SIGNED, number=4) == "status_list_foreign"
    assert code_of(SIGNED, ledger=bytes(32)) == "status_list_foreign"
    other = replace(SIGNER, ledger=bytes(32))
    assert code_of(other.cwt(other.token(3, LIST, size=1, issued=NOW))) == "status_list_foreign"


def test_a_list_that_the_log_does_not_stand_for_is_refused() -> None:
    stranger = SignerKey(ORIGIN, sha256(b"stranger").digest())
    impostor = SignerKey(KEY.name, sha256(b"impostor").digest())
    own = Delegation(LEDGER, impostor.verifier, NOW + 1000)
    late = SIGNER.token(3, LIST, size=12, issued=NOW + 1001)

    assert code_of(SIGNED, log_key=stranger.verifier) == "status_list_unsigned"
    assert code_of(replace(SIGNER, key=impostor).cwt(TOKEN)) == "status_list_unsigned"
    assert code_of(Signer(ORIGIN, LEDGER, impostor, own.sign([stranger])).cwt(TOKEN)) == (
        "status_list_unsigned"
    )
    assert code_of(SIGNER.cwt(late)) == "status_list_unsigned"
    assert code_of(replace(SIGNER, delegation=b"note\n").cwt(TOKEN)) == "status_list_unsigned"


def test_what_an_earlier_key_of_the_log_named_signs_no_list_any_more() -> None:
    newer = SignerKey(ORIGIN, sha256(b"newer").digest())
    both = Delegation(LEDGER, KEY.verifier, NOW + 1000).sign([LOG, newer])

    assert code_of(SIGNED, log_key=newer.verifier) == "status_list_unsigned"
    in_between = replace(SIGNER, delegation=both).cwt(TOKEN)
    assert opened(in_between) == opened(in_between, log_key=newer.verifier) == TOKEN


def test_a_key_for_another_purpose_signs_no_list() -> None:
    receipts = SignerKey(f"{ORIGIN}/receipts", KEY.seed)
    noted = Delegation(LEDGER, receipts.verifier, NOW + 1000).sign([LOG])
    other = SignerKey("elsewhere.test/status", KEY.seed)
    foreign = Delegation(LEDGER, other.verifier, NOW + 1000).sign([LOG])

    assert code_of(Signer(ORIGIN, LEDGER, receipts, noted).cwt(TOKEN)) == "status_list_unsigned"
    assert code_of(Signer(ORIGIN, LEDGER, other, foreign).cwt(TOKEN)) == "status_list_foreign"


@pytest.mark.parametrize("at", range(0, len(SIGNED), 37))
def test_no_bit_can_be_turned(at: int) -> None:
    turned = bytearray(SIGNED)
    turned[at] ^= 1
    assert code_of(bytes(turned))


@pytest.mark.parametrize("end", range(0, len(SIGNED), 50))
def test_no_end_can_be_missing(end: int) -> None:
    assert code_of(SIGNED[:end]) == "cbor_malformed"


def test_what_unfolds_to_more_than_a_list_is_refused_early() -> None:
    bomb = zlib.compress(bytes(2**28), 9)
    assert len(bomb) < statuslist.MAX_TOKEN_BYTES
    for folded in (bomb, zlib.compress(bytes(2**20 + 1))):
        with pytest.raises(ProofError, match="status_list_malformed"):
            StatusList.unfold(2, folded)


@pytest.mark.parametrize("bits", [0, 3, 16, True, "2", None, [2]])
def test_other_bits_are_refused(bits: Any) -> None:
    with pytest.raises(ProofError, match="status_list_malformed"):
        StatusList.unfold(bits, LIST.compressed())


@pytest.mark.parametrize(
    "folded", [b"", b"\0", LIST.compressed()[:-1], LIST.compressed() + b"\0", bytes(64)]
)
def test_other_streams_are_refused(folded: bytes) -> None:
    with pytest.raises(ProofError, match="status_list_malformed"):
        StatusList.unfold(2, folded)


def test_maps_may_come_in_any_order_but_no_name_twice() -> None:
    assert cwt.loads(bytes.fromhex("a202000100"), limit_bytes=10) == {2: 0, 1: 0}
    with pytest.raises(ProofError, match="cbor_malformed"):
        cwt.loads(bytes.fromhex("a201000100"), limit_bytes=10)


@pytest.mark.parametrize("text", ["00", "d200", "d18440a04040", "d28440a04040", "d28400a04040"])
def test_what_is_no_signed_message_is_refused(text: str) -> None:
    with pytest.raises(ProofError, match=r"cwt_malformed|cbor_malformed"):
        cwt.parse(bytes.fromhex(text), limit_bytes=100)


@pytest.mark.parametrize("algorithm", [[], [-8], {-8: -8}, "EdDSA", -7])
def test_an_algorithm_that_is_not_the_key_s_is_no_signature(algorithm: Any) -> None:
    signed = cwt.parse(SIGNED, limit_bytes=statuslist.MAX_TOKEN_BYTES)
    head = cbor.dumps({**signed.protected, cwt.ALGORITHM: algorithm})

    assert code_of(cwt.encode(head, {}, signed.payload, signed.signature)) == (
        "status_list_unsigned"
    )


def test_too_many_bytes_are_not_read() -> None:
    assert code_of(bytes(statuslist.MAX_TOKEN_BYTES + 1)) == "cbor_too_large"


def test_a_list_that_stands_still_is_made_smaller_and_says_the_same() -> None:
    drawn = Random(17).sample(range(statuslist.PLACES), 5_243)
    listed = StatusList.of(dict.fromkeys(drawn, Status.INVALID))

    settled = listed.settled()

    assert settled == listed
    assert len(settled.compressed()) < 0.95 * len(listed.compressed())
    assert StatusList.unfold(settled.bits, settled.compressed()) == listed
