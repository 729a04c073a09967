"""What an auditor may bring to a check beside bytes and signatures."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from infrastructure.proofs.leaf import Body, Header, Leaf
from infrastructure.proofs.orders import SignedRequest


class Rules(Protocol):
    """What an auditor knows about acts and records beyond bytes and signatures."""

    def judge(
        self, leaf: Leaf, header: Header, body: Body | None, signed: tuple[SignedRequest, ...]
    ) -> Iterable[tuple[str, str]]:
        """What stands against an event whose signatures are right: code, and what was found.

        ``body`` is None where it is not open.
        """

    def pass_over(self, header: Header | None, *, registry: bool = True) -> None:
        """An event could not be judged, so what rests on it cannot be either.

        Where there is no header, ``registry`` says whether it may be of the ledger, an agency or a
        key.
        """


class KeptRules(Rules, Protocol):
    """Rules that one check can go on with where another one stood."""

    def state(self) -> dict[str, Any]:
        """What they know beside their memory, as JSON can hold it."""

    def resume(self, said: Mapping[str, Any]) -> None:
        """Go on from such a state."""
