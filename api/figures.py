"""Figures that a statement gives and that only the read model knows: counted again before.

The domain judges records one by one and cannot count. What is checked here is of a moment that has
passed, so it stays as it is: whoever audits the log counts the same.
"""

from functools import partial

from api.orders import now_us
from api.problems import Problem
from api.registers import found_in
from api.reports import issued
from api.services import Services
from api.threads import off_loop
from api.work import Work
from domain.errors import RegisterCountWrong, ReportDigestWrong
from domain.registers import CountRegister
from domain.reports import PublishReport
from projections import freshness, registers, reports
from projections.register_report import Reporter

PATIENCE_SECONDS = 5.0


async def check(services: Services, work: Work) -> None:
    """Return where every figure in these statements is right.

    What is wrong with a figure says what is right, so whoever may not order it is told that first.

    Raises:
        Refusal: the order would be refused whatever its figures are.
        RegisterCountWrong: a register holds other numbers than was signed.
        ReportDigestWrong: a report's figures have another digest.
        NoReadModel: there is none of this release's.
        Problem: `status_stale`, it cannot be counted yet; `report_too_long`, nobody is told it.
    """
    for number, command in work.commands.items():
        if isinstance(command, CountRegister | PublishReport):
            await off_loop(partial(_rehearse, services, work, number))
        if isinstance(command, CountRegister):
            await _check_count(services, command)
        elif isinstance(command, PublishReport):
            await _check_report(services, command)


def _rehearse(services: Services, work: Work, number: int) -> None:
    signed = work.signed(number, now=now_us(), size=services.size)
    statement = work.lines[number].statement
    services.ledger.rehearse(work.commands[number], statement, signed, services.directory)


async def _check_report(services: Services, command: PublishReport) -> None:
    if command.at >= services.size:
        # The domain says that this is to come.
        return
    if not await services.followed(command.at + 1, PATIENCE_SECONDS):
        raise Problem("status_stale")
    narrowed = reports.Narrowed(command.subject, command.type, command.from_day, command.to_day)
    async with services.pool.connection() as connection:
        await freshness.status(connection)
        rows = await issued(connection, narrowed, at=command.at)
    right = await off_loop(partial(reports.digest, rows, narrowed, at=command.at), lines=len(rows))
    if right != command.digest:
        raise ReportDigestWrong(at=command.at)


async def _check_count(services: Services, command: CountRegister) -> None:
    if not await services.followed(services.size, PATIENCE_SECONDS):
        raise Problem("status_stale")
    async with services.pool.connection() as connection:
        await freshness.status(connection)
        book = await registers.show(connection, command.register, incoming=command.incoming)
        if book is None or book.closed_index is None:
            # The domain says that it is not closed.
            return
        found = await found_in(
            connection,
            command.register,
            Reporter(None),
            incoming=command.incoming,
            at=book.closed_index,
        )
    if (found.given, found.voided.count) != (command.given, command.voided):
        raise RegisterCountWrong(given=found.given, voided=found.voided.count)
