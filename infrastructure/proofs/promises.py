"""The receipts that a checker kept: what the log promised somebody must be in it."""

from collections.abc import Iterator, Sequence

from infrastructure.proofs.before import Before
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.findings import Finding, Summary
from infrastructure.proofs.note import VerifierKey
from infrastructure.proofs.receipts import Receipt, open_receipt


class Promises:
    """Receipts by index, until the walk has met their leaves."""

    def __init__(self, kept: Sequence[bytes], summary: Summary) -> None:
        self._unread = list(kept)
        self._summary = summary
        self._waiting: dict[int, list[Receipt]] = {}

    def open(self, ledger: bytes, key: VerifierKey | None, before: Before) -> Iterator[Finding]:
        """Read them under the key of this ledger; those from before the walk are met at once."""
        behind: list[Receipt] = []
        for data in self._unread:
            if key is None:
                self._summary.skip("receipt_signature", 0)
                continue
            try:
                receipt = open_receipt(data, [key])
            except ProofError as error:
                yield Finding.of(error, None)
                continue
            if receipt.ledger != ledger:
                yield Finding("ledger_other", receipt.index, receipt.ledger.hex(), ledger.hex())
            elif receipt.index < before.size:
                behind.append(receipt)
            elif receipt.index == 0:
                if receipt.leaf_hash != ledger:
                    yield Finding("receipt_broken", 0, receipt.leaf_hash.hex(), ledger.hex())
            else:
                self._waiting.setdefault(receipt.index, []).append(receipt)
        # In the order of the leaves each tile is read once.
        for receipt in sorted(behind, key=lambda one: one.index):
            yield from before.receipt(receipt)

    def met(self, index: int, leaf_hash: bytes) -> Iterator[Finding]:
        """Those for the leaf that the walk has met."""
        for receipt in self._waiting.pop(index, ()):
            if receipt.leaf_hash != leaf_hash:
                yield Finding("receipt_broken", index, receipt.leaf_hash.hex(), leaf_hash.hex())

    def rest(self, size: int, covered: int | None) -> Iterator[Finding]:
        """Those for leaves that were not met: lost, or beyond what is shown so far.

        From ``covered`` on, where that is given, leaves may be there and are kept back.
        """
        for index in sorted(self._waiting):
            if covered is not None and index >= covered:
                self._summary.skip("receipt_not_covered", index)
                continue
            expected = self._waiting[index][0].leaf_hash.hex()
            yield Finding("receipt_broken", index, expected, f"{size} leaves")
