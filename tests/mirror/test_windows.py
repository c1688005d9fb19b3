"""Windows: cut so that nothing is read twice or left out, and handed out to threads that stop when told to."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.standing import Window
from reconciler.engine.windows import Windows, divide, rest_of

FLOOR = 1000
MOMENTS = st.integers(0, 5000)


def page(newest: int, oldest: int, count: int = 100) -> list[dict[str, Any]]:
    step = (newest - oldest) / max(1, count - 1)
    return [{"id": f"x_{n}", "created": round(newest - n * step)} for n in range(count)]


def holds(window: Window, moment: int) -> bool:
    return (window.since or 0) <= moment and (window.until is None or moment < window.until)


@given(
    since=st.none() | MOMENTS,
    until=st.none() | MOMENTS,
    span=st.tuples(MOMENTS, MOMENTS),
    parts=st.integers(1, 9),
    count=st.integers(1, 100),
)
def test_parts_cover_what_is_left_and_never_overlap(
    since: int | None, until: int | None, span: tuple[int, int], parts: int, count: int
) -> None:
    oldest, newest = sorted(span)
    # A page lies within its window.
    until = None if until is None else max(until, newest + 1)
    whole = Window(since=since, until=until, id=7, listing=2, parent="cus_1")
    left = rest_of(whole, page(newest, oldest, count))
    cut = divide(left, page(newest, oldest, count), parts, FLOOR)
    assert 1 <= len(cut) <= parts
    assert (cut[0].id, cut[0].cursor, cut[0].reached) == (7, left.cursor, left.reached)
    assert all((part.id, part.cursor) == (None, "") for part in cut[1:])
    assert {(part.listing, part.parent) for part in cut} == {(2, "cus_1")}
    # Only what is as old as the page's end, or older, is left; newer parts go on after the cursor.
    reached = left.reached
    assert reached is not None
    for moment in range(0, reached + 1, 7):
        assert sum(holds(part, moment) for part in cut) == holds(left, moment)
    for edge in {part.since for part in cut} | {part.until for part in cut}:
        if edge is not None and edge <= reached:
            assert sum(holds(part, edge) for part in cut) == holds(left, edge)


def test_dense_list_is_cut_and_a_sparse_one_is_not() -> None:
    left = Window(cursor="x_99", reached=4000)
    assert len(divide(left, page(4010, 4000), 4, FLOOR)) == 4
    assert divide(left, page(8000, 4000), 4, FLOOR) == [left]
    assert divide(Window(cursor="x", reached=None), [{"id": "x"}], 4, FLOOR) == [Window(cursor="x", reached=None)]


def test_every_window_is_handed_out_once_however_many_threads_ask() -> None:
    windows = Windows([Window(id=n) for n in range(20)], threading.Event())
    taken: list[int | None] = []

    def work() -> None:
        while (window := windows.take()) is not None:
            taken.append(window.id)
            # Each of the first leaves something over.
            rest = [Window(id=window.id + 100)] if window.id is not None and window.id < 20 else []
            windows.give_back(rest)

    with ThreadPoolExecutor(8) as pool:
        for one in [pool.submit(work) for _ in range(8)]:
            one.result(timeout=10)
    assert sorted(taken, key=lambda id: id or 0) == [*range(20), *range(100, 120)]


def test_thread_that_waits_is_counted_as_wanting_and_leaves_at_a_stop() -> None:
    stop = threading.Event()
    windows = Windows([Window(id=1)], stop)
    assert windows.take() == Window(id=1)
    ended = threading.Event()

    def wait() -> None:
        assert windows.take() is None
        ended.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not windows.wanting:
        assert not ended.is_set()
    stop.set()
    assert ended.wait(5)
    waiting.join()
    assert windows.take() is None
