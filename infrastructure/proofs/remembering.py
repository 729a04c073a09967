"""What a walk remembers of the events behind it: values by space and key.

Whoever checks a long log brings a store that spills; for a short one a dictionary does.
"""

from functools import lru_cache
from hashlib import sha256
from typing import Final, Protocol

KEY_BYTES: Final = 16


class Memory(Protocol):
    """Values by space and key; keys are of 12 bytes or more."""

    def get(self, space: str, key: bytes) -> bytes | None:
        """What is remembered, or None."""

    def put(self, space: str, key: bytes, value: bytes) -> None:
        """Remember a value in place of whatever was there."""

    def drop(self, space: str, key: bytes) -> None:
        """Forget a value."""


class Plain:
    """A memory of dictionaries."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], bytes] = {}

    def get(self, space: str, key: bytes) -> bytes | None:
        """What is remembered, or None."""
        return self._known.get((space, key))

    def put(self, space: str, key: bytes, value: bytes) -> None:
        """Remember a value."""
        self._known[space, key] = value

    def drop(self, space: str, key: bytes) -> None:
        """Forget a value."""
        self._known.pop((space, key), None)


@lru_cache(maxsize=64)
def key_of(*parts: str) -> bytes:
    """A short key for words that hold no line feed; two of them never share one by chance."""
    return sha256("\n".join(parts).encode()).digest()[:KEY_BYTES]
