"""Figures that a statement gives and that only the read model knows: counted again before.

The domain judges records one by one and cannot count. What is checked here is of a moment that has
passed, so it stays as it is: whoever audits the log counts the same.
"""

from collections.abc import Iterable

from api.problems import Problem
from api.services import Services
from domain.acts import Command
from domain.catalogue.calendar import CALENDAR
from domain.errors import RegisterCountWrong
from domain.registers import CountRegister
from projections import register_report, registers

PATIENCE_SECONDS = 5.0


async def check(services: Services, commands: Iterable[Command]) -> None:
    """Return where every figure in these statements is right.

    Raises:
        RegisterCountWrong: a register holds other numbers than was signed.
        Problem: `status_stale`, it cannot be counted yet.
    """
    for command in commands:
        if isinstance(command, CountRegister):
            await _check_count(services, command)


async def _check_count(services: Services, command: CountRegister) -> None:
    if not await services.applied.reach(services.size, PATIENCE_SECONDS):
        raise Problem("status_stale")
    async with services.pool.connection() as connection:
        book = await registers.show(connection, command.register)
        if book is None or book.closed_index is None:
            # The domain says that it is not closed.
            return
        rows = await registers.numbers(connection, command.register, at=book.closed_index)
    found = register_report.report(rows, CALENDAR, late_days=0)
    if (found.given, len(found.voided)) != (command.given, command.voided):
        raise RegisterCountWrong(given=found.given, voided=len(found.voided))
