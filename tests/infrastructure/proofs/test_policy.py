"""Policies: who is enough, and what is no policy."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import policy
from infrastructure.proofs.cosignature import Cosigned, Cosigner
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.note import SignerKey

LOG = SignerKey("log.example", bytes(32)).verifier.encode()
OTHER_LOG = SignerKey("other.example", bytes([7] * 32)).verifier.encode()
KEYS = {
    name: Cosigner(f"{name}.example", bytes([n] * 32)).verifier for n, name in enumerate("abcd", 1)
}
WITNESSES = "".join(f"witness {name} {key.encode()}\n" for name, key in KEYS.items())


def read(text: str) -> policy.Policy:
    return policy.parse(text.encode())


def enough(text: str) -> set[str]:
    """The smallest sets of witnesses that satisfy a policy."""
    parsed = read(text)
    found: list[set[str]] = []
    for count in range(len(KEYS) + 1):
        for names in combinations(KEYS, count):
            if parsed.satisfied([KEYS[name] for name in names]) and not any(
                one <= set(names) for one in found
            ):
                found.append(set(names))
    return {"".join(sorted(one)) for one in found}


@pytest.mark.parametrize(
    "items, expected",
    [
        ("quorum none", {""}),
        ("quorum a", {"a"}),
        ("group g any a b\nquorum g", {"a", "b"}),
        ("group g all a b\nquorum g", {"ab"}),
        ("group g 2 a b c\nquorum g", {"ab", "ac", "bc"}),
        ("group g 1 a\ngroup h 2 g b c\nquorum h", {"ab", "ac", "bc"}),
        ("group g all a b\ngroup h all c d\ngroup i any g h\nquorum i", {"ab", "cd"}),
        ("group g 3 a b c\nquorum g", {"abc"}),
    ],
)
def test_who_is_enough(items: str, expected: set[str]) -> None:
    assert enough(f"{WITNESSES}{items}\n") == expected


@pytest.mark.parametrize(
    "items, times, expected",
    [
        # One witness that signs anew, years later, does not make what the others saw any younger.
        ("group g 2 a b\nquorum g", {"a": 100, "b": 900}, 100),
        ("group g 2 a b c\nquorum g", {"a": 100, "b": 900, "c": 500}, 500),
        ("group g any a b\nquorum g", {"a": 100, "b": 900}, 900),
        ("group g any a b\nquorum g", {"a": 100, "c": 900}, 100),
        ("group g all a b\nquorum g", {"a": 100}, None),
        ("group g all a b\nquorum g", {}, None),
        ("quorum none", {"a": 100}, None),
    ],
)
def test_since_when_it_is_enough(items: str, times: dict[str, int], expected: int | None) -> None:
    cosigned = [Cosigned(KEYS[name], time) for name, time in times.items()]

    assert read(f"{WITNESSES}{items}\n").satisfied_since(cosigned) == expected


def test_everything_that_a_policy_may_hold() -> None:
    text = (
        f"# a comment\n\n \t# another\nlog {LOG} https://log.example\nlog\t{OTHER_LOG}\n"
        f"witness  a {KEYS['a'].encode()}\thttps://a.example/w \n"
        f"witness \u00a0b {KEYS['b'].encode()}\ngroup \u00e9 any a \u00a0b\nquorum \u00e9"
    )

    parsed = read(text)

    assert [key.name for key in parsed.logs] == ["log.example", "other.example"]
    assert parsed.witnesses["a"].url == "https://a.example/w"
    assert parsed.witnesses["\u00a0b"].url is None
    assert parsed.groups["\u00e9"] == policy.Group(1, ("a", "\u00a0b"))
    # Names are bytes, of whatever encoding.
    odd = f"witness \\ {KEYS['a'].encode()}\nquorum \\".encode().replace(b"\\", b"\xff")
    assert policy.parse(odd).satisfied([KEYS["a"]])


A, B = KEYS["a"].encode(), KEYS["b"].encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quorum none\nquorum none",
        "quorum a",
        f"quorum a\nwitness a {A}",
        f"witness a {A}\nwitness a {B}\nquorum none",
        f"witness a {A}\nwitness b {A}\nquorum none",
        f"witness none {A}\nquorum none",
        f"log {LOG}\nlog {LOG}\nquorum none",
        f"witness a {A}\ngroup a any a\nquorum none",
        f"witness a {A}\ngroup g any b\nquorum none",
        f"witness a {A}\ngroup g any g\nquorum none",
        f"witness a {A}\ngroup g any a a\nquorum none",
        f"witness a {A}\ngroup g any a\ngroup h any a\nquorum none",
        f"witness a {A}\ngroup g 0 a\nquorum none",
        f"witness a {A}\ngroup g 2 a\nquorum none",
        f"witness a {A}\ngroup g 01 a\nquorum none",
        f"witness a {A}\ngroup g one a\nquorum none",
        f"witness a {A}\ngroup g any none\nquorum none",
        f"witness a {A}\ngroup none any a\nquorum none",
        f"witness a {A}\ngroup g any\nquorum none",
        "watch a\nquorum none",
        "take a\nquorum none",
        "log\nquorum none",
        f"log {LOG} https://a https://b\nquorum none",
        f"witness a {A} https://a https://b\nquorum none",
        "quorum",
        "quorum none none",
        "quorum none\r",
        "quorum none\x7f",
        "# \x01\nquorum none",
        "# \r\nquorum none",
        "#" * (policy.MAX_POLICY_BYTES - 11) + "\nquorum none",
    ],
)
def test_what_is_no_policy(text: str) -> None:
    with pytest.raises(ProofError) as refused:
        read(text)
    assert refused.value.code == "policy_malformed"


def test_a_log_is_no_witness_and_a_witness_no_log() -> None:
    for text in (f"log {A}\nquorum none", f"witness a {LOG}\nquorum none"):
        with pytest.raises(ProofError) as refused:
            read(text)
        assert refused.value.code == "vkey_type_unknown"


def test_as_much_as_a_policy_may_hold() -> None:
    assert policy.MAX_POLICY_BYTES == 262_144
    assert read("#" * (policy.MAX_POLICY_BYTES - 12) + "\nquorum none").quorum == policy.NONE


def test_as_many_items_as_may_be() -> None:
    keys = [Cosigner(f"w{n}", n.to_bytes(32, "big")).verifier.encode() for n in range(1, 258)]
    lines = [f"witness w{n} {key}" for n, key in enumerate(keys)]

    assert len(read("\n".join([*lines[:256], "quorum none"])).witnesses) == 256
    with pytest.raises(ProofError):
        read("\n".join([*lines[:257], "quorum none"]))


@given(st.binary(max_size=200))
def test_whatever_is_read_is_a_policy_or_refused(data: bytes) -> None:
    try:
        parsed = policy.parse(data)
    except ProofError:
        return
    assert parsed.satisfied([]) in {True, False}
