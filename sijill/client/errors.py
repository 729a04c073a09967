"""What a client tells its caller when an order or a question did not end well."""

from collections.abc import Mapping
from typing import Any


class Refused(Exception):
    """The ledger refused for good: `problem` is its RFC 9457 object, `code` the stable code."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{problem.get('code')}: {problem.get('detail', '')}")
        self.problem = dict(problem)
        self.code = str(problem.get("code", "internal"))
        status = problem.get("status")
        self.status = status if isinstance(status, int) else 500


class Unreachable(Exception):
    """No answer, or only answers that say *not now*, through all tries. The request is journaled.

    `problem` is the last such answer, None when there was only silence. `order` tells whether an
    order was sent, and not a question.
    """

    code = "ledger_unreachable"

    def __init__(
        self, detail: str, problem: Mapping[str, Any] | None = None, *, order: bool = False
    ) -> None:
        super().__init__(detail)
        self.order = order
        self.problem = dict(problem) if problem else None


class Untrustworthy(Exception):
    """The ledger's word contradicts what it signed before, or what was sent.

    `evidence` is what it said. A client keeps it in its state folder, beside what it contradicts:
    both belong to an auditor.
    """

    code = "ledger_untrustworthy"

    def __init__(self, detail: str, evidence: bytes = b"") -> None:
        super().__init__(detail)
        self.evidence = evidence
