"""The first two parts of a check, bytes and tree, at the speed of hashing; from a database alone.

It says that everything comes out, or that something does not. What, and where, is told by the check
that goes from event to event (`sijill.audit.check`): whoever asks for the quick one and is told no
goes on with that. A finding is so made in one place only, and the quick road can accept no more
than the other one does; a test holds them together.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, NoReturn

from infrastructure.log.checking import DatabaseSource
from infrastructure.log.leaves import BrokenChain
from infrastructure.log.replaying import Each
from infrastructure.log.sweeping import Swept, sweep
from infrastructure.log.tilestore import TileStore
from infrastructure.proofs import merkle, note, tiles
from infrastructure.proofs.authorship import KEY_ROTATED, Judge
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.findings import Finding, Summary
from infrastructure.proofs.fsck import Trust
from infrastructure.proofs.leaf import parse_header, parse_leaf, split_body
from infrastructure.proofs.material import Head, Heads, text_of
from infrastructure.proofs.note import VerifierKey
from infrastructure.proofs.receipts import open_receipt
from infrastructure.proofs.rotation import next_log_key
from sijill import audit

_UNREADABLE: Final = (ProofError, KeyError, TypeError, AttributeError)


class NotClean(Exception):
    """Something does not come out."""


class _Keys(NamedTuple):
    """By which keys a ledger speaks: those of the log with the index that brought them."""

    log: list[tuple[int, VerifierKey]]
    receipts: VerifierKey | None


def check(
    url: str,
    each: Each,
    store: TileStore | None,
    trust: Trust,
    on_leaves: Callable[[int], None] | None = None,
) -> Summary:
    """Check bytes and tree: leaves, chain, digests, tiles, checkpoints, receipts that are kept.

    Args:
        url: the connection string of who reads the log.
        each: what works on parts of the same log.
        store: where the full tiles lie; None checks without them.
        trust: what the checker brings along.
        on_leaves: told how many leaves are done.

    Raises:
        NotClean: something does not come out.
        psycopg.Error: the database cannot be read.
    """
    with audit.database_source(url) as source:
        try:
            return _check(source, each, store, trust, on_leaves)
        except (BrokenChain, *_UNREADABLE) as error:
            raise NotClean from error


def _check(
    source: DatabaseSource,
    each: Each,
    store: TileStore | None,
    trust: Trust,
    on_leaves: Callable[[int], None] | None,
) -> Summary:
    heads = _heads(source, trust)
    newest = source.newest()
    signed = 0 if newest is None else Checkpoint.parse(text_of(newest)).size
    size = source.size()
    sizes = [head.checkpoint.size for head in heads]
    if size == 0 or max(sizes, default=0) > size:
        raise NotClean
    folder = store.folder if store else None
    swept = sweep(each, size, signed=signed, sizes=sizes, tiles_in=folder, on_leaves=on_leaves)
    keys = _keys(source, swept, trust)
    for head in heads:
        _check_head(head, swept, keys, trust)
    _check_receipts(source, swept, keys, trust)
    return _summary(swept, heads, signed)


def _heads(source: DatabaseSource, trust: Trust) -> list[Head]:
    """Every checkpoint that was published, and what the checker holds.

    Raises:
        NotClean: one cannot be read, or they come in no order.
    """
    found = Heads(source.checkpoints(), trust.checkpoints, trust.marks).rest()
    return [head if isinstance(head, Head) else _refuse(head) for head in found]


def _refuse(finding: Finding) -> NoReturn:
    raise NotClean(finding.code)


def _keys(source: DatabaseSource, swept: Swept, trust: Trust) -> _Keys:
    """The keys that the ledger's first event names, and those that were put in their place.

    A rotation that the database hides can only make a later checkpoint look unsigned, and one that
    it makes up bears no signature of the key before.
    """
    first, opening = next(iter(source.entries())), next(iter(source.openings()))
    leaf = parse_leaf(first)
    judge = Judge(Summary(), trust.acts)
    if leaf.hash() != swept.first or judge.judge(leaf, opening) or not judge.log_keys:
        raise NotClean
    if trust.ledger not in (None, swept.first) or opening.header is None:
        raise NotClean
    log = [(0, judge.log_keys[0])]
    for index, header, body in source.record(parse_header(opening.header).stream):
        if parse_header(header).type == KEY_ROTATED:
            new = next_log_key(split_body(body), ledger=swept.first, old=log[-1][1])
            log.append((index, new))
    known = {key for _, key in log}
    if trust.log_keys and known.isdisjoint(trust.log_keys):
        raise NotClean
    return _Keys(log, judge.receipt_key)


def _check_head(head: Head, swept: Swept, keys: _Keys, trust: Trust) -> None:
    """A checkpoint's root, its origin, and its signature by the keys of that size."""
    size = head.checkpoint.size
    if (swept.roots[size] if size else merkle.EMPTY_ROOT) != head.checkpoint.root:
        raise NotClean
    if head.note is not None:
        known = [*(key for since, key in keys.log if since < size), *trust.log_keys]
        note.open_note(head.note, dict.fromkeys(known))
    if head.checkpoint.origin != keys.log[0][1].name:
        raise NotClean


def _check_receipts(source: DatabaseSource, swept: Swept, keys: _Keys, trust: Trust) -> None:
    for data in trust.receipts:
        if keys.receipts is None:
            raise NotClean
        receipt = open_receipt(data, [keys.receipts])
        # The stored hash of every leaf is what came out.
        stored = source.leaf_hash(receipt.index) if receipt.index < swept.size else None
        if receipt.ledger != swept.first or receipt.leaf_hash != stored:
            raise NotClean


def _summary(swept: Swept, heads: list[Head], signed: int) -> Summary:
    size = swept.size
    summary = Summary(size=size, leaves=size, headers=size, bodies=size, tiles=swept.tiles)
    summary.checkpoints = sum(head.note is not None for head in heads)
    summary.skip("only_bytes_and_tree", 0, size)
    due = sum(1 for _ in tiles.full_tiles(old_size=0, new_size=signed))
    if due > swept.tiles:
        summary.skip("tile_not_given", 0, due - swept.tiles)
    if signed < size:
        summary.skip("leaf_not_signed", signed, size - signed)
    return summary
