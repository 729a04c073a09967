"""Credentials on the command line: the signed bytes of a QR code, made and fetched."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from domain.errors import Refusal
from infrastructure.documents.symbol import symbol
from infrastructure.keyfiles import load_private_key
from infrastructure.proofs import jwk, qr
from infrastructure.proofs.base64text import decode_url
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.jwk import PrivateKey
from sijill.cli.options import Desk
from sijill.cli.ordering import Order, execute, settle
from sijill.cli.output import Output
from sijill.client import Client, Refused, credentials
from sijill.client.answers import is_open

_UNKNOWN = "credential_unknown"


def give(desk: Desk, code: str, *, signer: Path | None, host: str | None, anew: bool) -> int:
    """Make the credential unless there is one, and print what stands in the QR code."""
    output = Output(desk)
    with desk.client() as client:
        found = None if anew else fetched(client, code)
        if found is None:
            key = client.key if signer is None else load_private_key(signer)
            make(client, code, output, key)
            found = fetched(client, code) or {}
        found = told(client, found, host)
        drawn = symbol(found["qr_text"])
        found |= {"qr_version": drawn.version, "smallest_mm": drawn.smallest_mm}
        output.result(found, found["qr_text"])
    return 0


def told(client: Client, found: Mapping[str, Any], host: str | None) -> dict[str, Any]:
    """A credential with its QR text."""
    data = decode_url(found["credential"], code="credential_malformed")
    where = host or client.identity.origin.partition("/")[0]
    return {**found, "qr_text": qr.encode_text(data, host=where)}


def fetched(client: Client, code: str) -> dict[str, Any] | None:
    """The newest credential of an original, or None."""
    try:
        return dict(client.get(f"/v1/certificates/{code}/credential"))
    except Refused as refused:
        if refused.code != _UNKNOWN:
            raise
        return None


def make(client: Client, code: str, output: Output, key: PrivateKey | None) -> dict[str, Any]:
    """Sign and record the credential of an original; the answer to the order."""
    if key is None:
        raise ValueError("a credential needs a key")
    public, ledger = jwk.public_of(key), client.identity.ledger
    shown = client.get(f"/v1/certificates/{code}")

    def draft(agency: str, until: int | None) -> Any:
        del until
        data = credentials.sign(shown, ledger, key)
        return credentials.draft(data, agency=agency, code=code, key=public)

    said = {"code": code, "key": public.thumbprint}
    done = execute(client, Order(act=credentials.ACT, said=said, draft=draft), output)
    settle(client, done)
    return done.answer


def follow(client: Client, answer: dict[str, Any], output: Output) -> None:
    """After an act that made a new code: its credential, in the same breath.

    Where others must sign first there is nothing to credential yet. What goes wrong here leaves the
    certificate as it is: the verb `credential` makes up for it.
    """
    if is_open(answer) or "code" not in answer or "index" not in answer:
        return
    try:
        made = make(client, answer["code"], output, client.key)
    except (Refused, Refusal, ProofError) as error:
        output.say(output.words("cli.credential_missing", code=error.code), colour="yellow")
        return
    answer["credential_index"] = made["index"]
