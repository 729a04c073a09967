import struct
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from infrastructure.log import arrays

texts = st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
blobs = st.lists(st.none() | st.binary())
small = st.lists(st.integers(-(2**31), 2**31 - 1))
big = st.lists(st.integers(-(2**63), 2**63 - 1))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts, blobs, small, big, st.lists(st.booleans()), st.lists(st.uuids()))
def test_postgresql_reads_what_was_packed(
    service: Connection[Any],
    strings: list[str],
    blobs: list[bytes | None],
    small: list[int],
    big: list[int],
    flags: list[bool],
    identities: list[Any],
) -> None:
    row = service.execute(
        "SELECT %b::text[], %b::bytea[], %b::int4[], %b::int8[], %b::bool[], %b::uuid[]",
        [
            arrays.text(strings),
            arrays.bytea(blobs),
            arrays.int4(small),
            arrays.int8(big),
            arrays.boolean(flags),
            arrays.uuid(identities),
        ],
    ).fetchone()
    assert row == (strings, blobs, small, big, flags, identities)


@pytest.mark.parametrize("pack, value", [(arrays.int4, 2**31), (arrays.int8, 2**63)])
def test_a_number_that_does_not_fit_is_refused(pack: Any, value: int) -> None:
    with pytest.raises((struct.error, OverflowError)):
        pack([value])
