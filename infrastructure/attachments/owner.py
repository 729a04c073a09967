"""Whose a store of objects is, and how long that ledger's log was: an object of the store itself.

A copy of a ledger knows less than the ledger does. Told to let go what nothing names, it would take
what it has never heard of; so the store says whom it belongs to and how far that one had come.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from infrastructure.attachments.stores import ObjectStore

NAME: Final = "ledger"
"""No 64 hexadecimal digits: no attachment has this name, and no sweep finds it."""


class StoreForeign(Exception):
    """The store belongs to another ledger, or what says so cannot be read."""

    code = "attachment_store_foreign"


class StoreAhead(Exception):
    """The store has served a longer log of this ledger: this is an older copy."""

    code = "rolled_back"


@dataclass(frozen=True, slots=True)
class Owner:
    """A ledger's id, and how many events it had."""

    ledger: bytes
    size: int

    def encode(self) -> bytes:
        """As the object says it."""
        return f"{self.ledger.hex()} {self.size}\n".encode()

    @classmethod
    def parse(cls, data: bytes) -> "Owner":
        """What the object says.

        Raises:
            StoreForeign: nothing that this program wrote.
        """
        try:
            ledger, size = data[:100].decode("ascii").split()
            owner = cls(bytes.fromhex(ledger), int(size))
        except ValueError:
            raise StoreForeign from None
        if owner.encode() != data:
            raise StoreForeign
        return owner


def claim(objects: ObjectStore, whose: Callable[[], Owner], *, note: bool = True) -> None:
    """Let the store say whose it is, if nobody else's, and how long the log is by now.

    Without `note` it is only compared: who looks at a store does not make it anybody's.

    Raises:
        StoreForeign: another ledger's. StoreAhead: this ledger's, and a longer one's.
        StoreFailure: the store cannot be asked.
    """
    data = objects.get(NAME)
    # Asked afterwards: what another process has written meanwhile is never ahead of it.
    owner = whose()
    if data is not None:
        found = Owner.parse(data)
        if found.ledger != owner.ledger:
            raise StoreForeign
        if found.size > owner.size:
            raise StoreAhead
        if found == owner:
            return
    if note:
        objects.put(NAME, owner.encode())
