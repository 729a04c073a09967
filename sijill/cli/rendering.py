"""`sijill certificate render`: a certificate as a paper, made and sealed on one's own machine."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from api.papers import Told, compose, host_of
from infrastructure.documents.paper import PaperError, whole
from infrastructure.documents.seal import SealKey, seal
from infrastructure.proofs.base64text import decode_url
from infrastructure.proofs.verdict import CodeState
from sijill.cli.bundle import fetched as fetched_bundle
from sijill.cli.credential import fetched
from sijill.cli.faults import Unusable
from sijill.cli.options import Desk
from sijill.cli.output import Output
from sijill.cli.reading import STDIN
from sijill.client import Client, Untrustworthy


def draw(
    desk: Desk,
    code: str,
    *,
    form: str,
    into: str | None,
    host: str | None,
    template: Path | None,
    key: Path | None,
    evidence: bool = False,
) -> int:
    """Write a certificate's paper, and say where."""
    if key is not None and form != "pdf":
        raise Unusable(code="input_malformed", detail="only a PDF is sealed", path="--seal")
    if evidence and form != "pdf":
        raise Unusable(code="input_malformed", detail="only a PDF holds files", path="--evidence")
    sealing = SealKey.load(key) if key is not None else None
    source = template.read_bytes() if template is not None else None
    with desk.client() as client:
        told, credential = _told(client, code)
        where = host or host_of(client.identity.origin)
        bundle = _evidence(client, code) if evidence else None
    paper = compose(told, host=where, credential=credential, evidence=bundle)
    made = whole(paper, form, template=source)
    if sealing is not None:
        made = seal(made, sealing)
    if into == STDIN:
        sys.stdout.buffer.write(made)
        return 0
    path = Path(into or f"{code}.{form}")
    path.write_bytes(made)
    found = {
        "code": code,
        "files": [str(path)],
        "credential": credential is not None,
        "evidence": bundle is not None,
        "sealed": sealing is not None,
        "qr_text": paper.qr_text,
    }
    output = Output(desk)
    output.result(found, str(path))
    if credential is None:
        output.say(output.words("cli.paper_bare"), colour="yellow")
    return 0


def _told(client: Client, code: str) -> tuple[Told, bytes | None]:
    shown = client.get(f"/v1/certificates/{code}")
    [original] = [one for one in shown["originals"] if one["code"] == code]
    if {shown["state"], original["state"]} != {CodeState.IN_FORCE}:
        raise PaperError("document_not_in_force")
    issuer = client.get(f"/v1/verify/{code}", signed=False)["record"]["agency_names"]
    credential = fetched(client, code)
    data = (
        None
        if credential is None
        else decode_url(credential["credential"], code="credential_malformed")
    )
    return _of(shown, original, issuer), data


def _evidence(client: Client, code: str) -> bytes:
    """The bundle, as far as the caller's key opens it; one that does not verify is not handed on.

    Raises:
        Untrustworthy: it does not.
    """
    made, report = fetched_bundle(client, f"certificates/{code}", code)
    if report.findings:
        raise Untrustworthy(f"the evidence does not hold: {report.findings[0].code}")
    return made.encode()


def _of(shown: Mapping[str, Any], original: Mapping[str, Any], issuer: dict[str, str]) -> Told:
    return Told(
        code=original["code"],
        type=shown["type"],
        issuer=issuer,
        number=shown["number"],
        date=shown["date"],
        effective_date=original["effective_date"],
        expiry_date=original["expiry_date"],
        edition=original["edition"],
        original=original["original"],
        issue_time=original["issue_time"],
        values=shown["values"],
    )
