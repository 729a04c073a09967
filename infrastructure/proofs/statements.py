"""The tree over the statements of one order: what a signature covers when it covers many lines.

An order signs the RFC 6962 root over its lines' statements, so one signature serves a bulk and any
single line can be shown with its audit path, without its neighbours. A single order is a tree of
one leaf, whose root is the statement's digest and whose path is empty.
"""

from collections.abc import Sequence

from infrastructure.proofs import merkle


def statement_root(digests: Sequence[bytes]) -> bytes:
    """The root over statement digests (:func:`canonical.statement_digest`) in line order."""
    return merkle.root(digests)


def statement_path(digests: Sequence[bytes], line: int) -> list[bytes]:
    """The audit path of ``line`` (from 0) among ``digests``, sibling of the leaf first.

    Raises:
        ProofError: ``proof_out_of_range`` when there is no such line.
    """

    def subtree(level: int, n: int) -> bytes:
        return merkle.root(digests[n << level : (n + 1) << level])

    return merkle.inclusion_proof(index=line, size=len(digests), get=subtree)


def verify_statement_path(
    digest: bytes, *, line: int, lines: int, path: Sequence[bytes], root: bytes
) -> None:
    """Return when the statement with ``digest`` is line ``line`` of the ``lines`` under ``root``.

    Raises:
        ProofError: ``inclusion_invalid``.
    """
    merkle.verify_inclusion(leaf_hash=digest, index=line, size=lines, proof=path, root=root)
