"""The ledger's format as an auditor wrote it down: bytes, hashes, signatures; used by check_log.py.

Written from docs/reference/ledger-format.md alone, whose sections the comments name. It needs only
Python's standard library, `cryptography`, and ledger_acts.txt beside it.
"""

import base64
import json
import re
import unicodedata
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, reduce
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256


class Act(NamedTuple):
    """Section 9: an act, the scope it needs, where it is posted by itself, and among others."""

    name: str
    scope: str
    path: str
    bulk_path: str


ACTS: dict[str, Act] = {}
"""By the type of the event."""
ACTS_TEXT = Path(__file__).with_name("ledger_acts.txt").read_text(encoding="ascii")
for _act, _event, _scope, _kind, _path in map(str.split, ACTS_TEXT.splitlines()):
    _bulk = "/".join([*_path.split("/")[:3], "bulk"]) if _kind == "bulk" else ""
    ACTS[f"sijill.{_act.partition('.')[0]}.{_event}.v1"] = Act(_act, _scope, _path, _bulk)
# Sections 3, 4, 8, 13, 14 and 19.
NOTE_LINES, SALT_BYTES, DEPTH, SIGNATURES, VKEY_BYTES, TILE = 100, 16, 8, 32, 33, 256
LINES, TEXT_BYTES, FIELD = 10_000, 65_536, 2**255 - 19
LEARNED = {f"sijill.{one}.v1" for one in ("ledger.opened", "ledger.key_rotated")}
LEARNED |= {f"sijill.key.{one}.v1" for one in ("enrolled", "retired", "compromised")}
STATUS = {"certificate.issue", "certificate.correct", "certificate.original", "certificate.replace"}
# Section 1: every value has one spelling, so the unused bits at the end of base64 are zero.
HEX, INT, ZEROS = "[0-9a-f]{64}", "(?:0|[1-9][0-9]{0,15})", "[AEIMQUYcgkosw048]"
NAME, DIGEST = f"[A-Za-z0-9_-]{{42}}{ZEROS}", f"[A-Za-z0-9+/]{{42}}{ZEROS}="
NONCE, SIG = "[A-Za-z0-9_-]{21}[AQgw]", "[A-Za-z0-9_-]{85}[AQgw]"
LEAF = re.compile(
    rf'\{{"body":"{HEX}","header":"{HEX}","index":{INT},"prev":"{HEX}","time":{INT},"v":{INT}\}}'
)
HEADER = re.compile(
    r'\{"agency":"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?",'
    rf'"evidence":"{HEX}","keys":\["{NAME}"(?:,"{NAME}"){{0,31}}\],"line":{INT},'
    r'"stream":"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",'
    rf'"type":"sijill\.[a-z_]+\.[a-z_]+\.v[1-9][0-9]*","version":{INT}\}}'
)
JWK = re.compile(
    rf'\{{"crv":"Ed25519","kty":"OKP","x":"{NAME}"\}}'
    rf'|\{{"crv":"P-256","kty":"EC","x":"{NAME}","y":"{NAME}"\}}'
)
LINE = re.compile(
    r"— ([^\s+]{1,255}) ((?:[A-Za-z0-9+/]{4}){2,}"
    rf"(?:[A-Za-z0-9+/]{{2}}{ZEROS}=|[A-Za-z0-9+/][AQgw]==)?)\n"
)
RECEIPT = re.compile(rf"sijill-receipt/v1\n({HEX})\n({INT})\n({HEX})\n({HEX})\n")
ORIGIN = "[a-z0-9][a-z0-9.:_-]{0,62}(?:/[a-z0-9][a-z0-9._-]{0,62}){0,3}"
CHECKPOINT = re.compile(rf"({ORIGIN})\n({INT})\n({DIGEST})\n")
# Section 7. The parameters may stand in any order, each once: four in all, and each looked for.
BASE = re.compile(
    r'"@method": POST\n"@path": (?P<path>(?:/(?!\.\.?[/\n])[A-Za-z0-9._~-]{1,128}){1,16})\n'
    rf'"content-type": application/(?P<kind>json|x-ndjson)\n"content-digest": sha-256=:'
    rf'(?P<content>{DIGEST}):\n"idempotency-key": "(?P<idempotency>[A-Za-z0-9_-]{{22,64}})"\n'
    rf'"sijill-ledger": (?P<ledger>{HEX})\n"sijill-statement": '
    rf"(?P<order>sha-256=:(?P<root>{DIGEST}):;lines=(?P<lines>[1-9][0-9]{{0,4}})(?:;atomic)?)\n"
    r'"@signature-params": \("@method" "@path" "content-type" "content-digest" "idempotency-key" '
    rf'"sijill-ledger" "sijill-statement"\)(?=\S*;created=(?P<created>{INT})(?:;|$))'
    rf'(?=\S*;expires=(?P<expires>{INT})(?:;|$))(?=\S*;keyid="(?P<keyid>{NAME})"(?:;|$))'
    r'(?=\S*;tag="sijill-(?P<tag>order|approval|possession)-v1"(?:;|$))(?:;[^;\s]+){4}'
)
APPROVAL = re.compile("/v1/orders/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/approval")
EMPTY = base64.b64encode(sha256(b"{}").digest()).decode()
REORDERING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


