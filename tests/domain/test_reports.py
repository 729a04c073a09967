"""Who stands by figures of the past."""

from typing import Any

from tests.given_when_then import Order, digest, given, issue, linked, order


def publish(agency: str = "ndc", **members: Any) -> Order:
    figures = {"report": "issuance", "at": 0, "digest": digest("figures")}
    return order("report.publish", agency, **{**figures, **members})


def test_an_authority_publishes_figures_of_a_past_index() -> None:
    given(linked("moj"), issue("a")).when(publish(at=5, type="degree", subject="moj")).then(
        "sijill.report.published.v1"
    )


def test_the_future_is_not_reported() -> None:
    scenario = given(linked("moj"))
    size = scenario.world.size
    scenario.when(publish(at=size)).refused("report_in_future", at=size, ledger_size=size)
    scenario.when(publish(at=size - 1)).then("sijill.report.published.v1")


def test_who_may_not_publish_and_what_is_no_report() -> None:
    scenario = given(linked("moj"))
    scenario.when(publish("moj")).refused("scope_missing")
    scenario.when(publish(type="no_such_type")).refused("type_unknown")
    for wrong in ({"digest": "short"}, {"report": "weather"}, {"from_day": "yesterday"}):
        scenario.when(publish(**wrong)).refused("statement_invalid")
