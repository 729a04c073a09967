"""The attacks of the drill, each as PostgreSQL's superuser, some with the host's files as well.

What an attack needs is said with it, and which eye has to find it with which code. Where only
somebody outside can, that is said too: a superuser with the log key is not found from within.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infrastructure import vault as vaults
from infrastructure.proofs import canonical, disclosures
from infrastructure.proofs.base64text import encode_url
from infrastructure.proofs.evidence import evidence_digest
from infrastructure.proofs.leaf import (
    body_digest,
    encode_body,
    header_digest,
    parse_header,
    split_body,
)
from infrastructure.proofs.orders import LINE_LIMIT_BYTES
from sijill.drill.victim import Event, Victim

SUPERUSER: Final = "superuser"
HOST: Final = "host"
VAULT_KEY: Final = "vault_key"
LOG_KEY: Final = "log_key"


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack: its name, the right that it needs, who finds it, and as what."""

    name: str
    right: str
    eye: str
    code: str
    do: Callable[[Victim], None]
    yesterday: bool = False


ATTACKS: Final[dict[str, Attack]] = {}


def attack(
    *, right: str, eye: str, found: str, yesterday: bool = False
) -> Callable[[Callable[[Victim], None]], Callable[[Victim], None]]:
    """Register an attack under its function's name."""

    def register(do: Callable[[Victim], None]) -> Callable[[Victim], None]:
        ATTACKS[do.__name__] = Attack(do.__name__, right, eye, found, do, yesterday)
        return do

    return register


@attack(right=SUPERUSER, eye="check", found="body_digest_mismatch")
def body_bit(victim: Victim) -> None:
    """Flip a bit in a body."""
    victim.run("flip_body", (victim.story.first,))


@attack(right=SUPERUSER, eye="check", found="root_mismatch")
def leaf_rewritten(victim: Victim) -> None:
    """Rewrite a record and everything that hangs on it: digest, leaf, chain, head."""
    events = victim.events()
    event = events[victim.story.first]
    events[victim.story.first] = event.saying(event.body.replace(b'"number":"1"', b'"number":"9"'))
    victim.rewrite(events)


@attack(right=SUPERUSER, eye="check", found="entry_missing")
def last_deleted(victim: Victim) -> None:
    """Delete the last event, and put the head where it was before."""
    victim.rewrite(victim.events()[:-1])


@attack(right=SUPERUSER, eye="check", found="line_repeated")
def one_inserted(victim: Victim) -> None:
    """Record a withdrawal once more: a copy of a signed event at the end, in its own order."""
    events = victim.events()
    source = events[victim.story.revoked]
    header = replace(parse_header(source.header), version=source.version + 1).encode()
    events.append(
        replace(
            source,
            index=len(events),
            time=events[-1].time + 1,
            version=source.version + 1,
            header=header,
            header_digest=header_digest(source.header_salt, header),
        )
    )
    victim.rewrite(events)


@attack(right=SUPERUSER, eye="check", found="root_mismatch")
def two_swapped(victim: Victim) -> None:
    """Swap two issuances, and put the chain right."""
    events, at = victim.events(), victim.story.first
    other = next(one.index for one in events if one.index > at and one.type == events[at].type)
    early, late = events[at], events[other]
    events[at], events[other] = replace(late, time=early.time), replace(early, time=late.time)
    victim.rewrite(events)


@attack(right=SUPERUSER, eye="read_models", found="projection_differs")
def projection_edited(victim: Victim) -> None:
    """Make a revoked certificate valid in the read model, where verdicts come from."""
    if victim.run("edit_projection") != 1:
        raise RuntimeError("no revoked certificate in the read model")


@attack(right=HOST, eye="attachments", found="attachment_altered")
def attachment_replaced(victim: Victim) -> None:
    """Put other bytes in an attached file's place."""
    files = (victim.folder.path / "attachments").rglob("*")
    path = next(one for one in sorted(files) if one.is_file() and one.stat().st_size)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[::-1])


