"""Work ends when its client goes, and a cancellation of the server's stays one."""

from __future__ import annotations

import asyncio

import pytest

from gateway.edge import hangup
from tests.edge.asgi import receiving


async def until_hangup(receive, work, longest_s=3_600.0):
    return await hangup.until_hangup(receive, work, longest_s=longest_s)


class Work:
    """Runs until it is told to end; notes how it ended."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.was_cancelled = False
        self.has_cleaned_up = False

    async def run(self) -> None:
        try:
            self.begun.set()
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        finally:
            self.has_cleaned_up = True


async def test_work_that_ends_first_is_whole():
    work = Work()
    work.go_on.set()

    assert await until_hangup(receiving(), work.run())
    assert not work.was_cancelled


async def test_a_client_that_goes_ends_the_work_at_once():
    work = Work()

    assert not await until_hangup(receiving(then="http.disconnect"), work.run())
    assert work.was_cancelled
    assert work.has_cleaned_up
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0, "nobody above hears of it"


async def test_more_of_a_body_is_no_hang_up():
    work = Work()
    work.go_on.set()

    assert await until_hangup(receiving(b"more", b"of it"), work.run())


async def test_the_servers_own_cancellation_goes_on():
    work = Work()
    task = asyncio.create_task(until_hangup(receiving(b""), work.run()))
    await work.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.has_cleaned_up


async def test_of_two_cancellations_at_once_the_servers_counts():
    work, goes = Work(), asyncio.Event()

    async def receive():
        await goes.wait()
        return {"type": "http.disconnect"}

    task = asyncio.create_task(until_hangup(receive, work.run()))
    await work.begun.wait()
    await asyncio.sleep(0)
    goes.set()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_work_stays_what_it_is():
    async def fails():
        raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"):
        await until_hangup(receiving(b""), fails())


async def test_no_task_is_left():
    before = asyncio.all_tasks()
    work = Work()
    await until_hangup(receiving(then="http.disconnect"), work.run())
    work.go_on.set()
    await until_hangup(receiving(b""), Work.run(work))
    await asyncio.sleep(0)

    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("goes_later", [False, True])
async def test_a_client_that_neither_reads_nor_goes_is_given_up_in_the_end(goes_later):
    gone = asyncio.Event()

    async def receive():
        await gone.wait()
        return {"type": "http.disconnect"}

    work = Work()
    if goes_later:
        asyncio.get_running_loop().call_later(0, gone.set)

    assert not await until_hangup(receive, work.run(), longest_s=0)
    assert work.was_cancelled
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0, "it was cancelled once, and nobody above hears of it"