class Wrong(Exception):
    """What is there is not what the format says: a code for programs, a text for people."""


def need(holds: object, code: str, text: object) -> None:
    """Raises Wrong unless it holds."""
    if not holds:
        raise Wrong(code, str(text)[:300])


def unbase64url(text: str) -> bytes:
    """The bytes; that the spelling is right was seen before."""
    return base64.urlsafe_b64decode(text + "==")


def base64url(data: bytes) -> str:
    """Section 1: without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def canonical(value: Any) -> bytes:
    """RFC 8785, for values without floats and names in ASCII."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


def parse(data: bytes, what: str) -> Any:
    """Canonical JSON: written again as the same bytes it has no name twice, no blank and no -0."""
    try:
        # `int` refuses the text of every float.
        value = json.loads(data.decode(), parse_float=int, parse_constant=int)
        same = canonical(value) == data
    except (ValueError, RecursionError):
        same = False
    need(same, "json_not_canonical", f"{what}: {data!r}")
    return value


def check_values(value: Any, depth: int = 1) -> None:
    """Section 4: what a statement may hold."""
    if isinstance(value, dict | list):
        names = [re.fullmatch("[a-z0-9_]+", name) for name in value if isinstance(value, dict)]
        need(depth <= DEPTH and all(names), "statement_refused", value)
        for one in value.values() if isinstance(value, dict) else value:
            check_values(one, depth + 1)
    elif isinstance(value, str):
        kinds = {unicodedata.category(character) for character in value}
        plain = unicodedata.is_normalized("NFC", value) and not REORDERING.search(value)
        need(plain and not kinds & {"Cc", "Cs", "Zl", "Zp"}, "statement_refused", repr(value))
    else:
        need(isinstance(value, int) and 0 <= value < 2**53, "statement_refused", value)


