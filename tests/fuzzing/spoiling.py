"""Inputs under hypothesis: good examples, spoilt in a few places, and bytes from nowhere."""

from collections.abc import Callable

from hypothesis import HealthCheck, Phase, example, given, settings
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


def attempts(name: str) -> Callable[[], None]:
    """A property of one target, as long as hypothesis' settings say."""

    @given(spoilt(TARGETS[name].seeds) | st.binary(max_size=60))
    @example(b"")
    def run(data: bytes) -> None:
        attempt(name, data)

    return run


def attempt_many(name: str, count: int) -> None:
    """The same with so many inputs, drawn anew each time.

    Raises:
        Exception: what the target fails by; hypothesis tells the smallest input it found.
    """
    long = settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    long(attempts(name))()
