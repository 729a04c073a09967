"""Orders about certificates of the agency `moj`, as short as a test would say them."""

from typing import Any

from domain.certificates import Certificate
from domain.ledger import Record
from tests.given_when_then import Order, Scenario, claims, code, digest, key_of, on_certificate


def certificate(scenario: Scenario, name: str) -> Certificate:
    """The record that the code of this name leads to."""
    record: Record = scenario.world.ledger.repository.get(scenario.world.claims["code", code(name)])
    assert isinstance(record, Certificate)
    return record


def suspend(name: str, **more: Any) -> Order:
    """The agency suspends it."""
    return on_certificate("suspend", name, reason="under_review", **more)


def reinstate(name: str) -> Order:
    """The agency reinstates it."""
    return on_certificate("reinstate", name, reason="review_passed")


def revoke(name: str, **more: Any) -> Order:
    """The agency revokes it."""
    return on_certificate("revoke", name, reason="decision", legal_basis="order:22/2020", **more)


def annul(name: str, **more: Any) -> Order:
    """Two officers of moj annul its revocation."""
    asked = on_certificate("annul_revocation", name, reason="revoked_in_error", **more)
    return asked.also_by("moj-2")


def correct(name: str, new: str, **more: Any) -> Order:
    """The agency makes the next edition, with the code of another name."""
    fields = claims("holder_name", "supported_fact")
    asked: dict[str, Any] = {"reason": "clerical_error", "new_code": code(new), "language": "ckb"}
    return on_certificate("correct", name, **{**asked, "claims": fields, **more})


def another(name: str, new: str, **more: Any) -> Order:
    """The agency makes a further original."""
    return on_certificate("original", name, **{"new_code": code(new), "claims": claims(), **more})


def replaced(name: str, new: str, **more: Any) -> Order:
    """The agency replaces a lost original."""
    asked: dict[str, Any] = {"reason": "lost", "new_code": code(new), "claims": claims()}
    return on_certificate("replace", name, **{**asked, **more})


def void(name: str) -> Order:
    """The agency strikes the entry."""
    return on_certificate("void", name, reason="entered_in_error")


def supersede(name: str, by: str) -> Order:
    """The agency lets another certificate take its place."""
    return on_certificate("supersede", name, reason="renewed", by=code(by))


def erase(name: str) -> Order:
    """Two officers of moj erase its values."""
    return on_certificate("erase", name).also_by("moj-2")


def credential(name: str, key: str = "moj", **more: Any) -> Order:
    """The agency records a credential that one of its keys signed."""
    committed = {"credential": digest("claim", "credential", name)}
    asked: dict[str, Any] = {"key": key_of(key), "claims": committed}
    return on_certificate("credential", name, **{**asked, **more})


def reaffirm(name: str) -> Order:
    """The agency stands by it."""
    return on_certificate("reaffirm", name)
