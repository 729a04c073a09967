"""The act table and the catalogue, as far as whoever checks evidence needs them."""

import domain
from domain.acts import ACTS, Act
from domain.catalogue import TYPES
from infrastructure.proofs.acts import ActRule


def act_rules() -> dict[str, ActRule]:
    """What each act becomes, where it may be posted, and who signs it."""
    assert domain.__all__  # noqa: S101 - importing the package is what fills the table
    return {name: _rule(command.ACT) for name, command in ACTS.items()}


def two_officers() -> frozenset[str]:
    """The types of certificates that two officers sign."""
    return frozenset(name for name, one in TYPES.items() if one.officers > 1)


def _rule(act: Act) -> ActRule:
    return ActRule(
        act.event,
        act.path,
        act.bulk_path,
        scope=act.scope.value,
        cosigning=act.cosigning.value,
        standings=frozenset(one.value for one in act.standings),
        founders_only=act.founders_only,
    )
