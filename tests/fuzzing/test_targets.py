"""The targets under hypothesis: good examples, spoilt in a few places, and bytes from nowhere."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzzing.targets import TARGETS, attempt

# What parsers trip over: ends, signs, quotes, other digits, other spaces, and the edge of numbers.
PIECES = st.sampled_from(
    [
        *(bytes([one]) for one in b"\x00\t\n\r \"'+,-./0:;=?@AZ[\\\\]_az{}~\x7f\xff"),
        b"\\u0000",
        b"\\ud800",
        b"1e9",
        b"9007199254740992",
        b"9223372036854775808",
        "٠".encode(),
        "\u2028".encode(),
        "\ufeff".encode(),
        b"\xed\xa0\x80",
        b"\r\n\r\n",
        b"null",
    ]
)


@st.composite
def spoilt(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """One of the examples, changed in up to four places."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(["insert", "cut", "bit", "double", "splice"])):
            case "insert":
                data[at:at] = draw(PIECES | st.binary(max_size=3))
            case "cut":
                del data[at : at + draw(st.integers(1, 8))]
            case "bit" if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "double":
                data[at:at] = data[at : at + draw(st.integers(1, 40))]
            case "splice":
                other = draw(st.sampled_from(seeds))
                data[at:] = other[draw(st.integers(0, len(other))) :]
            case _:
                pass
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_a_good_example_is_accepted(name: str) -> None:
    assert all(attempt(name, seed) for seed in TARGETS[name].seeds)


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_is_read_in_one_way_or_refused(name: str) -> None:
    @given(spoilt(TARGETS[name].seeds) | st.binary(max_size=60))
    @example(b"")
    def run(data: bytes) -> None:
        attempt(name, data)

    run()
