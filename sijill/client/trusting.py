"""Keeping a trust list: pinned once, walked on from, never back.

The file holds the root that it was begun with, so that whoever reads it without a network checks
every signature again.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from infrastructure.proofs import canonical, trust
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.trust import Root, Trusted
from sijill.client import rotation
from sijill.client.connection import Client
from sijill.client.trust import Identity, require_consistent

PATH = "/v1/trust"
MAX_FILE_BYTES = 2 * trust.MAX_BYTES


def read(data: bytes) -> tuple[Root, Trusted]:
    """The root and the list in a file; every signature is checked.

    Raises:
        ProofError: ``trust_malformed``, or what `trust.open_list` says.
    """
    said = _object(data)
    root = Root.read(said.get("root"))
    return root, _open(said, root)


def read_root(data: bytes) -> Root:
    """The root in a file, or in a trust list's file.

    Raises:
        ProofError: ``trust_malformed``.
    """
    said = _object(data)
    return Root.read(said.get("root", said))


def fetch(
    client: Client,
    *,
    held: bytes | None = None,
    root: Root | None = None,
    policy: str | None = None,
) -> bytes:
    """The newest list as a file's bytes; `held` is the file so far, `root` begins a new one.

    `policy` names the witnesses that checkpoints need from now on. Without a file and a root the
    ledger's own word about its keys is pinned, as whoever asks first must.

    Raises:
        ProofError: the list is not signed, of another ledger, or rolled back. Untrustworthy: the
            new tree does not continue the old one, or the log's key changed without proof.
    """
    seen = None
    if held is not None:
        root, before = read(held)
        seen = before.checkpoint
    answer = client.get(PATH, signed=False)
    root = _pinned(client, answer) if root is None else _followed(client, root)
    if policy is not None:
        root = replace(root, policy=policy)
    found = _open(answer, root, seen=seen)
    if seen is not None:
        require_consistent(seen, found.checkpoint, _asking(client))
    return json.dumps({**answer, "root": root.encode()}, ensure_ascii=False, indent=1).encode()


def _asking(client: Client) -> Any:
    def ask(old_size: int, new_size: int) -> Mapping[str, Any]:
        path = "/v1/proofs/consistency"
        window: dict[str, Any] = {"from": old_size, "to": new_size}
        return dict(client.get(path, signed=False, **window))

    return ask


def _pinned(client: Client, answer: Mapping[str, Any]) -> Root:
    known = client.identity
    founders = answer.get("content", {}).get("founders", [])
    return Root(known.ledger, known.origin, known.log_keys, known.receipts, tuple(founders))


def _followed(client: Client, root: Root) -> Root:
    """The root with the log's keys that came after those it knows, each vouched for."""
    known = Identity(root.ledger, root.origin, root.log[-1], root.receipts, root.log[:-1])

    def opening(index: int) -> Mapping[str, Any]:
        window: dict[str, Any] = {"from": index, "to": index + 1}
        page = client.get("/v1/log/openings", signed=False, **window)
        return next(iter(page["openings"]), {})

    told = client.get("/v1/ledger", signed=False)
    if told.get("log_vkey") == known.log.encode():
        return root
    return replace(root, log=rotation.follow(known, told, opening).log_keys)


def _open(said: Mapping[str, Any], root: Root, **how: Any) -> Trusted:
    try:
        content = trust.encode(said["content"])
        note, sealed = str(said["note"]).encode(), str(said["checkpoint"]).encode()
    except (KeyError, TypeError, UnicodeEncodeError):
        raise ProofError("trust_malformed", "content, note and checkpoint") from None
    return trust.open_list(content, note, sealed, root, **how)


def _object(data: bytes) -> dict[str, Any]:
    try:
        said = canonical.parse_json(data, limit_bytes=MAX_FILE_BYTES, line_feeds=True)
    except ProofError as error:
        # Of two files that were named, the person has to know which.
        raise ProofError("trust_malformed", str(error)) from None
    if not isinstance(said, dict):
        raise ProofError("trust_malformed", "a JSON object is expected")
    return said