def thumbprint(jwk: dict[str, str]) -> str:
    """Section 6: the name of a key, if enrolment does not refuse it."""
    need(JWK.fullmatch(canonical(jwk).decode()), "key_refused", jwk)
    if jwk["kty"] == "OKP":
        y = int.from_bytes(unbase64url(jwk["x"]), "little") % 2**255
        # The points of order 4, of 1 and 2, and of 8 are the roots of these factors. Under such a
        # key one signature is good for every message. The last is x squared, up to a square.
        large = y * (y * y - 1) * (121666 * (2 * y * y - 1) - 121665 * y**4) % FIELD
        square = (y * y - 1) * (121666 - 121665 * y * y) * 121666
        point = pow(square, (FIELD - 1) // 2, FIELD) == 1
        need(large and point and y < FIELD, "key_refused", jwk)
    else:
        public_p256(jwk)
    return base64url(sha256(canonical(jwk)).digest())


def public_p256(jwk: dict[str, str]) -> ec.EllipticCurvePublicKey:
    """The point; ValueError where it is not on the curve."""
    x, y = (int.from_bytes(unbase64url(jwk[name]), "big") for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def verified(jwk: dict[str, str], signature: bytes, message: bytes) -> bool:
    """Whether the key made the signature: Ed25519, or ECDSA over P-256 as r || s."""
    try:
        if jwk["kty"] == "OKP":
            key = Ed25519PublicKey.from_public_bytes(unbase64url(jwk["x"]))
            key.verify(signature, message)
        else:
            r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
            public_p256(jwk).verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def roots(hashes: Iterable[bytes], sizes: Container[int]) -> dict[int, bytes]:
    """Section 2: the root at each of these sizes, from the roots of the full subtrees before it."""

    def node(right: bytes, left: bytes) -> bytes:
        return sha256(b"\1" + left + right).digest()

    found, full = {0: sha256(b"").digest()}, list[bytes]()
    for size, one in enumerate(hashes, 1):
        full.append(one)
        # Each zero that a size ends with in binary is a pair of subtrees that has become one.
        for _ in range((size & -size).bit_length() - 1):
            full.append(node(full.pop(), full.pop()))
        if size in sizes:
            found[size] = reduce(node, reversed(full))
    return found


def tiles(level: int | str, count: int) -> Iterator[tuple[str, int, int]]:
    """Section 14: path, first and end of each tile of so many hashes or leaves."""
    for start in range(0, count, TILE):
        groups = [group.zfill(3) for group in f"{start // TILE:,}".split(",")]
        number = "".join(f"x{group}/" for group in groups[:-1]) + groups[-1]
        width = min(TILE, count - start)
        partial = f".p/{width}" if width < TILE else ""
        yield f"/log/tile/{level}/{number}{partial}", start, start + width


class Note:
    """Section 13: a signed note."""

    def __init__(self, data: str) -> None:
        head, empty, tail = data.rpartition("\n\n")
        self.text, self.lines = head + "\n", LINE.findall(tail)
        written = "".join(f"— {name} {blob}\n" for name, blob in self.lines)
        controls = {character for character in data if character < " "}
        fits = empty and 1 <= len(self.lines) <= NOTE_LINES and controls == {"\n"}
        need(fits and tail == written, "note_malformed", data)

    def checkpoint(self) -> tuple[str, int, bytes]:
        """Origin, size and root."""
        match = CHECKPOINT.fullmatch(self.text)
        need(match, "checkpoint_malformed", self.text)
        origin, size, root = match.groups() if match else ("", "", "")
        return origin, int(size), base64.b64decode(root)

    def receipt(self) -> tuple[str, int, str]:
        """Ledger, index and leaf hash."""
        match = RECEIPT.fullmatch(self.text)
        need(match, "receipt_malformed", self.text)
        ledger, index, leaf_hash, _ = match.groups() if match else ("", "", "", "")
        return ledger, int(index), leaf_hash

    def check(self, vkeys: Iterable[str]) -> None:
        """At least one good signature by these verifier keys, and no bad one."""
        known = {}
        for vkey in vkeys:
            name, key_id, material = vkey.split("+", 2)
            public = base64.b64decode(material)
            named = sha256(f"{name}\n".encode() + public).hexdigest()[:8] == key_id
            need(
                named and public[:1] == b"\1" and len(public) == VKEY_BYTES, "vkey_malformed", vkey
            )
            known[name, bytes.fromhex(key_id)] = {"kty": "OKP", "x": base64url(public[1:])}
        blobs = [(name, base64.b64decode(text)) for name, text in self.lines]
        tried = [(known.get((name, blob[:4])), blob[4:]) for name, blob in blobs]
        good = [verified(key, blob, self.text.encode()) for key, blob in tried if key]
        need(good and all(good), "note_signature", self.text)


def check_rotation(notes: list[str], ledger: str, digest: str, known: list[str], new: str) -> None:
    """Section 13: the log's newest key and a new one both sign that the new one takes over."""
    need(new not in known, "log_key_again", new)
    for note, vkey in zip(map(Note, notes), (known[-1], new), strict=True):
        right = note.text == f"sijill-rotation/v1\n{ledger}\n{digest}\n"
        need(right, "rotation_differs", note.text)
        note.check([vkey])


def read_header(header: str) -> dict[str, Any]:
    """Section 3."""
    need(HEADER.fullmatch(header), "header_malformed", header)
    told: dict[str, Any] = json.loads(header)
    once = len(set(told["keys"])) == len(told["keys"])
    need(once and told["type"] in ACTS, "header_malformed", header)
    return told


@lru_cache(maxsize=1)
def read_evidence(data: bytes) -> list[dict[str, Any]]:
    """Section 8: what each signature base says, and its signature. All lines of a bulk ask it."""
    found = []
    for entry in parse(data, "evidence"):
        match = BASE.fullmatch(entry["base"])
        need(match and re.fullmatch(SIG, entry["sig"]), "base_malformed", entry)
        one: dict[str, Any] = match.groupdict() if match else {}
        one |= {name: int(one[name]) for name in ("created", "expires", "lines")}
        if one["tag"] == "approval":
            fits = (one["kind"], one["content"]) == ("json", EMPTY)
        else:
            fits = one["lines"] == 1 or one["kind"] == "x-ndjson"
        fits = fits and one["created"] <= one["expires"] and one["lines"] <= LINES
        need(fits and set(entry) == {"base", "sig"}, "base_malformed", entry)
        found.append(one | {"base": entry["base"].encode(), "sig": unbase64url(entry["sig"])})
    need(1 <= len(found) <= SIGNATURES and len(data) <= TEXT_BYTES, "evidence_size", len(data))
    tags = [one["tag"] for one in found]
    need(tags[0] == "order" and "order" not in tags[1:], "evidence_tags", tags)
    same = len({(one["ledger"], one["order"]) for one in found}) == 1
    need(same, "evidence_of_two_orders", [one["order"] for one in found])
    return found


def fits(act: Act, said: dict[str, Any] | None, found: str) -> bool:
    """Section 9: whether an order of the act went there; members that are not open are free."""
    if found == act.bulk_path:
        return True
    if said is not None:
        return found == act.path.format_map(said)
    return re.fullmatch(re.sub(r"\{[a-z]+\}", "[^/]+", act.path), found) is not None


@lru_cache(maxsize=1)
def list_root(digests: tuple[str, ...]) -> bytes | None:
    """The root of an order's list of statement digests."""
    return roots(map(bytes.fromhex, digests), {len(digests)}).get(len(digests))


@dataclass
class Event:
    """One event: its place, its header, and what was signed where the body is open."""

    index: int
    time: int
    told: dict[str, Any]
    said: dict[str, Any] | None = None
    digest: str = ""


@dataclass
class Key:
    """Section 11: a key as the log enrolled it, and what later events said about it."""

    jwk: dict[str, str]
    agency: str
    told: dict[str, Any]
    enrolled: int
    enrollers: list[str]
    retired: bool = False
    as_of: int | None = None
    void: int | None = None

    def objection(self, time: int) -> str:
        """Why it may not sign at this time of a leaf; nothing where it may."""
        seconds = time // 1_000_000
        reasons = {
            "compromised": self.as_of is not None,
            "fallen": self.void is not None,
            "retired": self.retired,
            "ended": seconds > self.told.get("not_after", seconds) + 300,
            "not yet valid": seconds < self.told.get("not_before", 0) - 300,
        }
        return next((reason for reason, holds in reasons.items() if holds), "")


class Keys:
    """Section 11: all keys that the log has enrolled so far, in that order."""

    def __init__(self) -> None:
        self.by_name: dict[str, Key] = {}

    def enrol(self, key: Key) -> None:
        """One more; a name comes once."""
        name = thumbprint(key.jwk)
        need(name not in self.by_name, "key_again", name)
        self.by_name[name] = key
        self._let_fall()

    def learn(self, act: str, said: dict[str, Any], index: int, signers: list[str]) -> None:
        """Section 12: what an event says of keys. Those of event 0 have no enroller."""
        if act == "ledger.open":
            for one in said["founders"]:
                for part in (one["key"], one["recovery"]):
                    self.enrol(Key(part["jwk"], one["id"], part, index, []))
        elif act == "key.enrol":
            self.enrol(Key(said["jwk"], said["subject"], said, index, signers))
        elif act == "key.retire":
            self.by_name[said["key"]].retired = True
        elif act == "key.compromise":
            key, as_of = self.by_name[said["key"]], said["as_of"]
            need(as_of <= index, "as_of_ahead", as_of)
            key.as_of = as_of if key.as_of is None else min(key.as_of, as_of)
            self._let_fall()

    def subject(self, act: str, said: dict[str, Any]) -> str | None:
        """Whose key an enrolment or a compromise is about; None for all other acts."""
        if act == "key.enrol":
            return str(said["subject"])
        key = self.by_name.get(said["key"]) if act == "key.compromise" else None
        return key.agency if key else None

    def _let_fall(self) -> None:
        """Whom a void key enrolled falls with it; enrollers come before, so once is enough."""
        for name, key in self.by_name.items():
            begins = [] if key.as_of is None else [key.as_of]
            for enroller in set(key.enrollers) - {name}:
                void = self.by_name[enroller].void
                begins += [key.enrolled] if void is not None and void <= key.enrolled else []
            key.void = min(begins, default=None)
