"""Queues: bounded, for many threads."""

from __future__ import annotations

import threading

from arlen_otel.queues import Queue


def test_what_was_put_together_comes_together():
    """In the order in which it came, about a batch at a time."""
    queue = Queue(limit=10, batch=3)
    for each in (["a"], ["b", "c", "d"], ["e"]):
        assert queue.put(each)
    assert (["a", "b", "c", "d"], ["e"], []) == (queue.take(), queue.take(), queue.take())


def test_the_newest_are_dropped():
    """What does not fit is lost whole and counted; what waits stays."""
    queue = Queue(limit=3, batch=10)
    assert [True, False, True] == [queue.put(each) for each in (["a", "b"], ["c", "d"], ["e"])]
    assert (3, {"queue_full": 2}, ["a", "b", "e"]) == (queue.size, queue.dropped, queue.take())
    assert queue.put(["f", "g", "h"])


def test_waiting_ends_when_there_is_a_batch():
    """Long before the interval is over."""
    queue, done = Queue(limit=10, batch=2), threading.Event()

    def waits():
        queue.wait(60)
        done.set()

    thread = threading.Thread(target=waits)
    thread.start()
    queue.put(["a", "b"])
    assert done.wait(20)
    thread.join()


def test_waiting_ends_after_the_interval():
    """With less than a batch."""
    queue = Queue(limit=10, batch=5)
    queue.put(["a"])
    queue.wait(0.001)
    assert ["a"] == queue.take()


def test_hurrying_ends_all_waiting():
    """That goes on, and that would begin, also after something was taken."""
    queue = Queue(limit=10, batch=5)
    threads = [threading.Thread(target=queue.wait, args=(60,)) for _ in range(3)]
    for each in threads:
        each.start()
    queue.hurry()
    for each in threads:
        each.join(20)
        assert not each.is_alive()
    assert [] == queue.take()
    queue.wait(60)


def test_what_waits_can_be_cleared():
    """And is counted by reason."""
    queue = Queue(limit=10, batch=5)
    queue.put(["a", "b"])
    assert (2, 0, [], 0) == (queue.clear("stopped"), queue.size, queue.take(), queue.clear("stopped"))
    queue.drop(3, "export")
    assert {"stopped": 2, "export": 3} == queue.dropped


def test_renewing_forgets_what_waits():
    """And takes new locks, for those of a forked process may be held by nobody."""
    queue = Queue(limit=10, batch=5)
    queue.put(["a"])
    queue.hurry()
    queue._lock.acquire()
    queue.renew()
    assert ([], True) == (queue.take(), queue.put(["b"]))


def test_many_threads_lose_nothing():
    """What was taken and what was dropped is all that was put."""
    queue, taken, over = Queue(limit=500, batch=50), [], threading.Event()

    def puts(name):
        for number in range(500):
            queue.put([(name, number), (name, -number)])

    def takes():
        while not over.is_set() or queue.size:
            queue.wait(0.001)
            taken.extend(queue.take())

    taker = threading.Thread(target=takes)
    taker.start()
    putters = [threading.Thread(target=puts, args=(name,)) for name in range(4)]
    for each in putters:
        each.start()
    for each in putters:
        each.join()
    over.set()
    queue.hurry()
    taker.join()
    assert (4 * 1000, 0) == (len(taken) + queue.dropped["queue_full"], queue.size)
    for name in range(4):
        numbers = [number for own, number in taken if own == name and number > 0]
        assert sorted(numbers) == numbers
