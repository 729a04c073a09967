"""What happens at the same moment, in two workers: one order, and everybody is told the same."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Semaphore

from sijill.client import Refused
from tests.serving import Agency, Served, act, issuance

CALLERS = 6
BEFORE = 12


def issue(agency: Agency, **changes: str) -> int | str:
    """The index of a new issuance, or the code of its refusal."""
    client = agency.client
    try:
        answer = client.send(client.prepare("/v1/certificates", [issuance(agency.name, **changes)]))
    except Refused as refused:
        return refused.code
    return int(answer["index"])


def test_one_number_wanted_by_many_at_once_is_given_once(served: Served) -> None:
    agency = served.agency()
    together = Barrier(CALLERS)

    def want(_: int) -> int | str:
        together.wait()
        return issue(agency, number="7/2026")

    with ThreadPoolExecutor(CALLERS) as threads:
        answers = list(threads.map(want, range(CALLERS)))

    assert answers.count("number_taken") == CALLERS - 1


def test_nothing_is_issued_after_the_suspension_that_it_raced(served: Served) -> None:
    agency, founder = served.agency(), served.founder()
    issued = Semaphore(0)

    def go_on(_: int) -> list[int | str]:
        answers: list[int | str] = []
        while not answers or isinstance(answers[-1], int):
            answers.append(issue(agency))
            issued.release()
        return answers

    with ThreadPoolExecutor(CALLERS) as threads:
        working = threads.map(go_on, range(CALLERS))
        for _ in range(BEFORE):
            issued.acquire()
        path = f"/v1/agencies/{agency.name}/suspension"
        told = act(founder, path, "agency.suspend", subject=agency.name, reason="legal_order")
        answers = [answer for of_one in working for answer in of_one]

    indexes = [answer for answer in answers if isinstance(answer, int)]
    assert len(indexes) >= BEFORE
    assert max(indexes) < told["index"]
    assert {answer for answer in answers if isinstance(answer, str)} == {"agency_suspended"}
