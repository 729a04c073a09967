"""Trust lists: the agencies, their keys and what became of both, for verifiers without a network.

What a list says is a function of the log's first `size` events, so an auditor makes it again. That
it is what the log says at that size is signed by the ledger's receipts key, together with the root
of the tree; the checkpoint that goes with it binds the list to one tree, which witnesses may have
seen. A list has an end. Whoever holds one accepts only a newer one of the same tree.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from infrastructure.proofs import canonical, checkpoint, jwk, note, policy
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.cosignature import cosigned
from infrastructure.proofs.credential import key_id
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.note import VerifierKey

HEADER: Final = "sijill-trust/v1"
VERSION: Final = 1
LIFE_SECONDS: Final = 7 * 86_400
"""After a week a list says nothing good of anybody any more."""
SKEW_SECONDS: Final = 300
MAX_BYTES: Final = 16 * 2**20
LINKED: Final = "linked"
_ISSUE, _CUSTODIAL = "issue", "custodial"
_INTEGER = "(0|[1-9][0-9]{0,15})"
_FORM = re.compile(
    f"{HEADER}\n([0-9a-f]{{64}})\n{_INTEGER}\n([0-9a-f]{{64}})\n([0-9a-f]{{64}})\n"
    f"{_INTEGER}\n{_INTEGER}\n"
)


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key that may have signed credentials. Indexes are log indexes, times seconds UTC."""

    public: jwk.PublicKey
    agency: str
    scopes: frozenset[str]
    enrolled_index: int
    retired_index: int | None = None
    void_from: int | None = None
    not_after: int | None = None

    @property
    def custodial(self) -> bool:
        """Whether the data center holds it on the agency's behalf."""
        return _CUSTODIAL in self.scopes

    def entitled(self, index: int, time: int) -> bool:
        """Whether it might sign for what is said to be issued at an index and a time.

        It may have been enrolled later: an agency signs anew what an earlier key of it signed.
        """
        retired = self.retired_index is not None and self.retired_index <= index
        ended = self.not_after is not None and time > self.not_after + SKEW_SECONDS
        return _ISSUE in self.scopes and not retired and not ended


@dataclass(frozen=True, slots=True)
class TrustedAgency:
    """An agency: since when (index) it stands how, and its names by the day they hold from.

    `heirs` are the bodies that answer for what it did, each since an index.
    """

    id: str
    standings: tuple[tuple[int, str], ...]
    names: tuple[tuple[str, dict[str, str]], ...]
    heirs: Mapping[str, int]

    def linked_at(self, index: int) -> bool:
        """Whether it might issue at an index."""
        standing = [said for since, said in self.standings if since <= index]
        return bool(standing) and standing[-1] == LINKED

    def names_on(self, day: str) -> dict[str, str]:
        """Its names on a day (ISO), by language; before all of them, the earliest."""
        held = [names for since, names in self.names if since <= day]
        return held[-1] if held else self.names[0][1]


@dataclass(frozen=True, slots=True)
class TrustList:
    """A list as it was read. It is to be believed only as far as its note says."""

    ledger: bytes
    origin: str
    size: int
    founders: tuple[str, ...]
    agencies: Mapping[str, TrustedAgency]
    keys: tuple[TrustedKey, ...]
    digest: bytes

    def keys_named(self, agency: str, name: bytes) -> list[TrustedKey]:
        """The keys of an agency, and of its heirs, that a credential's key id fits."""
        known = self.agencies.get(agency)
        bodies = {agency, *(known.heirs if known else ())}
        return [one for one in self.keys if one.agency in bodies and key_id(one.public) == name]

    def entitled(self, key: TrustedKey, agency: str, index: int, time: int) -> bool:
        """Whether one of these keys might sign in the agency's name what is said to be issued then.

        An heir signs anew what was issued before it answered for it, by a key that it still had.
        """
        known = self.agencies.get(agency)
        if known is None:
            return False
        answering = {agency: 0, **known.heirs}
        since = answering[key.agency]
        then = [one for one, begun in answering.items() if begun <= index]
        by = [key.agency] if since <= index else then
        linked = (one in self.agencies and self.agencies[one].linked_at(index) for one in by)
        return any(linked) and key.entitled(max(index, since), time)


