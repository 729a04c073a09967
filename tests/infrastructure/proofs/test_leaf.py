import json
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import canonical, leaf
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.leaf import Header, Leaf
from tests.infrastructure.proofs.vectors import load, why

VECTORS = load("leaf")

digests = st.binary(min_size=32, max_size=32)
salts = st.binary(min_size=16, max_size=16)
integers = st.integers(0, 2**53 - 1)
leaves = st.builds(Leaf, index=integers, time=integers, prev=digests, header=digests, body=digests)
headers = st.builds(
    Header,
    agency=st.from_regex(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?", fullmatch=True),
    evidence=digests,
    keys=st.lists(
        st.from_regex(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", fullmatch=True),
        min_size=1,
        max_size=32,
        unique=True,
    ).map(tuple),
    line=integers,
    stream=st.uuids(),
    type=st.from_regex(
        r"sijill\.[a-z][a-z0-9_]{0,40}\.[a-z]{1,40}\.v[1-9][0-9]{0,3}", fullmatch=True
    ),
    version=st.integers(1, 2**53 - 1),
)
statements = st.dictionaries(
    st.from_regex(r"[a-z0-9_]{1,8}", fullmatch=True),
    st.recursive(
        integers | st.booleans() | st.sampled_from(["", '"', "\\", "}}", ',"status":{', "عێراق"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["index", "list", "status", "statement"]), inner)
        ),
        max_leaves=8,
    ),
    max_size=4,
).map(rfc8785.dumps)
texts = st.text(st.sampled_from('ab"\\\n{}[],\u2014ع'), max_size=20)
chosens = st.fixed_dictionaries(
    {},
    optional={
        "status": st.fixed_dictionaries({"index": integers, "list": integers}),
        "notes": st.lists(texts, min_size=2, max_size=2),
    },
)


def leaf_of(case: dict[str, Any]) -> Leaf:
    return Leaf(
        index=case["index"],
        time=case["time"],
        prev=bytes.fromhex(case["prev"]),
        header=bytes.fromhex(case["header"]),
        body=bytes.fromhex(case["body"]),
    )


def header_of(members: dict[str, Any]) -> Header:
    return Header(
        agency=members["agency"],
        evidence=bytes.fromhex(members["evidence"]),
        keys=tuple(members["keys"]),
        line=members["line"],
        stream=UUID(members["stream"]),
        type=members["type"],
        version=members["version"],
    )


FIRST: dict[str, Any] = {
    "index": 0,
    "time": 0,
    "prev": leaf.FIRST_PREV,
    "header": bytes(32),
    "body": bytes(32),
}
HEADER = header_of(VECTORS["headers"][0]["members"])


def changed(**members: Any) -> Header:
    kept = {name: getattr(HEADER, name) for name in Header.__slots__}
    return Header(**kept | members)


@pytest.mark.parametrize("case", VECTORS["leaves"])
def test_a_leaf_is_written_hashed_and_read_as_the_vectors_say(case: dict[str, Any]) -> None:
    given_leaf = leaf_of(case)

    assert given_leaf.encode() == case["leaf"].encode()
    assert given_leaf.hash().hex() == case["hash"]
    assert leaf.parse_leaf(case["leaf"].encode()) == given_leaf


@pytest.mark.parametrize("case", VECTORS["malformed_leaves"], ids=why)
def test_a_malformed_leaf_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(ProofError) as refusal:
        leaf.parse_leaf(case["leaf"].encode())

    assert refusal.value.code == case["code"]


@given(leaves)
def test_every_leaf_survives_the_round_trip(any_leaf: Leaf) -> None:
    assert leaf.parse_leaf(any_leaf.encode()) == any_leaf


@given(leaves)
def test_the_template_is_canonical_json(any_leaf: Leaf) -> None:
    members = json.loads(any_leaf.encode())

    assert rfc8785.dumps(members) == any_leaf.encode()
    assert members["v"] == leaf.VERSION


@given(leaves, st.data())
def test_no_other_bytes_are_read_as_the_same_leaf(any_leaf: Leaf, data: st.DataObject) -> None:
    spelling = bytearray(any_leaf.encode())
    at = data.draw(st.integers(0, len(spelling) - 1))
    spelling[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != spelling[at]))

    try:
        other = leaf.parse_leaf(bytes(spelling))
    except ProofError:
        return
    assert other != any_leaf
    assert other.encode() == spelling


