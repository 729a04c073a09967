"""The short roads answer as the framework's routes do, and are counted under the same names."""

import re

import httpx2
import pytest

from infrastructure.proofs import codes
from tests.api.asking import issued
from tests.api.talking import Wire, refusal
from tests.serving import Agency

ISSUE, VERIFY = "/v1/certificates", "/v1/verify/{code}"


def counted(wire: Wire, route: str, status: int) -> float:
    """How many requests the metrics of all workers count."""
    wanted = (
        rf'sijill_http_requests_total{{[^}}]*route="{re.escape(route)}",status="{status}"}} (\S+)'
    )
    return sum(float(number) for number in re.findall(wanted, wire.get("/metrics").text))


@pytest.mark.parametrize(
    "method,path,status",
    [
        ("PUT", "/v1/certificates", 405),
        ("DELETE", "/v1/verify/ABC", 405),
        ("GET", "/v1/verify/", 404),
        ("GET", "/v1/verify/a/b", 404),
        ("POST", "/v1/certificates/", 404),
    ],
)
def test_what_is_near_a_short_road_is_answered_by_the_framework(
    wire: Wire, method: str, path: str, status: int
) -> None:
    assert wire.http.request(method, path).status_code == status


def test_both_are_counted_under_their_routes(wire: Wire, agency: Agency) -> None:
    before = counted(wire, ISSUE, 201), counted(wire, VERIFY, 200)

    code = issued(agency)
    wire.verdict(code)

    assert (counted(wire, ISSUE, 201), counted(wire, VERIFY, 200)) == (before[0] + 1, before[1] + 1)


def test_a_refusal_on_a_short_road_is_a_problem_with_all_that_surrounds_one(wire: Wire) -> None:
    answers: list[httpx2.Response] = [wire.post(ISSUE, {}, b"{}"), wire.get("/v1/agencies/nobody")]

    assert refusal(answers[0]) == (401, "signature_missing")
    names = [set(answer.headers) - {"www-authenticate"} for answer in answers]
    assert names[0] == names[1]


def test_an_unknown_code_with_a_question_after_it_is_a_verdict(wire: Wire) -> None:
    wire.served.settle()
    answer = wire.get(f"/v1/verify/{codes.generate().lower()}?at=tomorrow")
    assert (answer.status_code, answer.json()["reason"]) == (200, "code_unknown")