@dataclass(frozen=True, slots=True)
class TrustNote:
    """What the ledger signs about a list: digests have 32 bytes, times are seconds since 1970."""

    ledger: bytes
    size: int
    root: bytes
    digest: bytes
    issued: int
    expires: int

    def encode(self) -> str:
        """The note's text, seven lines."""
        return (
            f"{HEADER}\n{self.ledger.hex()}\n{self.size}\n{self.root.hex()}\n"
            f"{self.digest.hex()}\n{self.issued}\n{self.expires}\n"
        )

    @classmethod
    def parse(cls, text: str) -> "TrustNote":
        """Read what ``encode`` writes; ``trust_malformed`` for anything else."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise ProofError("trust_malformed", "not the seven lines of a trust list")
        ledger, size, root, digest, issued, expires = match.groups()
        return cls(
            bytes.fromhex(ledger),
            int(size),
            bytes.fromhex(root),
            bytes.fromhex(digest),
            int(issued),
            int(expires),
        )

    def sign(self, key: note.SignerKey) -> bytes:
        """The note by the ledger's receipts key."""
        return note.sign(self.encode(), [key])


@dataclass(frozen=True, slots=True)
class Root:
    """What a verifier ships with: which ledger, and whose word about it counts."""

    ledger: bytes
    origin: str
    log: tuple[VerifierKey, ...]
    receipts: VerifierKey
    founders: tuple[str, ...]
    policy: str | None = None
    """Whose cosignatures a checkpoint needs besides: C2SP tlog-policy, the file's text."""

    def require_witnessed(self, sealed: bytes) -> None:
        """Return when the policy's quorum cosigned a checkpoint.

        Raises:
            ProofError: ``trust_unwitnessed``, or what the policy's parser says.
        """
        if self.policy is None:
            return
        wanted = policy.parse(self.policy.encode())
        keys = [one.key for one in wanted.witnesses.values()]
        if not wanted.satisfied([one.key for one in cosigned(sealed, keys)]):
            raise ProofError("trust_unwitnessed", "too few witnesses cosigned the checkpoint")

    def encode(self) -> dict[str, Any]:
        """The root as it stands in a file."""
        policy_or_none = {} if self.policy is None else {"policy": self.policy}
        return {
            **policy_or_none,
            "founders": list(self.founders),
            "ledger": self.ledger.hex(),
            "log_vkeys": [key.encode() for key in self.log],
            "origin": self.origin,
            "receipts_vkey": self.receipts.encode(),
        }

    @classmethod
    def read(cls, said: Any) -> "Root":
        """Read what ``encode`` makes.

        Raises:
            ProofError: ``trust_malformed``, or what a verifier key's parser says.
        """
        try:
            return cls(
                ledger=_digest(said["ledger"]),
                origin=_of(str, said["origin"]),
                log=tuple(VerifierKey.parse(_of(str, one)) for one in said["log_vkeys"]),
                receipts=VerifierKey.parse(_of(str, said["receipts_vkey"])),
                founders=tuple(_of(str, one) for one in said["founders"]),
                policy=_of(str, said["policy"]) if "policy" in said else None,
            )
        except (KeyError, TypeError):
            raise ProofError("trust_malformed", "a root names ledger, keys and founders") from None


@dataclass(frozen=True, slots=True)
class Trusted:
    """A list whose signatures hold, the note about it, and the checkpoint that it is bound to."""

    list: TrustList
    note: TrustNote
    checkpoint: Checkpoint

    def age_seconds(self, now: int) -> int:
        """How old it is."""
        return max(now - self.note.issued, 0)

    def old(self, now: int) -> bool:
        """Whether its end is over, or its beginning lies so far ahead that some clock is wrong."""
        return now >= self.note.expires or now < self.note.issued - SKEW_SECONDS


def encode(content: Mapping[str, Any]) -> bytes:
    """The bytes of a list's content, over which its digest goes: RFC 8785."""
    return canonical.dumps(dict(content))