def test_the_largest_leaf_is_exactly_the_bound() -> None:
    assert len(VECTORS["leaves"][2]["leaf"]) == leaf.MAX_LEAF_BYTES


@pytest.mark.parametrize("version, code", [(1, "leaf_malformed"), (2, "leaf_version_unknown")])
def test_only_this_versions_leaves_have_a_largest_size(version: int, code: str) -> None:
    longer = f'{{"root":"{"0" * leaf.MAX_LEAF_BYTES}","v":{version}}}'.encode()

    with pytest.raises(ProofError) as refusal:
        leaf.parse_leaf(longer)

    assert refusal.value.code == code


@pytest.mark.parametrize("member", ["index", "time"])
@pytest.mark.parametrize("value", [-1, 2**53])
def test_a_leaf_holds_no_integer_out_of_range(member: str, value: int) -> None:
    with pytest.raises(ProofError, match="leaf_malformed"):
        Leaf(**FIRST | {member: value})


@pytest.mark.parametrize("member", ["prev", "header", "body"])
@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_leaf_holds_no_digest_of_another_length(member: str, size: int) -> None:
    with pytest.raises(ProofError, match="leaf_malformed"):
        Leaf(**FIRST | {member: bytes(size)})


@pytest.mark.parametrize("case", VECTORS["digests"])
def test_a_salted_digest_is_what_the_vectors_say(case: dict[str, Any]) -> None:
    digest = {"sijill/header/v1": leaf.header_digest, "sijill/body/v1": leaf.body_digest}

    found = digest[case["label"]](bytes.fromhex(case["salt"]), case["data"].encode())

    assert found.hex() == case["digest"]


@given(salts, st.binary())
def test_a_header_never_passes_for_a_body(salt: bytes, data: bytes) -> None:
    assert leaf.header_digest(salt, data) != leaf.body_digest(salt, data)


@pytest.mark.parametrize("size", [0, 15, 17, 32])
def test_a_salt_of_another_length_is_refused(size: int) -> None:
    for digest in (leaf.header_digest, leaf.body_digest):
        with pytest.raises(ProofError, match="salt_malformed"):
            digest(bytes(size), b"data")


@pytest.mark.parametrize("case", VECTORS["headers"])
def test_a_header_is_written_and_read_as_the_vectors_say(case: dict[str, Any]) -> None:
    header = header_of(case["members"])

    assert header.encode() == case["header"].encode()
    assert leaf.parse_header(case["header"].encode()) == header


@pytest.mark.parametrize("case", VECTORS["malformed_headers"], ids=why)
def test_a_malformed_header_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(ProofError) as refusal:
        leaf.parse_header(case["header"].encode())

    assert refusal.value.code == case["code"]


@given(headers)
def test_every_header_is_canonical_json_and_survives_the_round_trip(header: Header) -> None:
    data = header.encode()

    assert rfc8785.dumps(json.loads(data)) == data
    assert leaf.parse_header(data) == header


def test_the_largest_header_fits_the_bound() -> None:
    header = changed(
        agency="a" * 64,
        keys=tuple(f"{n:042}A" for n in range(leaf.MAX_KEYS)),
        type="a." + "b" * 119 + ".v9999",
        line=2**53 - 1,
        version=2**53 - 1,
    )

    assert leaf.parse_header(header.encode()) == header


