"""Who reads the records of a body that is no more, or of a series that it gave away."""

from collections.abc import Iterable
from functools import partial

from api.desk import lookup_space
from api.policy import AUDIT, Caller
from api.problems import Problem
from api.services import Services
from api.threads import off_loop
from domain.errors import AgencyUnknown
from domain.values.comparison import fold_value
from projections import agencies
from projections.certificates import Certificate


async def succeeds(
    services: Services, who: Caller, agency: str, unit: str | None, series: str | None
) -> bool:
    """Whether the caller's agency answers for a series of another, or for all of it."""
    asked = partial(services.ledger.responsible, agency, unit, series, services.directory)
    try:
        return await off_loop(asked) == who.agency
    except AgencyUnknown:
        return False


async def is_own(services: Services, who: Caller, row: Certificate | None) -> bool:
    """Whether the caller's agency issued a certificate, or answers for it now."""
    if row is None or who.agency is None:
        return False
    return who.agency == row.agency or await succeeds(
        services, who, row.agency, row.unit, row.series
    )


async def kept(
    services: Services, who: Caller, agency: str, places: Iterable[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Those units and series of an agency whose rows the caller may list: none that went away."""
    asked = set(places)
    if agency == who.agency or AUDIT in who.scopes:
        return asked
    return {one for one in asked if await succeeds(services, who, agency, *one)}


async def owner_of(
    services: Services,
    who: Caller,
    agency: str | None,
    unit: str | None = None,
    series: str | None = None,
) -> str:
    """Whose records are read: one's own, or a body's that one has succeeded there.

    An auditor names any agency.

    Raises:
        Problem: `agency_unknown`, also where there is one that is not the caller's to read.
    """
    if agency is None or agency == who.agency:
        return who.agency or ""
    if AUDIT in who.scopes or await succeeds(services, who, agency, unit, series):
        return agency
    raise Problem("agency_unknown", agency=agency)


async def looked_up(
    services: Services, owner: str, field: str, value: str
) -> tuple[list[str], list[bytes]]:
    """The spaces in which a value of a body's records may lie, and its look-up in each.

    Whoever acted wrote it into its own: the body itself, or any of those that followed it.
    """
    await services.caught_up()
    async with services.pool.connection() as connection:
        spaces = [lookup_space(one, field) for one in await agencies.heirs(connection, owner)]
    return spaces, [services.vault.lookup(space, fold_value(value)) for space in spaces]
