"""The address in a problem's `type` opens, for people and for programs, in their language."""

import pytest

from api.i18n import LANGUAGES, outline
from tests.api.codes_in_source import problem_codes
from tests.api.talking import Wire, refusal


@pytest.mark.parametrize("language,written", [("ar", "rtl"), ("ckb", "rtl"), ("en", "ltr")])
def test_the_type_of_a_problem_opens_as_a_page(wire: Wire, language: str, written: str) -> None:
    problem = wire.get("/v1/agencies/nobody", **{"Accept-Language": language}).json()

    page = wire.get(problem["type"], **{"Accept-Language": language, "Accept": "text/html,*/*"})

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-language"] == language
    assert {"Accept", "Accept-Language"} == set(page.headers["vary"].split(", "))
    assert f'<html lang="{language}" dir="{written}">' in page.text
    assert problem["title"] in page.text
    assert problem["code"] in page.text
    assert "<script" not in page.text


@pytest.mark.parametrize(
    "accept,json",
    [
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("application/json", True),
        ("application/problem+json, */*;q=0.1", True),
        ("text/html;q=0.5, application/json", True),
        ("text/html, application/json;q=0.9", False),
        ("application/json;q=0", False),
    ],
)
def test_programs_that_ask_for_json_get_it(wire: Wire, accept: str, *, json: bool) -> None:
    answer = wire.get("/problems/order_expired", **{"Accept": accept, "Accept-Language": "en"})

    assert answer.status_code == 200
    assert ("application/json" in answer.headers["content-type"]) == json
    if json:
        assert answer.json() == {
            "type": "/problems/order_expired",
            "code": "order_expired",
            "title": "The order has expired",
            **{
                part: outline("en", f"problem.order_expired.{part}")
                for part in ("detail", "advice")
            },
        }


@pytest.mark.parametrize("code", ["no_such_code", "Order_Expired", "%3Cb%3E", "a" * 5_000])
def test_a_code_that_there_is_not_is_not_found(wire: Wire, code: str) -> None:
    assert refusal(wire.get(f"/problems/{code}")) == (404, "not_found")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_a_page_that_leaves_values_open(language: str) -> None:
    for code in problem_codes():
        for part in ("title", "detail", "advice"):
            text = outline(language, f"problem.{code}.{part}")
            assert text
            assert "{" not in text
