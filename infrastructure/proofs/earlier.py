"""What an earlier check found that this one goes on from: it is told again, not forgotten."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from infrastructure.proofs.findings import Finding, Summary, Unchecked

_PASSING: Final = frozenset(
    {
        "before_start",
        "leaf_not_signed",
        "projection_not_given",
        "projection_of_other_rules",
        "receipt_not_covered",
        "receipt_signature",
    }
)
"""What could not be checked then and may be by now, or was about what the checker brought along."""


class Earlier:
    """How much was found so far, this check included, and what was found first."""

    def __init__(self) -> None:
        self._findings = 0
        self._first: tuple[str, int | None] = ("", None)

    def resume(self, said: Mapping[str, Any], summary: Summary) -> None:
        """Go on from what a check kept; what it could not check is still unchecked."""
        self._findings = said["findings"]
        code, index = said["first"]
        self._first = (code, index)
        for one in said["unchecked"]:
            summary.unchecked[one["code"]] = Unchecked(**one)

    def told(self) -> Iterator[Finding]:
        """That something was found before."""
        if self._findings:
            code, index = self._first
            yield Finding("found_earlier", index, found=f"{self._findings}: {code}")

    def keep(self, finding: Finding) -> None:
        """Remember a finding, unless it says that this is no part of the same log."""
        if finding.code == "ledger_other":
            return
        if not self._findings:
            self._first = (finding.code, finding.index)
        self._findings += 1

    def state(self, summary: Summary) -> dict[str, Any]:
        """What the next check is told, as JSON can hold it."""
        unchecked = [
            {"code": one.code, "first": one.first, "last": one.last, "count": one.count}
            for one in summary.unchecked.values()
            if one.code not in _PASSING
        ]
        return {"findings": self._findings, "first": list(self._first), "unchecked": unchecked}
