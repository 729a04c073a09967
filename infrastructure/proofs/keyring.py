"""The keys of a ledger as its own events make them known, at the index that a walk has reached.

An order is judged by what was known when it was recorded. So the ring only ever holds what the
events before that order said; what a later event says about a key changes nothing about it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.jwk import PublicKey, parse_jwk

CLOCK_SKEW_SECONDS: Final = 300
"""A key's validity is judged by the service's clock, which may be this far from the leaf's."""
_MICROSECONDS = 1_000_000
_PLAIN: Final = (
    "agency",
    "enrolled_at",
    "not_before",
    "not_after",
    "retired",
    "compromised_as_of",
    "void_from",
)


@dataclass(slots=True)
class KnownKey:
    """A key and what became of it. Indexes are log indexes, times seconds since 1970 UTC."""

    public: PublicKey
    agency: str
    enrolled_at: int
    enrolled_by: tuple[str, ...] = ()
    not_before: int | None = None
    not_after: int | None = None
    retired: bool = False
    compromised_as_of: int | None = None
    void_from: int | None = None
    """The index from which on it counts for nothing."""


class KeyRing:
    """Every key enrolled so far, by thumbprint.

    ``complete`` turns False when an event that may concern keys could not be read: from then on an
    unknown key proves nothing.
    """

    def __init__(self) -> None:
        self._keys: dict[str, KnownKey] = {}
        self.complete = True

    def state(self) -> dict[str, Any]:
        """Every key and what is known of it, as JSON can hold it, in the order of enrolment."""
        keys = []
        for key in self._keys.values():
            said = {name: getattr(key, name) for name in _PLAIN}
            keys.append({**said, "jwk": key.public.jwk, "enrolled_by": list(key.enrolled_by)})
        return {"complete": self.complete, "keys": keys}

    def resume(self, said: Mapping[str, Any]) -> None:
        """Know what another ring knew."""
        self.complete = said["complete"]
        for one in said["keys"]:
            plain = {name: one[name] for name in _PLAIN}
            known = KnownKey(parse_jwk(one["jwk"]), enrolled_by=tuple(one["enrolled_by"]), **plain)
            self._keys[known.public.thumbprint] = known

    def find(self, thumbprint: str) -> KnownKey | None:
        """The key, or None where nobody enrolled it."""
        return self._keys.get(thumbprint)

    def found(self, statement: Mapping[str, Any]) -> None:
        """Learn the founders' keys and recovery keys from the statement of event 0.

        Raises:
            ProofError, KeyError, TypeError: the statement does not name them.
        """
        for founder in statement["founders"]:
            for part in ("key", "recovery"):
                public = parse_jwk(founder[part]["jwk"])
                self._keys[public.thumbprint] = KnownKey(public, founder["id"], 0)

    def enrol(self, statement: Mapping[str, Any], *, index: int, by: tuple[str, ...]) -> None:
        """Learn an enrolled key; ``by`` are the thumbprints in its evidence.

        Raises:
            ProofError, KeyError, TypeError: the statement does not describe a key;
                ``ProofError("key_already_enrolled")`` where it was enrolled before.
        """
        public = parse_jwk(statement["jwk"])
        known = KnownKey(
            public,
            statement["subject"],
            index,
            tuple(key for key in by if key != public.thumbprint),
            statement.get("not_before"),
            statement.get("not_after"),
        )
        if self._keys.setdefault(public.thumbprint, known) is not known:
            raise ProofError("key_already_enrolled", "a key is enrolled once, for one agency")
        self._judge(known)

    def retire(self, statement: Mapping[str, Any]) -> None:
        """Learn a retirement; KeyError for a key that is unknown."""
        self._keys[statement["key"]].retired = True

    def compromise(self, statement: Mapping[str, Any]) -> None:
        """Learn a compromise, which only ever moves earlier; KeyError for an unknown key."""
        key, as_of = self._keys[statement["key"]], statement["as_of"]
        known = key.compromised_as_of
        key.compromised_as_of = as_of if known is None else min(known, as_of)
        # Keys are kept in the order of their enrolment, and enrollers are older than whom they
        # enrol: one pass reaches every generation.
        for one in self._keys.values():
            self._judge(one)

    def objection(self, thumbprint: str, *, time_us: int) -> str | None:
        """Why a key must not have signed at this point, as a code; the gravest reason wins."""
        key = self._keys.get(thumbprint)
        if key is None:
            return "key_unknown"
        seconds = time_us // _MICROSECONDS
        ends, begins = key.not_after, key.not_before
        objections = {
            "key_compromised": key.compromised_as_of is not None,
            "key_fallen": key.void_from is not None,
            "key_retired": key.retired,
            "key_ended": ends is not None and seconds > ends + CLOCK_SKEW_SECONDS,
            "key_not_yet_valid": begins is not None and seconds < begins - CLOCK_SKEW_SECONDS,
        }
        return next((code for code, stands in objections.items() if stands), None)

    def _judge(self, key: KnownKey) -> None:
        """Find out from where on a key is void.

        It is void from its compromise on, and from its own enrolment on where a key that was void
        by then helped to enrol it.
        """
        begins = [] if key.compromised_as_of is None else [key.compromised_as_of]
        for name in key.enrolled_by:
            enroller = self._keys.get(name)
            if enroller is None or enroller.void_from is None:
                continue
            if enroller.void_from <= key.enrolled_at:
                begins.append(key.enrolled_at)
        key.void_from = min(begins, default=None)
