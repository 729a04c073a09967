"""Pages for people: check a document, look into the log; in three languages, without JavaScript.

Every page says what the interface for programs says, because it asks the same functions. What
people bring (a code, what stands on a paper, a photograph) is answered and forgotten: nothing of it
stands in an address that a page makes, in a log line or on a disk.
"""

from fastapi import APIRouter

from api.pages import checking, files, logbook, picturing

router = APIRouter(include_in_schema=False)
for module in (files, checking, picturing, logbook):
    router.include_router(module.router)
