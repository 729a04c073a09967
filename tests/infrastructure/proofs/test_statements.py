from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.statements import (
    statement_path,
    statement_root,
    verify_statement_path,
)

STRANGER = sha256(b"a stranger").digest()
digests_of_orders = st.lists(
    st.binary(min_size=32, max_size=32), min_size=1, max_size=40, unique=True
)


def naive_root(digests: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if len(digests) == 1:
        return digests[0]
    split = 1
    while split * 2 < len(digests):
        split *= 2
    return sha256(b"\x01" + naive_root(digests[:split]) + naive_root(digests[split:])).digest()


@given(digests_of_orders)
def test_the_root_is_the_one_of_rfc_6962(digests: list[bytes]) -> None:
    assert statement_root(digests) == naive_root(digests)


@given(digests_of_orders, st.data())
def test_each_lines_path_leads_to_the_root_and_no_other_does(
    digests: list[bytes], data: st.DataObject
) -> None:
    line = data.draw(st.integers(0, len(digests) - 1))
    root, path = statement_root(digests), statement_path(digests, line)
    lines = len(digests)
    verify_statement_path(digests[line], line=line, lines=lines, path=path, root=root)
    for digest, at, of, by in (
        (STRANGER, line, lines, path),
        (digests[line], line + 1, lines, path),
        (digests[line], line, lines, [*path, STRANGER]),
        (digests[line], line, lines, [STRANGER for _ in path] or [STRANGER]),
        (digests[line][:31], line, lines, path),
    ):
        with pytest.raises(ProofError, match="inclusion_invalid"):
            verify_statement_path(digest, line=at, lines=of, path=by, root=root)


def test_a_single_order_is_its_own_root_with_an_empty_path() -> None:
    digest = sha256(b"\x00{}").digest()
    assert statement_root([digest]) == digest
    assert statement_path([digest], 0) == []


def test_there_is_no_path_to_a_line_beyond_the_order() -> None:
    with pytest.raises(ProofError, match="proof_out_of_range"):
        statement_path([bytes(32)], 1)
