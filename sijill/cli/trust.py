"""`sijill trust`: what a verifier keeps to answer with no network."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from sijill.cli.faults import verb
from sijill.cli.options import Reach
from sijill.cli.output import Output

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
    refused, and the file stays as it is.
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
        lists = [] if status is None else _statuses(client, status)
    known, found = trusting.read(data)
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


def _statuses(client: Any, folder: Path) -> list[str]:
    """Every status list into the folder, named by its number."""
    from infrastructure.keyfiles import write_durably

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for uri in client.get("/v1/status-lists", signed=False)["status_lists"]:
        number = int(str(uri).rpartition("/")[2])
        path = folder / f"{number}.cwt"
        write_durably(path, client.text(f"/v1/status-lists/{number}"))
        written.append(str(path))
    return written
