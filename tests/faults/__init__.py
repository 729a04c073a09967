"""Faults under load, and the one check that every round ends with.

    service.py   a founded ledger that is served, killed, and served again at the same address
    load.py      several agencies' clients that issue and revoke, singly and in bulk, without rest
    journal.py   what one client sent and what it was answered, on disk before anything follows
    check.py     the end of every round, from the journals: `check(service, load)`
    kills.py     kill -9 of one role, and of whatever stands at a fault point
    cutting.py   a go-between that cuts connections in the middle of a request or an answer
    hostile.py   callers by the thousand who mean no good, and honest ones among them
    again.py     full disks, stepped clocks, two hosts, restored backups, again and again
    soak.py      all of it by turns for a long time: `make soak`

A round of another kind of fault needs no more than this:

    with Service.founded(folder) as service:
        load = Load(service, folder / "clients", seed=7)
        with load.running():
            load.progress(50)       # acknowledged events from here on
            ...                     # the fault
            load.progress(50)       # and it goes on
        check(service, load)        # raises Broken, with everything that does not hold

A check may stand between rounds; load and service go on after it, and it looks at all rounds since
the ledger was founded.
"""
