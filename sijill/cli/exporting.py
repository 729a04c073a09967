"""`sijill log export`, `sijill log consistency`, `sijill mirror`: the log in an auditor's hands."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from sijill.cli.faults import Unusable, verb
from sijill.cli.options import LEDGER, Talk, check_address
from sijill.cli.output import Output

if TYPE_CHECKING:
    from infrastructure.proofs.checkpoint import Checkpoint
    from sijill.client.trust import Ask, Identity
    from sijill.export.origins import Origin

Address = Annotated[
    str | None,
    Parameter(
        name="--from",
        group=LEDGER,
        env_var="SIJILL_URL",
        validator=check_address,
        help="A ledger's address, or a mirror's.",
    ),
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Taken(Talk):
    """Which log is taken away, and with whose eyes it is read."""

    source: Address = None
    data: Annotated[
        Path | None,
        Parameter(group=LEDGER, help="An operator's data folder, read behind the service's back."),
    ] = None
    whole: Annotated[
        bool,
        Parameter(
            name="--all",
            group=LEDGER,
            negative="",
            show_default=False,
            help="With `--data`: open everything, as for an auditor; by default what everybody "
            "may see.",
        ),
    ] = False
    key: Annotated[
        Path | None,
        Parameter(
            group=LEDGER,
            env_var="SIJILL_KEY",
            help="With `--from`: a key that opens more than the public parts.",
        ),
    ] = None


QUIET = Taken()
QUIET_TALK = Talk()


@verb
def export(
    folder: Annotated[Path, Parameter(help="Where to; what is there already is gone on with.")],
    *,
    form: Annotated[
        Literal["tiles", "ndjson"],
        Parameter(
            name="--format",
            help="`tiles`: files that any web server can host and any C2SP tool can check; "
            "`ndjson`: an event a line.",
        ),
    ] = "tiles",
    taken: Taken = QUIET,
) -> int:
    """Take a log away as files, as far as checkpoints cover it; repeat it to take what was added.

    Leaves, roots and signatures are verified as they come; a log that contradicts what is held in
    the folder ends this with exit 6. What leaves commit to is written as it is given: `sijill log
    fsck` judges it.
    """
    from sijill.cli.output import Progress
    from sijill.export.following import Following
    from sijill.export.sinks import LinesSink, TilesSink

    output = Output(taken)
    sink = TilesSink(folder) if form == "tiles" else LinesSink(folder)
    progress = Progress(output)
    with _origin(taken, folder) as origin:
        grown = Following(origin, folder, sink, strict=False).run(progress.step)
    said = {
        "folder": str(folder),
        "before": grown.before,
        "size": grown.size,
        "root": grown.root.hex(),
    }
    output.result(said, *(f"{name}: {value}" for name, value in said.items()))
    output.say(output.words("cli.exported", events=grown.size - grown.before, size=grown.size))
    return 0


@verb
def consistency(
    old: Annotated[Path, Parameter(help="The file of one checkpoint.")],
    new: Annotated[Path, Parameter(help="The file of another.")],
    *,
    source: Address = None,
    folder: Annotated[
        Path | None, Parameter(group=LEDGER, help="An exported log (`--format tiles`) instead.")
    ] = None,
    trust: Annotated[
        Path | None,
        Parameter(
            group=LEDGER,
            help="File that says which ledger it is: `ledger.json` of a state folder or an export.",
        ),
    ] = None,
    talk: Talk = QUIET_TALK,
) -> int:
    """Prove that the smaller of two saved checkpoints is the beginning of the larger one.

    The proof comes from a ledger's address or from an exported log, and need not be trusted. Two
    checkpoints that contradict each other convict whoever signed both; the exit code is then 6.
    """
    from sijill.client.trust import open_checkpoint, require_consistent

    output = Output(talk)
    with _proving(source, folder, trust) as (identity, ask):
        older, newer = sorted(
            (open_checkpoint(path.read_bytes(), identity) for path in (old, new)),
            key=lambda head: head.size,
        )
        require_consistent(older, newer, ask)
    said = {
        "origin": newer.origin,
        "old": _head(older),
        "new": _head(newer),
        "consistent": True,
    }
    text = output.words("cli.consistent", old=older.size, new=newer.size)
    output.result(said, text)
    return 0


def _head(checkpoint: "Checkpoint") -> dict[str, str | int]:
    return {"size": checkpoint.size, "root": checkpoint.root.hex()}


@contextmanager
def _proving(
    source: str | None, folder: Path | None, trust: Path | None
) -> Iterator[tuple["Identity", "Ask"]]:
    from infrastructure.proofs import merkle, tiles
    from sijill.client import Client, Identity
    from sijill.export.layout import Exported, NotExported

    if folder is not None:
        exported = Exported(folder)
        identity = Identity.parse((trust or folder / "ledger.json").read_bytes())

        def read(tile: tiles.Tile) -> bytes:
            data = exported.tile(tile)
            if data is None:
                raise NotExported(tile.path)
            return data

        def prove(old_size: int, new_size: int) -> dict[str, list[str]]:
            get = tiles.hashes_from(read, size=exported.size)
            proof = merkle.consistency_proof(old_size=old_size, new_size=new_size, get=get)
            return {"hashes": [one.hex() for one in proof]}

        yield identity, prove
        return
    if source is None:
        raise Unusable(code="input_log_missing")
    with Client(source) as client:
        identity = Identity.parse(trust.read_bytes()) if trust else client.identity

        def ask(old_size: int, new_size: int) -> dict[str, list[str]]:
            sizes: dict[str, Any] = {"from": old_size, "to": new_size}
            return dict(client.get("/v1/proofs/consistency", signed=False, **sizes))

        yield identity, ask


@contextmanager
def _origin(taken: Taken, folder: Path) -> Iterator["Origin"]:
    from infrastructure.keyfiles import load_private_key
    from sijill.cli.databases import running_database
    from sijill.client import Client
    from sijill.export.origins import DatabaseOrigin, HttpOrigin

    if taken.data is not None:
        with (
            running_database(taken.data) as urls,
            DatabaseOrigin(urls.service, whole=taken.whole) as origin,
        ):
            yield origin
        return
    if taken.source is None:
        raise Unusable(code="input_log_missing")
    key = load_private_key(taken.key) if taken.key else None
    with Client(
        taken.source, key=key, state=folder / ".state", language=taken.chosen_language
    ) as client:
        yield HttpOrigin(client)


@verb
def mirror(
    folder: Annotated[Path, Parameter(help="The copy; what is there already is gone on with.")],
    *,
    source: Address = None,
    port: Annotated[
        int | None, Parameter(help="Serve the copy, too; 0 picks a port. By default it is not.")
    ] = None,
    host: Annotated[str, Parameter(help="The address to listen on.")] = "127.0.0.1",
    every: Annotated[
        float, Parameter(help="How many seconds to wait between looking for what was added.")
    ] = 5.0,
    once: Annotated[
        bool, Parameter(negative="", show_default=False, help="Follow once, and end.")
    ] = False,
    talk: Talk = QUIET_TALK,
) -> int:
    """Follow a log, verify it as it comes, and serve the copy on, also when the origin is gone.

    Chain, tree, signatures and what the leaves commit to are checked before anything counts. A log
    that contradicts what is held here is followed no further: that is exit 6, or with `--port` a
    word on standard error, while what was proven before is served on.
    """
    from sijill.export.mirroring import Mirroring

    if source is None:
        raise Unusable(code="input_log_missing")
    output = Output(talk)
    mirroring = Mirroring(source, folder, output, every_seconds=every)
    if once:
        grown = mirroring.step()
        said = {"folder": str(folder), "before": grown.before, "size": grown.size}
        output.result(said, *(f"{name}: {value}" for name, value in said.items()))
        return 0
    return mirroring.run(host, port)
