"""Offline verdicts and trust lists against vectors that the project did not compute.

The browser's verifier is held against the same files.
"""

from hashlib import sha256
from typing import Any

import pytest

from infrastructure.proofs import offline, trust
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.cosignature import Cosigner
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.offline import Listed
from infrastructure.proofs.outcomes import Outcome
from infrastructure.proofs.qr import Reading
from infrastructure.proofs.trust import Root, Trusted
from infrastructure.proofs.verdict import Signer, Verdict
from tests.infrastructure.proofs.vectors import load, why

VERDICTS = load("credentials/verdicts")
SUCCESSIONS = load("credentials/successions")
LISTS = load("credentials/trust")["cases"]
OFFLINE_REASONS = {
    "in_force_credential_genuine", "credential_forged", "issuer_not_entitled", "issuer_unknown",
    "credential_unreadable", "credential_foreign", "ledger_foreign", "issuer_not_known_yet",
    "trust_list_old", "log_proof_needed", "genuine_force_not_checked", "issuer_key_compromised",
    "revoked", "suspended", "superseded", "expired", "not_yet_valid",
}  # fmt: skip


def opened(said: dict[str, Any]) -> Trusted:
    seen = said.get("seen")
    return trust.open_list(
        trust.encode(said["content"]),
        said["note"].encode(),
        said["checkpoint"].encode(),
        Root.read(said["root"]),
        seen=seen and Checkpoint("sijill.example/log", seen["size"], bytes.fromhex(seen["root"])),
    )


TRUSTED = opened(VERDICTS["trust"])


def verdict(case: dict[str, Any], trusted: Trusted = TRUSTED) -> Verdict:
    reading = offline.read(case["text"])
    if isinstance(reading, Verdict):
        return reading
    listed = case["listed"]
    return offline.assess(
        reading.signed,
        trusted,
        listed and Listed(**listed),
        now=case["now"],
        today=case["today"],
        max_status_age_seconds=case["max_status_age_seconds"],
    )


@pytest.mark.parametrize("case", VERDICTS["cases"], ids=why)
def test_the_verdict_is_the_vector_s(case: dict[str, Any]) -> None:
    found = verdict(case)

    told = {name: str(getattr(found, name)) for name in case["expect"]}
    assert told == case["expect"]


@pytest.mark.parametrize("case", SUCCESSIONS["cases"], ids=why)
def test_who_follows_an_agency_signs_in_its_name(case: dict[str, Any]) -> None:
    found = verdict(case, opened(SUCCESSIONS["trust"]))

    told = {name: str(getattr(found, name)) for name in case["expect"]}
    assert told == case["expect"]


def test_a_list_that_names_no_heirs_knows_the_agency_s_own_keys_alone() -> None:
    content = SUCCESSIONS["trust"]["content"]
    bare = [{k: v for k, v in one.items() if k != "heirs"} for one in content["agencies"]]
    before = trust.read(trust.encode({**content, "agencies": bare}))
    by_the_heir, by_itself = SUCCESSIONS["cases"][2:4]

    for case, expected in ((by_the_heir, Signer.UNKNOWN), (by_itself, Signer.ENTITLED)):
        reading = offline.read(case["text"])
        assert isinstance(reading, Reading)
        assert offline.gather(reading.signed, before).signer is expected


@pytest.mark.parametrize("heirs", [1, ["moi"], [{"agency": "moi"}], [{"since_index": 1}]])
def test_a_list_whose_heirs_are_none_is_refused(heirs: Any) -> None:
    content = SUCCESSIONS["trust"]["content"]
    agencies = [{**one, "heirs": heirs} for one in content["agencies"]]

    with pytest.raises(ProofError, match="trust_malformed"):
        trust.read(trust.encode({**content, "agencies": agencies}))


def test_the_vectors_leave_no_outcome_and_no_reason_out() -> None:
    assert {case["expect"]["outcome"] for case in VERDICTS["cases"]} == set(Outcome)
    assert {case["expect"]["reason"] for case in VERDICTS["cases"]} == OFFLINE_REASONS


def test_a_key_that_the_data_center_holds_is_told() -> None:
    told = {case["why"]: verdict(case).credential for case in VERDICTS["cases"]}
    held = {name for name, facts in told.items() if facts is not None and facts.custodial}

    assert held == {"by a key that the data center holds: valid, and said so"}


def test_a_verdict_says_how_old_its_lists_are() -> None:
    knowledge = verdict(VERDICTS["cases"][0]).knowledge

    assert knowledge is not None
    assert (knowledge.trust_age_seconds, knowledge.status_age_seconds) == (3600, 600)
    assert (knowledge.trust_size, knowledge.status_size) == (2_000_000, 1_999_999)


@pytest.mark.parametrize("case", VERDICTS["cases"], ids=why)
def test_without_young_lists_nothing_is_valid(case: dict[str, Any]) -> None:
    year = 31_536_000

    assert verdict({**case, "listed": None}).outcome is not Outcome.VALID
    assert verdict({**case, "now": case["now"] + year}).outcome is not Outcome.VALID
    assert verdict({**case, "max_status_age_seconds": 0}).outcome is not Outcome.VALID


@pytest.mark.parametrize("case", LISTS, ids=why)
def test_a_trust_list_is_opened_or_refused_as_the_vectors_say(case: dict[str, Any]) -> None:
    if case["code"] is None:
        assert opened(case).list.size == case["content"]["size"]
        return
    with pytest.raises(ProofError) as refused:
        opened(case)
    assert refused.value.code == case["code"]


def test_a_policy_asks_for_witnesses() -> None:
    witness, other = (Cosigner(name, sha256(name.encode()).digest()) for name in ("w1", "w2"))
    said = VERDICTS["trust"]
    text = str(said["checkpoint"]).partition("\n\n")[0] + "\n"
    seen = {**said, "checkpoint": f"{said['checkpoint']}{witness.sign(text, 1_795_600_000)}\n"}
    key = witness.verifier.encode()
    wanted = {**said["root"], "policy": f"witness one {key}\nquorum one\n"}

    assert opened({**seen, "root": wanted}).list.size == said["content"]["size"]
    assert Root.read(Root.read(wanted).encode()) == Root.read(wanted)
    with pytest.raises(ProofError, match="trust_unwitnessed"):
        opened({**said, "root": wanted})
    forged = {**said, "checkpoint": f"{said['checkpoint']}{other.sign(text, 1_795_600_000)}\n"}
    with pytest.raises(ProofError, match="trust_unwitnessed"):
        opened({**forged, "root": wanted})


@pytest.mark.parametrize("member", sorted(VERDICTS["trust"]["content"]))
def test_a_list_without_one_of_its_members_is_refused(member: str) -> None:
    content = {name: one for name, one in VERDICTS["trust"]["content"].items() if name != member}

    with pytest.raises(ProofError, match="trust_malformed"):
        trust.read(trust.encode(content))


def test_names_are_those_of_the_day() -> None:
    content = VERDICTS["trust"]["content"]
    renamed = [{"since": "2026-01-01", "index": 9, "value": {"ar": "ب"}}]
    agency = {**content["agencies"][0], "names": content["agencies"][0]["names"] + renamed}
    read = trust.read(trust.encode({**content, "agencies": [agency]}))

    assert read.agencies[agency["id"]].names_on("2026-01-01") == {"ar": "ب"}
    assert read.agencies[agency["id"]].names_on("2025-12-31") != {"ar": "ب"}
    assert read.agencies[agency["id"]].names_on("0000-01-01") != {"ar": "ب"}
