"""Whose cosignatures are enough: a file that names logs, witnesses, groups of them, and a quorum.

C2SP tlog-policy. A line is an item; `#` begins a comment line::

    log <vkey> [url]
    witness <name> <vkey> [url]
    group <name> all|any|<k> <member>...
    quorum <name>|none
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from infrastructure.proofs.cosignature import Cosigned, CosignerKey
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.note import VerifierKey

MAX_POLICY_BYTES: Final = 262_144
MAX_ITEMS: Final = 256
NONE: Final = "none"
_REFUSED = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
# Only blanks and tabs part words; all others belong to names.
_BLANKS = re.compile("[ \t]+")
_VOID = re.compile(r"[ \t]*(#|\Z)")
_COUNT = re.compile("[1-9][0-9]{0,2}")
_WORDS = {"log": (2, 3), "witness": (3, 4), "group": (4, MAX_ITEMS), "quorum": (2, 2)}
_ALL, _ANY = "all", "any"


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness: its key, and where it is asked, if anywhere."""

    key: CosignerKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """How many of which members make a group satisfied."""

    least: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that was read whole; every name in it is defined before it is used."""

    logs: tuple[VerifierKey, ...]
    witnesses: Mapping[str, Witness]
    groups: Mapping[str, Group]
    quorum: str

    def satisfied(self, cosigners: Collection[CosignerKey]) -> bool:
        """Whether the quorum is reached by these witnesses."""
        there = {name: witness.key in cosigners for name, witness in self.witnesses.items()}
        # Members stand before their group, so that one pass in order decides all.
        for name, group in self.groups.items():
            there[name] = sum(there[member] for member in group.members) >= group.least
        return self.quorum == NONE or there[self.quorum]

    def satisfied_since(self, cosigned: Collection[Cosigned]) -> int | None:
        """The latest time (seconds UTC) from which on a quorum cosigned; None where it did not.

        Or where it needs nobody. One witness alone may lag behind the log, or say what suits it.
        """
        if self.quorum == NONE:
            return None
        for time in sorted({one.time for one in cosigned}, reverse=True):
            if self.satisfied([one.key for one in cosigned if one.time >= time]):
                return time
        return None


class _Reader:
    """Takes one item after the other."""

    def __init__(self) -> None:
        self.logs: list[VerifierKey] = []
        self.witnesses: dict[str, Witness] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._grouped: set[str] = set()

    def take(self, words: list[str]) -> None:
        """One line's words."""
        least, most = _WORDS.get(words[0], (0, 0))
        if not least <= len(words) <= most:
            raise _malformed("an item is log, witness, group or quorum, with its words")
        getattr(self, f"_{words[0]}")(*words[1:])

    def _log(self, vkey: str, _url: str = "") -> None:
        key = VerifierKey.parse(vkey)
        if any(key.public == one.public for one in self.logs):
            raise _malformed("one key for two logs")
        self.logs.append(key)

    def _witness(self, name: str, vkey: str, url: str | None = None) -> None:
        key = CosignerKey.parse(vkey)
        self._define(name)
        if any(key.public == one.key.public for one in self.witnesses.values()):
            raise _malformed("one key for two witnesses")
        self.witnesses[name] = Witness(key, url)

    def _group(self, name: str, count: str, *members: str) -> None:
        self._define(name)
        for member in members:
            if member not in {*self.witnesses, *self.groups} or member in self._grouped:
                raise _malformed("a member is defined before, and belongs to one group")
            self._grouped.add(member)
        if count in {_ALL, _ANY}:
            least = len(members) if count == _ALL else 1
        else:
            least = int(count) if _COUNT.fullmatch(count) else 0
        if not 1 <= least <= len(members):
            raise _malformed("a group asks for at least one and at most all of its members")
        self.groups[name] = Group(least, members)

    def _quorum(self, name: str) -> None:
        if self.quorum is not None or name not in {NONE, *self.witnesses, *self.groups}:
            raise _malformed("one quorum, of a name that is defined before, or none")
        self.quorum = name

    def _define(self, name: str) -> None:
        if name == NONE or name in self.witnesses or name in self.groups:
            raise _malformed("a name is defined once, and is not none")


def parse(data: bytes) -> Policy:
    """The policy in a file.

    Raises:
        ProofError: ``policy_malformed``, or what a verifier key's parser says.
    """
    if len(data) > MAX_POLICY_BYTES or _REFUSED.search(data):
        raise _malformed(f"at most {MAX_POLICY_BYTES} bytes, without control characters")
    # Names are opaque bytes: any byte is a character here, and the same one wherever it stands.
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    items = [_BLANKS.split(line.strip(" \t")) for line in lines if not _VOID.match(line)]
    reader = _Reader()
    for words in items:
        reader.take(words)
    if reader.quorum is None or len(reader.logs) + len(reader.witnesses) > MAX_ITEMS:
        raise _malformed(f"exactly one quorum, and at most {MAX_ITEMS} logs and witnesses")
    return Policy(tuple(reader.logs), reader.witnesses, reader.groups, reader.quorum)


def _malformed(detail: str) -> ProofError:
    return ProofError("policy_malformed", detail)