@pytest.mark.parametrize("size, why", [(2_048, "not exactly"), (2_049, "at most")])
def test_a_header_over_the_bound_is_not_even_looked_at(size: int, why: str) -> None:
    with pytest.raises(ProofError, match=f"header_malformed: {why}"):
        leaf.parse_header(b"x" * size)


@pytest.mark.parametrize(
    "member, value",
    [
        ("agency", ""),
        ("agency", 'a"b'),
        ("agency", "ndc\n"),
        ("agency", "a" * 65),
        ("evidence", bytes(31)),
        ("evidence", bytes(33)),
        ("keys", ()),
        ("keys", ("A" * 42,)),
        ("keys", ("A" * 43 + "\n",)),
        ("keys", ("A" * 43, "A" * 43)),
        ("keys", tuple(f"{n:042}A" for n in range(33))),
        ("line", -1),
        ("line", 2**53),
        ("type", "sijill.opened"),
        ("type", "sijill.opened.v1\n"),
        ("type", "sijill." + "x" * 119 + ".v1"),
        ("version", 0),
        ("version", 2**53),
    ],
)
def test_a_header_holds_nothing_that_its_bytes_could_not(member: str, value: Any) -> None:
    with pytest.raises(ProofError, match="header_malformed"):
        changed(**{member: value})


@pytest.mark.parametrize("case", VECTORS["bodies"])
def test_a_body_is_written_and_split_as_the_vectors_say(case: dict[str, Any]) -> None:
    statement = case["statement"].encode()

    assert leaf.encode_body(statement, case["chosen"]) == case["body"].encode()
    assert leaf.split_body(case["body"].encode()) == leaf.Body(
        statement, json.loads(statement), case["chosen"]
    )


@pytest.mark.parametrize("case", VECTORS["malformed_bodies"], ids=why)
def test_a_malformed_body_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(ProofError) as refusal:
        leaf.split_body(case["body"].encode())

    assert refusal.value.code == case["code"]


@given(statements, chosens)
def test_every_body_is_canonical_json_and_gives_its_statement_back_verbatim(
    statement: bytes, chosen: dict[str, Any]
) -> None:
    data = leaf.encode_body(statement, chosen)

    assert data == rfc8785.dumps({"statement": json.loads(statement), **chosen})
    assert leaf.split_body(data) == leaf.Body(statement, json.loads(statement), chosen)


def test_a_body_without_a_choice_is_the_statement_alone() -> None:
    assert leaf.encode_body(b"{}") == b'{"statement":{}}'


@pytest.mark.parametrize(
    "chosen",
    [
        {"note": ["a", "b"]},
        {"notes": ["a"]},
        {"notes": ["a", "b", "c"]},
        {"notes": ["a", 1]},
        {"notes": "ab"},
        {"status": [1, 2]},
        {"status": {"index": 1}},
        {"status": {"index": 1, "list": 2, "more": 3}},
        {"status": {"index": -1, "list": 2}},
        {"status": {"index": 1, "list": 2**53}},
        {"status": {"index": True, "list": 2}},
        {"status": {"index": "1", "list": 2}},
    ],
)
def test_the_server_adds_nothing_else_to_a_body(chosen: dict[str, Any]) -> None:
    with pytest.raises(ProofError, match="body_malformed"):
        leaf.encode_body(b"{}", chosen)


def test_a_body_holds_the_largest_statement_and_two_notes() -> None:
    statement = b'{"a":"' + b"x" * (canonical.STATEMENT_LIMIT_BYTES - 8) + b'"}'
    chosen = {"notes": ["n" * 3000, "m" * 3000], "status": {"index": 2**53 - 1, "list": 2**53 - 1}}

    assert leaf.split_body(leaf.encode_body(statement, chosen)).statement == statement


def test_a_body_over_the_bound_is_not_even_looked_at() -> None:
    with pytest.raises(ProofError, match="body_malformed: at most"):
        leaf.split_body(b"\xff" * (73_728 + 1))
