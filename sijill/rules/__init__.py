"""The rules of the record, judged again by an auditor: every event, in the state at its index.

The checker in infrastructure/proofs tells whose signatures an event bears. Whether it was permitted
is asked of those who permitted it: its noun's desk decides the statement again, over records that
are rebuilt from the events before it and from nothing else, and what it comes to must be what was
recorded. So a noun that has a desk is judged without being named here; a module of its own in this
package only says by which names its refusals are told (`sijill/rules/certificates.py`).

An order is judged by what was known at its index, and no rule needs a value that can be erased. A
rule that a later release makes stricter must let what was recorded before it pass: decision 37.
"""

from collections.abc import Mapping
from typing import Final

from infrastructure.proofs.findings import Summary
from infrastructure.proofs.remembering import Memory
from sijill.rules import authenticity, certificates, registers, registry, transfers
from sijill.rules.judging import Judging
from sijill.rules.nouns import NounRules

NOUNS: Final[Mapping[str, NounRules]] = {
    **dict.fromkeys(("ledger", "agency", "key"), registry.RULES),
    "authenticity": authenticity.RULES,
    "certificate": certificates.RULES,
    "transfer": transfers.RULES,
    "register": registers.RULES,
}
"""What is said of nouns, by the second word of their topics; of others, what `NounRules()` says."""


class Rules(Judging):
    """Judges the events of one ledger in index order; each that is judged good is learned from."""

    def __init__(self, summary: Summary, memory: Memory | None = None) -> None:
        super().__init__(summary, NOUNS, memory)