@attack(right=VAULT_KEY, eye="values", found="value_altered")
def value_edited(victim: Victim) -> None:
    """Change a sealed value, and seal it again with the vault's key."""
    event, vault = victim.events()[victim.story.first], victim.folder.vault()
    digest = canonical.statement_digest(split_body(event.body).statement)
    wrapped = vaults.record_key(victim.conn, event.stream)
    kept = vaults.sealed_line(victim.conn, event.index)
    if kept is None:
        raise RuntimeError("nothing is sealed beside the issuance")
    line = vault.open(wrapped, event.stream, digest, kept.sealed)
    text = canonical.parse_envelope(line, limit_bytes=LINE_LIMIT_BYTES).disclosures[0]
    said = disclosures.parse(text)
    other, _ = disclosures.make(said.name, f"{said.value} 2")
    forged = vault.seal(wrapped, event.stream, digest, line.replace(text.encode(), other.encode()))
    victim.run("put_sealed", {"index": event.index, "sealed": forged})


@attack(right=SUPERUSER, eye="values", found="value_lost")
def value_erased(victim: Victim) -> None:
    """Destroy the key of a record's values, and note it as erased, without anybody's order."""
    event = victim.events()[victim.story.first]
    victim.run("destroy_key", (event.stream,))
    victim.run("note_erasure", (event.stream, event.index))


@attack(right=LOG_KEY, eye="holder", found="entry_missing")
def shorter_resigned(victim: Victim) -> None:
    """Cut off the end, and sign the shorter tree with the log's own key."""
    victim.sign(victim.rewrite(victim.events()[: victim.story.revoked]))
    victim.rebuild()


@attack(right=SUPERUSER, eye="check", found="signature_invalid")
def order_forged(victim: Victim) -> None:
    """Revoke a certificate in the agency's name, without the agency's key."""
    events, orders = victim.events(), victim.orders()
    model, target = events[victim.story.revoked], events[victim.story.signed]
    stolen = next(one for one in orders if one["first_index"] == model.order_index)
    code = split_body(target.body).parsed["code"]
    said = {**split_body(model.body).parsed, "code": code, "nonce": encode_url(bytes(16))}
    statement = canonical.dumps(said)
    digest = canonical.statement_digest(statement)
    [signed] = json.loads(stolen["evidence"])
    old = base64.b64encode(stolen["statement_digests"]).decode()
    base = signed["base"].replace(old, base64.b64encode(digest).decode())
    base = base.replace(split_body(model.body).parsed["code"], code)
    base = base.replace(stolen["idempotency_key"], encode_url(bytes(32)))
    signature = encode_url(Ed25519PrivateKey.generate().sign(base.encode()))
    evidence = json.dumps([{"base": base, "sig": signature}], separators=(",", ":")).encode()
    last = max(one.version for one in events if one.stream == target.stream)
    forged = _event_of(model, target, evidence, encode_body(statement), last + 1)
    forged = replace(forged, index=len(events), time=events[-1].time + 1, order_index=len(events))
    order = {
        **stolen,
        "first_index": len(events),
        "idempotency_key": encode_url(bytes(32)),
        "evidence": evidence,
        "statement_digests": digest,
    }
    victim.rewrite([*events, forged], [*orders, order])


def _event_of(model: Event, target: Event, evidence: bytes, body: bytes, version: int) -> Event:
    """An event like the model's, on the target's record, under other evidence."""
    header = replace(
        parse_header(model.header),
        evidence=evidence_digest(evidence),
        stream=target.stream,
        version=version,
    ).encode()
    return replace(
        model,
        stream=target.stream,
        version=version,
        header=header,
        header_digest=header_digest(model.header_salt, header),
        body=body,
        body_digest=body_digest(model.body_salt, body),
    )


@attack(right=SUPERUSER, eye="check", found="key_retired")
def retirement_backdated(victim: Victim) -> None:
    """Let a key have been retired before the last certificate that it signed."""
    events, story = victim.events(), victim.story
    retirement = events.pop(story.retired)
    events.insert(story.signed, replace(retirement, time=events[story.signed].time))
    victim.rewrite(events)


@attack(right=SUPERUSER, eye="serve", found="rolled_back", yesterday=True)
def yesterday_restored(victim: Victim) -> None:
    """Restore yesterday's backup of the database; the files beside it are today's."""


@attack(right=LOG_KEY, eye="holder", found="held_root_mismatch")
def all_rewritten(victim: Victim) -> None:
    """Date a withdrawal a minute later, put everything right, and sign all of it anew."""
    start = victim.story.revoked
    victim.sign(
        victim.rewrite(
            [
                replace(one, time=one.time + 60_000_000 * (one.index >= start))
                for one in victim.events()
            ]
        )
    )
    victim.rebuild()
