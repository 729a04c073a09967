"""What a client tells its caller when an order or a question did not end well."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

NOT_A_LEDGER: Final = "not_a_ledger"
OUT_OF_TIME: Final = frozenset({"order_expired", "order_in_future"})


class Refused(Exception):
    """This very request is refused: `problem` is an RFC 9457 object, `code` the stable code.

    Not every refusal is for good, and not every one is the ledger's: see its properties.
    """

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{problem.get('code')}: {problem.get('detail', '')}")
        self.problem = dict(problem)
        self.code = str(problem.get("code", "internal"))
        status = problem.get("status")
        self.status = status if isinstance(status, int) else 500

    @property
    def foreign(self) -> bool:
        """Whether something between answered, a proxy or a portal: the ledger was not reached."""
        return self.code == NOT_A_LEDGER

    @property
    def judged(self) -> bool:
        """Whether the ledger judged the request. Else it may have been recorded before."""
        failed = self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return not self.foreign and not failed and self.status != HTTPStatus.TOO_MANY_REQUESTS

    @property
    def out_of_time(self) -> bool:
        """Whether it is only its signature's time: it is not recorded, and may be signed anew."""
        return self.code in OUT_OF_TIME

    @property
    def final(self) -> bool:
        """Whether it is refused however often it is signed anew, and sent."""
        return self.judged and not self.out_of_time


class Late(Refused):
    """Lines of a bulk came too late: they are not recorded, and may be signed anew.

    `answers` is what every line was answered, those that were recorded before among them; `lines`
    are the numbers of those that were late.
    """

    def __init__(self, answers: Sequence[dict[str, Any]], lines: Sequence[int]) -> None:
        super().__init__(answers[lines[0]]["problem"])
        self.answers = list(answers)
        self.lines = list(lines)

    @property
    def answered(self) -> list[dict[str, Any]]:
        """What the other lines were answered: nothing changes that any more."""
        return [one for line, one in enumerate(self.answers) if line not in set(self.lines)]


class Unreachable(Exception):
    """No answer, or only answers that say *not now*, through all tries. The request is journaled.

    `problem` is the ledger's last such answer, None when there was silence, or a proxy's word.
    `order` tells whether an order was sent, and not a question.
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