def content(
    *,
    ledger: bytes,
    origin: str,
    size: int,
    founders: Iterable[str],
    agencies: Iterable[Mapping[str, Any]],
    keys: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """A list's content: agencies in the order of their ids, keys in that of their thumbprints.

    Each of them is a mapping of the members that docs/reference/credential-format.md names; those
    that are None are left out.
    """
    return {
        "v": VERSION,
        "ledger": ledger.hex(),
        "origin": origin,
        "size": size,
        "founders": list(founders),
        "agencies": sorted(map(_present, agencies), key=lambda one: str(one["id"])),
        "keys": sorted(map(_present, keys), key=lambda one: str(one["thumbprint"])),
    }


def digest(data: bytes) -> bytes:
    """What the note says of a content's bytes."""
    return sha256(data).digest()


def read(data: bytes) -> TrustList:
    """A list from its content's bytes.

    Raises:
        ProofError: ``trust_malformed``, a ``json_…`` code, or a ``key_…`` code of a key in it.
    """
    said = canonical.parse(data, limit_bytes=MAX_BYTES)
    try:
        if said["v"] != VERSION:
            raise ProofError("trust_malformed", "another version")
        return TrustList(
            ledger=_digest(said["ledger"]),
            origin=_of(str, said["origin"]),
            size=_of(int, said["size"]),
            founders=tuple(_of(str, one) for one in said["founders"]),
            agencies={one["id"]: _agency(one) for one in said["agencies"]},
            keys=tuple(map(_key, said["keys"])),
            digest=digest(data),
        )
    except (KeyError, TypeError, IndexError):
        raise ProofError("trust_malformed", "a member is missing or of another kind") from None


def open_list(
    content: bytes, signed: bytes, sealed: bytes, root: Root, *, seen: Checkpoint | None = None
) -> Trusted:
    """A list with everything that vouches for it: its note, its checkpoint, and the root.

    `seen` is the checkpoint of the list held before: a smaller one now, or another tree of the same
    size, is a list rolled back. That a larger tree continues it is for the caller to prove.

    Raises:
        ProofError: ``trust_foreign``, ``trust_unsigned``, ``trust_unwitnessed``,
            ``trust_rolled_back``, or what the parsers say.
    """
    trusted = read(content)
    try:
        word = TrustNote.parse(note.open_note(signed, [root.receipts]).text)
        head = checkpoint.open_checkpoint(sealed, origin=root.origin, verifiers=root.log)
    except ProofError as error:
        raise ProofError("trust_unsigned", str(error)) from None
    root.require_witnessed(sealed)
    if (trusted.ledger, trusted.origin) != (root.ledger, root.origin):
        raise ProofError("trust_foreign", "a list of another ledger")
    if trusted.founders != root.founders:
        raise ProofError("trust_foreign", "other authorities founded that ledger")
    said = (word.ledger, word.size, word.digest, word.root, word.size)
    if said != (trusted.ledger, trusted.size, trusted.digest, head.root, head.size):
        raise ProofError("trust_unsigned", "note, list and checkpoint are about different things")
    if seen is not None:
        same = head.size > seen.size or (head.size, head.root) == (seen.size, seen.root)
        if not same:
            raise ProofError("trust_rolled_back", "an older list, or one of another tree")
    return Trusted(trusted, word, head)


def _present(one: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if value is not None}


def _agency(said: Any) -> TrustedAgency:
    standings = tuple(
        (_of(int, one["since_index"]), _of(str, one["standing"])) for one in said["standings"]
    )
    names = tuple((_of(str, one["since"]), _names(one["value"])) for one in said["names"])
    if not names or list(standings) != sorted(standings, key=lambda one: one[0]):
        raise ProofError("trust_malformed", "names, and standings in order")
    # Lists of before name no heirs.
    heirs = {_of(str, one["agency"]): _of(int, one["since_index"]) for one in said.get("heirs", ())}
    return TrustedAgency(_of(str, said["id"]), standings, names, heirs)


def _names(said: Any) -> dict[str, str]:
    return {_of(str, language): _of(str, name) for language, name in _of(dict, said).items()}


def _key(said: Any) -> TrustedKey:
    public = jwk.parse_jwk(_of(dict, said["jwk"]))
    if public.thumbprint != said["thumbprint"]:
        raise ProofError("trust_malformed", "the thumbprint is another key's")
    return TrustedKey(
        public=public,
        agency=_of(str, said["agency"]),
        scopes=frozenset(_of(str, one) for one in said["scopes"]),
        enrolled_index=_of(int, said["enrolled_index"]),
        retired_index=_maybe(said, "retired_index"),
        void_from=_maybe(said, "void_from"),
        not_after=_maybe(said, "not_after"),
    )


def _maybe(said: Mapping[str, Any], name: str) -> int | None:
    return _of(int, said[name]) if name in said else None


def _digest(text: Any) -> bytes:
    if not isinstance(text, str) or not re.fullmatch("[0-9a-f]{64}", text):
        raise ProofError("trust_malformed", "64 lower-case hex digits")
    return bytes.fromhex(text)


def _of(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError
    return value
