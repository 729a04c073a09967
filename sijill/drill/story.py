"""The ledger that the drill is played on: made for it, in two days, and thrown away behind it.

After the first day a copy of its database is kept, as a backup would be. After the second an
auditor outside keeps the newest checkpoint, and a witness has cosigned it.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from infrastructure.embedded import EmbeddedServer
from infrastructure.proofs import receipts
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.jwk import public_of
from infrastructure.proofs.note import VerifierKey
from infrastructure.proofs.witnessing import Submission
from sijill.client import Client, Draft, Identity
from sijill.client.attachments import Attachments
from sijill.client.trust import open_checkpoint
from sijill.demo import cast as casting
from sijill.demo import served
from sijill.folder import Folder
from sijill.founding import found
from sijill.settings import Settings
from sijill.witness import Witness, make

ORIGIN: Final = "sijill.example/drill"
AGENCY: Final = "justice"
YESTERDAY: Final = "drill_yesterday"


@dataclass(frozen=True, slots=True)
class Story:
    """The ledger as it lies there, and what was kept outside of it.

    `first` and `revoked` are the indexes of an issuance and of the revocation that hurts somebody,
    `retired` that of a key's retirement, `signed` of the last issuance under that key before.
    """

    folder: Folder
    server: EmbeddedServer
    identity: Identity
    kept: bytes
    checkpoint: Checkpoint
    witness: Witness
    first: int
    revoked: int
    signed: int
    retired: int


def tell(folder: Path, on_step: Callable[[], None]) -> Story:
    """Found the ledger and live through both days."""
    data = folder / "ledger"
    founded = found(data, ORIGIN).folder
    server = Settings(data=data).embedded()
    document = folder / "document"
    document.write_bytes(b"a document " * 4_000)
    with served(data, 0, workers=1) as (url, _):
        on_step()
        cast = casting.Cast(*casting.founders(url, data), {})
        casting.register(cast.operator, AGENCY)
        officers = casting.enrol_officers(cast, url, data, AGENCY, 2)
        uploaded = Attachments(officers[0]).upload(document)
        first = _issue(officers[0], 1, document=uploaded["sha256"])
        _issue(officers[0], 2)
        _covered(officers[0], first["index"] + 1)
        cast.close()
    on_step()
    server.start()
    server.create_database(YESTERDAY, template="sijill")
    shutil.copytree(data / "keys", folder / "keys")
    with served(data, 0, workers=1) as (url, _):
        on_step()
        officers = [
            Client(url, agency=AGENCY, key=one.key, state=data / "clients" / f"day-2-{at}")
            for at, one in enumerate(officers)
        ]
        signed = _issue(officers[1], 3)
        assert officers[1].key is not None  # noqa: S101 - made by the ceremony
        retired = casting.plain(
            officers[0],
            "key.retire",
            f"/v1/keys/{public_of(officers[1].key).thumbprint}/retirement",
            key=public_of(officers[1].key).thumbprint,
            reason="officer_left",
        )
        revoked = casting.plain(
            officers[0],
            "certificate.revoke",
            f"/v1/certificates/{first['code']}/revocation",
            code=first["code"],
            reason="obtained_by_fraud",
        )
        # A checkpoint of its own: what was signed before is not all covered by one.
        _covered(officers[0], revoked["index"])
        last = _issue(officers[0], 4)
        kept = _covered(officers[0], last["index"])
        identity = officers[0].identity
        for one in officers:
            one.close()
    on_step()
    server.start()
    head = open_checkpoint(kept, identity)
    return Story(
        founded,
        server,
        identity,
        kept,
        head,
        _witnessed(folder / "witness", identity.log, kept),
        first["index"],
        revoked["index"],
        signed["index"],
        retired["index"],
    )


def _witnessed(folder: Path, log: VerifierKey, kept: bytes) -> Witness:
    """A witness somewhere else that has cosigned what was kept."""
    make(folder, "witness.example/drill")
    witness = Witness(folder, [log])
    answer, _ = witness.add_checkpoint(Submission(0, (), kept).encode())
    if answer.checkpoint is None:
        raise RuntimeError(f"the witness answers {answer.status}")
    return witness


def _issue(officer: Client, number: int, **fields: str) -> dict[str, Any]:
    draft = Draft.issue(
        AGENCY,
        {"holder_name": f"حامل {number:04}", "supported_fact": "تأييد سكن", **fields},
        type="support_letter",
        unit="registry",
        series="general",
        number=str(number),
        date="2026-11-01",
        language="ar",
    )
    return dict(casting.send(officer, draft))


def _covered(client: Client, index: int) -> bytes:
    """The newest checkpoint once one covers an index, and every receipt holds under it."""
    client.text(f"/log/checkpoint?covers={index}")
    # What a wallet is given may be recorded a moment later; the end is when nothing is added.
    note, size = b"", -1
    while (newest := client.checkpoint()).size != size:
        note, size = client.text("/log/checkpoint"), newest.size
        time.sleep(1.5)
    if client.state is not None:
        for receipt in client.state.receipts():
            client.prove(receipts.open_receipt(receipt, [client.identity.receipts]), newest)
    return note
