"""The fold of a journal: each step stands where its last word puts it, and what was done once stays done."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.journal import Event, Progress, Record, fold

S, OK, F, U, K = Event.SENT, Event.SUCCEEDED, Event.FAILED, Event.UNKNOWN, Event.SKIPPED


def record(step: str, event: Event, at: int = 0, remote_id: str | None = None) -> Record:
    return Record(step_id=step, address="product.pro", event=event, at=at, attempt=at, remote_id=remote_id)


def place(progress: Progress, step: str) -> list[str]:
    """Name every place in which a step is."""
    named = {"done": {*progress.done}, "in doubt": {*progress.in_doubt}, "failed": {*progress.failed}}
    return [name for name, steps in named.items() if step in steps]


@pytest.mark.parametrize(
    ("events", "stands"),
    [
        ([], []),
        ([K], []),
        ([K, K], []),
        ([S], ["in doubt"]),
        ([S, U], ["in doubt"]),
        ([S, OK], ["done"]),
        ([S, F], ["failed"]),
        ([F], ["failed"]),
        ([OK], ["done"]),
        ([S, S], ["in doubt"]),
        ([S, U, S], ["in doubt"]),
        ([S, U, OK], ["done"]),
        ([S, U, F], ["failed"]),
        ([S, U, S, OK], ["done"]),
        ([S, F, S], ["in doubt"]),
        ([S, F, S, OK], ["done"]),
        ([S, F, S, F], ["failed"]),
        ([S, OK, S], ["done"]),
        ([S, OK, S, F], ["done"]),
        ([S, OK, F], ["done"]),
        ([F, OK], ["done"]),
        ([S, K], ["in doubt"]),
        ([S, OK, K], ["done"]),
        ([S, F, K], ["failed"]),
        ([K, S, OK], ["done"]),
        ([S, U, K, S, K, OK], ["done"]),
    ],
)
def test_a_step_stands_where_its_last_word_puts_it(events: list[Event], stands: list[str]) -> None:
    assert place(fold(record("a", e, n) for n, e in enumerate(events)), "a") == stands


@pytest.mark.parametrize("length", range(5))
def test_in_every_order_of_events_a_step_is_in_one_place_and_skips_say_nothing(length: int) -> None:
    for events in product(Event, repeat=length):
        folded = fold(record("a", e) for e in events)
        said = [e for e in events if e is not K]
        assert len(place(folded, "a")) == min(len(said), 1)
        if said:
            last = OK if OK in said else said[-1]
            assert place(folded, "a") == place(fold([record("a", last)]), "a")


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(Event))))
def test_steps_do_not_meddle_with_each_other(words: list[tuple[str, Event]]) -> None:
    records = [record(step, event, n) for n, (step, event) in enumerate(words)]
    together = fold(records)
    for step in "abc":
        alone = fold(r for r in records if r.step_id == step)
        assert place(together, step) == place(alone, step)
        assert together.in_doubt.get(step) == alone.in_doubt.get(step)


def test_what_is_in_doubt_or_failed_keeps_its_last_record() -> None:
    first, again, failed = record("a", S, 0), record("a", U, 1), record("b", F, 2)
    progress = fold([first, again, failed])
    assert progress.in_doubt == {"a": again}
    assert progress.failed == {"b": failed}


def test_what_is_done_keeps_the_id_of_its_object() -> None:
    progress = fold([record("a", OK, remote_id="prod_1"), record("b", OK), record("c", OK, remote_id="x")])
    assert progress.done == {"a": "prod_1", "b": "", "c": "x"}
