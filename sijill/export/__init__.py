"""A log taken away: a folder of files that verify without the service, its database or its network.

    checkpoint            the newest checkpoint, a signed note; written last
    checkpoints.ndjson    every published checkpoint, a line each, as `/log/checkpoints` lists them
    ledger.json           which ledger it is, as `/v1/ledger` answers
    tile/LEVEL/N[.p/W]    hash tiles           } as C2SP tlog-tiles names them: any web server that
    tile/entries/N[.p/W]  bundles of leaves    } serves the folder is a log for any C2SP client
    openings/N[.p/W].json what was opened of the leaves of the bundle with the same number

An openings file is the `openings` and `orders` of `/v1/log/openings` (ledger-format, section 15)
for those indexes, with one difference: an order stands only in the file that holds its first event.
The other form, `ndjson`, has `events.ndjson` instead of tiles and openings: an event a line, with
its leaf, and with its order's evidence where it is the order's first.
"""
