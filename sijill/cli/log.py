"""`sijill log`: the log itself, for whoever does not want to take the operator's word."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from domain.foundation import AcceptClock
from sijill.cli.acting import make_verb
from sijill.cli.faults import verb
from sijill.cli.options import LEDGER, Cosigners, Desk, Reach, Sure, Talk, check_address
from sijill.cli.output import Output

app = App(name="log", help="The log itself: its newest checkpoint, and the check of all of it.")


@app.command
@verb
def head(*, reach: Reach) -> int:
    """Fetch the newest checkpoint, verify it, and compare it with the newest one seen before.

    What is kept in the state folder is never given up: a ledger that tells another story later ends
    this command with exit 6, and both stories are kept for an auditor.
    """
    output = Output(reach)
    with reach.anonymous(keep=True) as client:
        newest = client.checkpoint()
        found = {
            "ledger": client.identity.ledger.hex(),
            "origin": newest.origin,
            "size": newest.size,
            "root": newest.root.hex(),
            "state": str(client.state.folder) if client.state else None,
        }
    output.result(found, *(f"{name}: {value}" for name, value in found.items()))
    output.say(output.words("cli.head", size=newest.size))
    return 0


app.command(make_verb(AcceptClock), name="accept-clock")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Logged(Talk):
    """Which log is read, and with whose eyes."""

    output: Annotated[
        Literal["human", "json", "ndjson"],
        Parameter(
            name="--output",
            help="What stands on standard output; with the other two each finding is a line.",
        ),
    ] = "human"  # type: ignore[assignment]  # one spelling more than elsewhere
    source: Annotated[
        str | None,
        Parameter(
            name=["--from", "--url"],
            group=LEDGER,
            env_var="SIJILL_URL",
            validator=check_address,
            help="A ledger's address.",
        ),
    ] = None
    data: Annotated[
        Path | None,
        Parameter(group=LEDGER, help="An operator's data folder, read behind the service's back."),
    ] = None
    folder: Annotated[
        Path | None, Parameter(group=LEDGER, help="An exported log (`--format tiles`).")
    ] = None
    key: Annotated[
        Path | None,
        Parameter(
            group=LEDGER, env_var="SIJILL_KEY", help="A key that opens more than the public parts."
        ),
    ] = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Checked(Logged):
    """Which log is checked, and what the checker brings along."""

    state: Annotated[
        Path | None,
        Parameter(
            group=LEDGER,
            env_var="SIJILL_STATE",
            help="Folder with what a client kept (ledger, checkpoint, receipts): it must fit, too.",
        ),
    ] = None

    since: Annotated[
        Path | None,
        Parameter(
            group=LEDGER,
            help="File in which checks keep what they know, made where there is none: only what "
            "was added since the last of them is checked, and one that was cut off goes on. Or a "
            "checkpoint that somebody kept: what lies behind it is checked, except what rests on "
            "keys and records from before it.",
        ),
    ] = None
    processes: Annotated[
        int | None,
        Parameter(
            group=LEDGER,
            validator=Number(gte=1),
            help="How many processes read ahead; by default one for each processor.",
        ),
    ] = None
    read_models: Annotated[
        bool | None,
        Parameter(
            group=LEDGER,
            help="With `--data`: whether read models are made again, from the whole log, and "
            "compared; by default unless `--since` is given.",
        ),
    ] = None
    quick: Annotated[
        bool,
        Parameter(
            group=LEDGER,
            negative="",
            help="With `--data`: bytes and tree alone (leaves, chain, digests, tiles, "
            "checkpoints), at the speed of hashing; where they do not come out, everything.",
        ),
    ] = False


@app.command
@verb
def fsck(*, checked: Checked | None = None) -> int:
    """Check the whole log: bytes, chain, tree, checkpoints, signatures, rules, read models.

    Everything is derived again from the entries, and no stored hash is trusted. It tells each thing
    that does not fit and goes on, says what it could not check for lack of material, and exits with
    6 when it found anything. With `--output ndjson` each finding is a line of its own and the last
    line sums up. Memory does not grow with the log; beyond a few hundred MiB what has to be
    remembered goes to a file in the folder for temporary files, about 2 KB an event.
    """
    from sijill.cli.checking import check_log

    return check_log(checked or Checked())


@app.command(name="rotate-key")
@verb
def rotate_key(
    *,
    data: Annotated[
        Path, Parameter(group=LEDGER, env_var="SIJILL_DATA", help="The ledger's data folder.")
    ],
    cosigner: Cosigners = (),
    yes: Sure = False,
    desk: Desk,
) -> int:
    """Make the log's next key in the data folder, and order that it signs from now on.

    Both founding authorities sign, `--key` is the operator's. While both key files lie in the
    folder both keys sign checkpoints; take the older one away when everybody has followed. An order
    that was interrupted, or refused by the other authority, is made again for the same new key.
    """
    from sijill.cli.rotating import rotate_log_key

    return rotate_log_key(desk, data, cosigner, sure=yes)


for _name, _help in {
    "export": "Take a log away as files: a static C2SP mirror, or lines for programs.",
    "replay": "Rebuild the read models as they were after an event, and tell their digest.",
    "diff": "Say what happened between two sizes, by noun.",
    "consistency": "Say whether one saved checkpoint is the beginning of another.",
}.items():
    _module = "travelling" if _name in {"replay", "diff"} else "exporting"
    app.command(f"sijill.cli.{_module}:{_name}", name=_name, help=_help)
