"""The Python client: what an agency's own software uses to sign, to send, and to keep answers.

It never trusts the ledger it talks to: receipts are verified before they are kept, and every newer
checkpoint must be consistent with the newest one seen. A request is journaled before it is sent
and is sent again as the same bytes, because a second signing would be a second order. Imports no
web framework.
"""

from sijill.client.connection import Client
from sijill.client.drafts import Draft
from sijill.client.errors import Late, Refused, Unreachable, Untrustworthy
from sijill.client.prepared import Prepared, commit, statement
from sijill.client.state import State
from sijill.client.trust import Identity
from sijill.client.wire import Patience

__all__ = [
    "Client",
    "Draft",
    "Identity",
    "Late",
    "Patience",
    "Prepared",
    "Refused",
    "State",
    "Unreachable",
    "Untrustworthy",
    "commit",
    "statement",
]
