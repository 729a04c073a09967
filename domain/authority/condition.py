"""The condition of keys: whether a key may sign now, and from where on it counts for nothing."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from domain.acts import Scope
from domain.errors import (
    KeyCompromised,
    KeyEnded,
    KeyFallen,
    KeyNotYetValid,
    KeyRetired,
    KeyUnknown,
    Refusal,
)
from domain.values import MICROSECONDS

if TYPE_CHECKING:
    from domain.keys import KeyState
    from domain.ledger.sitting import Sitting


def live_key(thumbprint: str, sitting: "Sitting") -> "KeyState":
    """A key that may sign now.

    Raises:
        KeyUnknown: nobody enrolled it.
        Refusal: what is wrong with it, as `key_refusal` says.
    """
    key = sitting.key(thumbprint)
    if key is None:
        raise KeyUnknown(key=thumbprint)
    refusal = key_refusal(key, sitting)
    if refusal is not None:
        raise refusal(key=thumbprint)
    return key


def key_refusal(key: "KeyState", sitting: "Sitting") -> type[Refusal] | None:
    """Why a key may not sign now, or None; the gravest reason wins."""
    now = sitting.signed.now
    if key.compromised_as_of is not None:
        return KeyCompromised
    if void_from(key, sitting) is not None:
        return KeyFallen
    if key.retired_at is not None:
        return KeyRetired
    if key.not_after is not None and now > key.not_after * MICROSECONDS:
        return KeyEnded
    if key.not_before is not None and now < key.not_before * MICROSECONDS:
        return KeyNotYetValid
    return None


def void_from(key: "KeyState", sitting: "Sitting") -> int | None:
    """The index from which on the key's issuances do not count, or None.

    A key is void from the index at which its compromise begins; a key that a void key helped to
    enrol is void from its own enrolment on, and so are the keys that it enrolled in turn.
    """
    lineage = {key.thumbprint: key}
    waiting = list(key.enrolled_by)
    while waiting:
        thumbprint = waiting.pop()
        enroller = None if thumbprint in lineage else sitting.key(thumbprint)
        if enroller is not None:
            lineage[thumbprint] = enroller
            waiting.extend(enroller.enrolled_by)
    if all(elder.compromised_as_of is None for elder in lineage.values()):
        return None
    void: dict[str, int] = {}
    for elder in sorted(lineage.values(), key=lambda one: one.enrolled_at):
        fell = any(
            void.get(by, elder.enrolled_at + 1) <= elder.enrolled_at for by in elder.enrolled_by
        )
        begins = [elder.enrolled_at] if fell else []
        if elder.compromised_as_of is not None:
            begins.append(elder.compromised_as_of)
        if begins:
            void[elder.thumbprint] = min(begins)
    return void.get(key.thumbprint)


def administers(key: "KeyState", agency: str) -> bool:
    """Whether a key speaks for its agency in matters of keys; a recovery key does, for its own."""
    return key.agency == agency and bool(key.scopes & {Scope.ADMINISTER, Scope.RECOVERY})


def administered(agency: str, sitting: "Sitting", *, without: str = "") -> bool:
    """Whether an agency has a live key to administer its keys with, besides `without`."""
    registry = sitting.registry("agency", agency)
    keys: Iterable[KeyState] = registry.keys.values() if registry else ()
    return any(
        administers(key, agency) and key_refusal(key, sitting) is None
        for key in keys
        if key.thumbprint != without
    )
