"""`sijill key`: the keys of agencies, from the file on a clerk's machine to the ledger and back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from domain.acts import Scope
from sijill.cli.acting import add_verbs
from sijill.cli.faults import verb
from sijill.cli.options import Cosigners, Desk, Talk
from sijill.cli.output import Output

app = App(name="key", help="Keys: make, enrol, rotate, retire, recover, declare compromised.")

QUIET = Talk()
Scopes = Annotated[
    tuple[Scope, ...],
    Parameter(
        name="--scope", negative="", show_default=False, help="What it may sign; again for more."
    ),
]
NewFile = Annotated[Path, Parameter(help="The new key's PEM file.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class New:
    """The key that is to be enrolled, and for whom in the agency."""

    new_key: Annotated[
        Path | None, Parameter(help="Its PEM file, if it is at hand: it proves its possession.")
    ] = None
    jwk: Annotated[
        Path | None, Parameter(help="Its public half as JSON (RFC 7517), if it is elsewhere.")
    ] = None
    office: Annotated[str, Parameter(help="The office that it belongs to.")]
    officer: Annotated[str, Parameter(help="A pseudonym that only the agency can resolve.")]
    not_before: Annotated[
        str | None, Parameter(help="From when it may sign: ISO 8601, or seconds since 1970 UTC.")
    ] = None
    not_after: Annotated[
        str | None, Parameter(help="Until when it may sign: ISO 8601, or seconds since 1970 UTC.")
    ] = None
    acting_for: Annotated[
        str | None, Parameter(help="The officer in whose place the holder acts.")
    ] = None


@app.command
@verb
def generate(
    file: NewFile,
    /,
    *,
    algorithm: Annotated[
        Literal["ed25519", "p-256"], Parameter(help="What kind of key.")
    ] = "ed25519",
    talk: Talk = QUIET,
) -> int:
    """Make a private key in a new file that only its owner may read; print its public half.

    A file that exists is never overwritten.
    """
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

    from infrastructure.keyfiles import create_private_key
    from infrastructure.proofs.canonical import dumps
    from infrastructure.proofs.jwk import public_of

    made = None if algorithm == "ed25519" else generate_private_key(SECP256R1())
    public = public_of(create_private_key(file, made))
    output = Output(talk)
    output.say(output.words("cli.key_made", path=str(file)))
    output.say(public.thumbprint)
    output.result(
        {"file": str(file), "key": public.thumbprint, "jwk": public.jwk},
        dumps(public.jwk).decode(),
    )
    return 0


@app.command
@verb
def enrol(
    *,
    scope: Scopes,
    new: New,
    cosigner: Cosigners = (),
    desk: Desk,
) -> int:
    """Enrol a key for an agency: order, proof of possession, and countersignatures, as at hand.

    `--agency` is whose key it will be; the order is made by the agency of `--key`. An agency's
    first key is signed by both founders, or by one and the linked parent; later ones by a live key
    that administers. Whoever is not at hand signs later: `key prove`, `order approve`.
    """
    from sijill.cli.enrolling import enrol_key

    return enrol_key(desk, new, scope, cosigner)


@app.command
@verb
def recover(
    *,
    scope: Scopes = (Scope.ADMINISTER,),
    new: New,
    cosigner: Cosigners = (),
    desk: Desk,
) -> int:
    """Enrol a key for an agency that has lost all of its own: the ceremony of the first key again.

    Without `--scope` it administers, and can enrol the others.

    For a founding authority `--key` is its recovery key and `--cosigner` the other authority's key.
    """
    from sijill.cli.enrolling import enrol_key

    return enrol_key(desk, new, scope, cosigner)


@app.command
@verb
def prove(
    order: Annotated[str, Parameter(help="The pending enrolment's id.")], /, *, desk: Desk
) -> int:
    """Prove that one holds the key that a pending order enrols; `--key` is that new key."""
    from sijill.cli.enrolling import prove_possession

    return prove_possession(desk, order)


@app.command
@verb
def rotate(
    new: NewFile,
    /,
    *,
    old: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help="Thumbprint of the key to replace; by default that of --key.",
        ),
    ] = None,
    cosigner: Cosigners = (),
    desk: Desk,
) -> int:
    """Enrol a successor with the office, officer and scopes of a key, then retire that key.

    `--key` administers the agency's keys. Run again after an interruption, it goes on where it was.
    """
    from sijill.cli.enrolling import rotate_key

    return rotate_key(desk, new, old, cosigner)


@app.command
@verb
def seal(
    file: Annotated[
        Path, Parameter(help="The new key's PEM file; the certificate is put beside it.")
    ],
    /,
    *,
    name: Annotated[str, Parameter(help="Whose seal it is, as readers of a PDF are shown it.")],
    talk: Talk = QUIET,
) -> int:
    """Make a key that seals PDFs, and a certificate for it that it signs itself.

    Nobody believes such a certificate but whom you hand it to. One that an authority has signed for
    the same key can be put in its place.
    """
    from infrastructure.documents.seal import certificate_path, create

    output = Output(talk)
    create(file, name)
    beside = certificate_path(file)
    said = output.words("cli.seal_made", key=str(file), certificate=str(beside))
    output.result({"key": str(file), "certificate": str(beside)}, said)
    return 0


add_verbs(app, "key")
