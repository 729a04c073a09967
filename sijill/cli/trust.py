"""`sijill trust`: what a verifier keeps to answer with no network."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from sijill.cli.faults import verb
from sijill.cli.options import Reach
from sijill.cli.output import Output

if TYPE_CHECKING:
    from infrastructure.proofs.statuslist import StatusToken
    from infrastructure.proofs.trust import Root

app = App(name="trust", help="Lists for verifying with no network: fetch them, walk on from them.")

File = Annotated[Path, Parameter(help="The trust list's file.")]


@app.command
@verb
def fetch(
    file: File,
    /,
    *,
    root: Annotated[
        Path | None,
        Parameter(
            show_default=False,
            help="The root that a new file begins with; by default what the ledger says of itself "
            "now, to be compared with a published one.",
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        Parameter(
            show_default=False,
            help="Whose cosignatures checkpoints need from now on: a C2SP tlog-policy file.",
        ),
    ] = None,
    status: Annotated[
        Path | None,
        Parameter(show_default=False, help="A folder for all status lists, fetched too."),
    ] = None,
    reach: Reach,
) -> int:
    """Fetch the newest trust list into a file, or walk on from the one that it holds.

    A list of another ledger, an older one, one of another tree, and one that is not signed are
    refused, and the file stays as it is. So does a status list's, where what comes is none of this
    ledger's, or older: of two doors of one ledger, one may be a minute behind.
    """
    from infrastructure.keyfiles import write_durably
    from sijill.client import trusting

    output = Output(reach)
    held = file.read_bytes() if file.exists() else None
    begins = trusting.read_root(root.read_bytes()) if root is not None else None
    with reach.anonymous() as client:
        wanted = None if policy is None else policy.read_text(encoding="utf-8")
        data = trusting.fetch(client, held=held, root=begins, policy=wanted)
        write_durably(file, data)
        known, found = trusting.read(data)
        lists = [] if status is None else _statuses(client, known, status)
    said = {
        "ledger": known.ledger.hex(),
        "size": found.list.size,
        "agencies": len(found.list.agencies),
        "keys": len(found.list.keys),
        "expires": found.note.expires,
        "pinned": held is None and root is None,
        "status_lists": lists,
    }
    text = output.words(
        "cli.trust",
        size=found.list.size,
        agencies=len(found.list.agencies),
        keys=len(found.list.keys),
    )
    output.result(said, text)
    if said["pinned"]:
        output.say(output.words("cli.trust_pinned", ledger=known.ledger.hex()), colour="yellow")
    return 0


def _statuses(client: Any, root: "Root", folder: Path) -> list[str]:
    """Every status list into the folder, named by its number; an older one changes nothing.

    Raises:
        ProofError: what came is no status list of this ledger. The files stay as they are.
    """
    from infrastructure.keyfiles import write_durably
    from infrastructure.proofs.errors import ProofError

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for uri in client.get("/v1/status-lists", signed=False)["status_lists"]:
        number = int(str(uri).rpartition("/")[2])
        path = folder / f"{number}.cwt"
        data = client.text(f"/v1/status-lists/{number}")
        came = _opened(data, root, number)
        try:
            held = _opened(path.read_bytes(), root, number)
        except (FileNotFoundError, ProofError):
            held = None  # nothing that anybody could believe
        if held is None or (came.size, came.issued) >= (held.size, held.issued):
            write_durably(path, data)
        written.append(str(path))
    return written


def _opened(data: bytes, root: "Root", number: int) -> "StatusToken":
    from infrastructure.proofs import statuslist
    from infrastructure.proofs.errors import ProofError

    try:
        return statuslist.open_token(
            data, origin=root.origin, number=number, ledger=root.ledger, log_key=root.log[-1]
        )
    except ProofError as error:
        if error.code.startswith("status_list_"):
            raise
        # Of all that was fetched, the person has to know which.
        raise ProofError("status_list_malformed", str(error)) from None
