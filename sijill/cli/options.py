"""Options that verbs share: how they talk, which ledger they ask, and in whose name."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    from infrastructure.proofs.jwk import PrivateKey
    from sijill.client import Client, Patience

_TALK = Group("Output", sort_key=90)
LEDGER = Group("Ledger", sort_key=80)
_LOCALES = {"ar": "ar", "ckb": "ckb", "ku": "ckb"}
STATE_SUFFIX = ".state"


def check_address(_: object, url: str | None) -> None:
    """Cyclopts makes a usage error of this ValueError."""
    if url is None:
        return
    if not re.match("https?://[^/]", url):
        raise ValueError("an address begins with http:// or https://")
    try:
        parsed = urlsplit(url)
        usable = parsed.port is None or parsed.port > 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("an address names a host, and a port if any")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Talk:
    """How a verb answers."""

    output: Annotated[
        Literal["human", "json"],
        Parameter(group=_TALK, help="What stands on standard output; talk is on standard error."),
    ] = "human"
    language: Annotated[
        Literal["ar", "ckb", "en"] | None,
        Parameter(
            group=_TALK,
            env_var="SIJILL_LANGUAGE",
            help="Of the texts; by default the terminal's, else English.",
        ),
    ] = None

    @property
    def chosen_language(self) -> str:
        """The language to answer in."""
        if self.language:
            return self.language
        locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG")
        return _LOCALES.get(re.split("[_.@]", locale or "")[0], "en")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Reach(Talk):
    """Which ledger is asked, by anybody."""

    url: Annotated[
        str,
        Parameter(
            group=LEDGER,
            env_var="SIJILL_URL",
            validator=check_address,
            help="The ledger's address.",
        ),
    ]
    state: Annotated[
        Path | None,
        Parameter(
            group=LEDGER,
            env_var="SIJILL_STATE",
            help="Folder that keeps what was seen of the ledger; without it only `log head` keeps "
            "that, in `~/.local/state/sijill`.",
        ),
    ] = None

    def anonymous(self, *, patience: "Patience | None" = None, keep: bool = False) -> "Client":
        """A client without a key; with `keep` it remembers this ledger and its checkpoints."""
        from sijill.client import Client
        from sijill.client.wire import QUESTION

        folder = self.state or (_home() / re.sub("[^A-Za-z0-9.]+", "-", self.url) if keep else None)
        return Client(
            self.url,
            state=folder,
            language=self.chosen_language,
            patience=patience or QUESTION,
        )


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class MaybeReach(Reach):
    """Which ledger is asked, by verbs that may ask none."""

    url: Annotated[
        str,
        Parameter(
            group=LEDGER,
            env_var="SIJILL_URL",
            show_default=False,
            help="The ledger's address; not needed with no network.",
        ),
    ] = ""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Desk(Reach):
    """In whose name a verb signs."""

    key: Annotated[
        Path,
        Parameter(group=LEDGER, env_var="SIJILL_KEY", help="The private key's PEM file."),
    ]
    state: Annotated[
        Path | None,
        Parameter(
            group=LEDGER,
            env_var="SIJILL_STATE",
            help="Folder that keeps journal, receipts and the newest checkpoint; by default "
            "beside the key, named as the key.",
        ),
    ] = None
    agency: Annotated[
        str | None,
        Parameter(
            group=LEDGER,
            env_var="SIJILL_AGENCY",
            help="The agency's id; by default the one that the key is enrolled for.",
        ),
    ] = None

    def private_key(self) -> "PrivateKey":
        """The key in the file.

        Raises:
            KeyFileError: the file cannot be used.
        """
        from infrastructure.keyfiles import load_private_key

        return load_private_key(self.key)

    @property
    def folder(self) -> Path:
        """The state folder. A key belongs to one ledger for ever, so its state lies beside it."""
        return self.state or self.key.with_suffix(STATE_SUFFIX)

    def client(self) -> "Client":
        """A client that signs in the agency's name, which the ledger is asked for if need be.

        Raises:
            Refused: `key_unknown`, as an order would be, for a key that nobody has enrolled.
        """
        client = self.signer()
        client.agency = self.agency
        if client.agency is None and client.key is not None:
            client.agency = self._enrolled_for(client, client.key)
            if client.state is not None:
                # For the day on which there is no ledger to ask.
                client.state.write("agency", client.agency.encode())
        return client

    def _enrolled_for(self, client: "Client", key: "PrivateKey") -> str:
        from infrastructure.proofs.jwk import public_of
        from sijill.client import Refused

        path = f"/v1/keys/{public_of(key).thumbprint}"
        try:
            return str(client.get(path, signed=False)["agency"])
        except Refused as refused:
            client.close()
            if refused.code != "key_not_found":
                raise
            # Nobody asked about a key: it is the wrong file, most likely.
            unknown = {"code": "key_unknown", "status": 401, "note": str(self.key)}
            raise Refused(unknown) from None

    def signer(self) -> "Client":
        """A client that signs with the key, in nobody's name: approvals, proofs of possession."""
        from sijill.client import Client

        return Client(
            self.url, key=self.private_key(), state=self.folder, language=self.chosen_language
        )


Cosigners = Annotated[
    tuple[Path, ...],
    Parameter(
        name="--cosigner",
        negative="",
        show_default=False,
        help="Key file of another signer, where it is at hand; may be given again.",
    ),
]
Sure = Annotated[
    bool,
    Parameter(
        name="--yes",
        negative="",
        show_default=False,
        help="Do not ask whether this is really meant.",
    ),
]
Queue = Annotated[
    bool,
    Parameter(
        name="--queue",
        negative="",
        show_default=False,
        help="Write the order into the outbox, without a ledger; `sijill outbox send` sends it.",
    ),
]
Input = Annotated[
    str, Parameter(allow_leading_hyphen=True, help="A file, or - for standard input.")
]


def _home() -> Path:
    """Where programs keep their state (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "sijill"
