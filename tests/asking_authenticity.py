"""Orders about authenticity requests, as short as a test would say them. `moh` asks `moj`."""

from typing import Any

from domain.authenticity import AuthenticityRequest
from tests.given_when_then import Order, Scenario, claims, code, issue, order


def ask(name: str, agency: str = "moh", **members: Any) -> Order:
    """An agency asks about a degree of 1998 that moj is to have issued."""
    asked: dict[str, Any] = {
        "request": code(f"request {name}"),
        "due_date": "2026-11-25",
        "issuer": "moj",
        "type": "degree",
        "number": "12",
        "date": "1998-07-01",
    }
    return order("authenticity.request", agency, **{**asked, **members})


def by_code(name: str, of: str, **members: Any) -> Order:
    """It asks about the certificate that the code of another name names."""
    nothing = dict.fromkeys(("issuer", "type", "number", "date"))
    return ask(name).saying(**{**nothing, "code": code(of), **members})


def receive(name: str, of: str) -> Order:
    """The operator records what a holder asked online."""
    asked = {"request": code(f"request {name}"), "due_date": "2026-11-25", "code": code(of)}
    return order("authenticity.receive", "ndc", **asked)


def on_request(act: str, name: str, agency: str = "moj", **members: Any) -> Order:
    """An agency orders an act on a request."""
    return order(f"authenticity.{act}", agency, request=code(f"request {name}"), **members)


def refer(name: str, agency: str = "moj", to: str = "mof", **more: Any) -> Order:
    """Whoever is asked refers the request."""
    asked = {"to": to, "due_date": "2026-11-30", "reason": "register_moved", **more}
    return on_request("refer", name, agency, **asked)


def attest(name: str, finding: str = "genuine", **members: Any) -> Order:
    """The operator attests."""
    return on_request("attest", name, "ndc", finding=finding, **members)


def answer(name: str, finding: str, **members: Any) -> Order:
    """The agency that is asked answers."""
    return on_request("answer", name, finding=finding, **members)


def proof(name: str, agency: str = "moj", **members: Any) -> Order:
    """An agency issues an authenticity certificate under the code of this name."""
    about = claims("document_reference", "finding")
    return issue(name, agency, type="authenticity", claims=about, **members)


def asked(scenario: Scenario, name: str) -> AuthenticityRequest:
    """The record of a request."""
    stream = scenario.world.claims["request", code(f"request {name}")]
    record: AuthenticityRequest = scenario.world.ledger.repository.get(stream)
    return record
