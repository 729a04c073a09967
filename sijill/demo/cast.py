"""The agencies of the demonstration: registered, linked, and given keys by the real ceremonies."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infrastructure import keyfiles
from infrastructure.proofs.jwk import PrivateKey, public_of
from sijill.client import Client, Draft
from sijill.data import bodies
from sijill.demo.plan import LOTS
from sijill.folder import FOUNDERS

SCOPES = ["administer", "issue", "register", "revoke"]
WAIT_SECONDS = 86_400
EARLIEST = "2005-10-15"


@dataclass(slots=True)
class Cast:
    """Clients that sign: the two founders, and each issuing agency's officers."""

    operator: Client
    authority: Client
    officers: dict[str, list[Client]]

    def close(self) -> None:
        """Let all connections go."""
        for client in (
            self.operator,
            self.authority,
            *itertools.chain.from_iterable(self.officers.values()),
        ):
            client.close()


def assemble(url: str, folder: Path, on_step: Callable[[], None]) -> Cast:
    """Register and link every body, General Secretariat first; enrol the issuers' keys."""
    operator, authority = founders(url, folder)
    for body in bodies():
        if body.id not in FOUNDERS:
            register(operator, body.id)
        on_step()
    cast = Cast(operator, authority, {})
    for lot in LOTS:
        cast.officers[lot.agency] = enrol_officers(cast, url, folder, lot.agency, lot.officers)
        on_step()
    return cast


def founders(url: str, folder: Path) -> tuple[Client, Client]:
    """Clients of the two founding authorities, whose keys a demonstration finds in the folder."""
    operator, authority = (
        Client(
            url,
            agency=name,
            key=keyfiles.load_private_key(folder / "keys" / f"{name}.pem"),
            state=folder / "clients" / name,
        )
        for name in FOUNDERS
    )
    return operator, authority


def send(client: Client, draft: Draft, *, cosigned: bool = False) -> Any:
    """Prepare and send one draft as a single order."""
    return client.send(client.prepare(draft.path, [draft.envelope], cosigned=cosigned))


def plain(client: Client, act: str, path: str, **members: Any) -> Any:
    """Order one act that commits to nothing."""
    draft = Draft.plain(act, client.agency or "", path, **members)
    return send(client, draft, cosigned="valid_until" in members)


def register(operator: Client, agency: str) -> None:
    """Register and link one of the known bodies; its parent is there already."""
    body = next(body for body in bodies() if body.id == agency)
    plain(
        operator,
        "agency.add",
        "/v1/agencies",
        subject=body.id,
        kind=body.kind,
        names=dict(body.names),
        parent=body.parent,
        effective_date=EARLIEST,
    )
    plain(operator, "agency.link", f"/v1/agencies/{body.id}/linking", subject=body.id)


def enrol_officers(cast: Cast, url: str, folder: Path, agency: str, count: int) -> list[Client]:
    """The first key by the founders' ceremony, a second officer's by the first."""
    officers: list[Client] = []
    for number in range(1, count + 1):
        name = f"{agency}-officer-{number}"
        folder.joinpath("clients").mkdir(exist_ok=True, mode=0o700)
        key: PrivateKey = keyfiles.create_private_key(
            folder / "clients" / f"{name}.pem", Ed25519PrivateKey.generate()
        )
        orderer = officers[0] if officers else cast.operator
        order, draft = _order_key(orderer, agency, key, number)
        orderer.send(orderer.possess(draft.path, draft.envelope, key))
        if not officers:
            cast.authority.approve(order["order"])
        officers.append(
            Client(url, agency=agency, key=key, state=folder / "clients" / f"{name}.state")
        )
    return officers


def _order_key(orderer: Client, agency: str, key: PrivateKey, number: int) -> tuple[Any, Draft]:
    draft = Draft.plain(
        "key.enrol",
        orderer.agency or "",
        f"/v1/agencies/{agency}/keys",
        subject=agency,
        jwk=public_of(key).jwk,
        scopes=SCOPES,
        office="registry",
        officer=f"officer-{number}",
        valid_until=int(time.time()) + WAIT_SECONDS,
    )
    return send(orderer, draft, cosigned=True), draft
