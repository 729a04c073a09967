import pytest

from infrastructure.log.lease import Lease, LeaseLost
from infrastructure.postgres import Role, Urls, connect_async

pytestmark = pytest.mark.anyio


async def test_one_session_holds_a_lease_and_its_end_lets_the_next_take_it(
    database: Urls,
) -> None:
    first = await connect_async(database.keeper, Role.KEEPER, autocommit=True)
    async with await connect_async(database.keeper, Role.KEEPER, autocommit=True) as second:
        lease = await Lease.take(first, "sealer", "first")
        assert lease is not None
        assert await Lease.take(second, "sealer", "second") is None
        assert await Lease.take(second, "follower", "second") is not None
        await first.close()
        taken = None
        while taken is None:  # the server notices the closed session in its own time
            taken = await Lease.take(second, "sealer", "second")
        assert taken.fence == lease.fence + 1


async def test_who_slept_through_a_change_of_hands_may_write_no_more(database: Urls) -> None:
    async with (
        await connect_async(database.keeper, Role.KEEPER, autocommit=True) as conn,
        await connect_async(database.keeper, Role.KEEPER, autocommit=True) as other,
    ):
        sleeper = await Lease.take(conn, "sealer", "sleeper")
        assert sleeper is not None
        async with conn.transaction():
            await sleeper.check(conn)
        await sleeper.release()
        holder = await Lease.take(other, "sealer", "holder")
        assert holder is not None
        with pytest.raises(LeaseLost):
            async with conn.transaction():
                await sleeper.check(conn)
        await sleeper.report("a word of the past")
        assert await Lease.state(conn, "sealer") == ""
        await holder.report("mark_missing")
        assert await Lease.state(conn, "sealer") == "mark_missing"
        assert await Lease.state(conn, "nobody") is None


async def test_nobody_can_take_a_lease_under_a_writer_that_passed_the_check(
    database: Urls,
) -> None:
    async with (
        await connect_async(database.keeper, Role.KEEPER, autocommit=True) as conn,
        await connect_async(database.keeper, Role.KEEPER, autocommit=True) as writer,
        await connect_async(database.keeper, Role.KEEPER, autocommit=True) as other,
    ):
        lease = await Lease.take(conn, "sealer", "holder")
        assert lease is not None
        await lease.release()
        await other.execute("SET lock_timeout = '50ms'")
        async with writer.transaction():
            await lease.check(writer)
            with pytest.raises(Exception, match="lock timeout"):
                await Lease.take(other, "sealer", "other")
        assert await Lease.take(other, "sealer", "other") is not None
