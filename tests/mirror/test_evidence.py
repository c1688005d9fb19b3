"""What an event is worth, given how new the row is: every rule of `judge`."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.evidence import LAG_SECONDS, Verdict, judge
from reconciler.core.mirrored import Source, Version
from reconciler.core.standing import Standing, Status
from reconciler.mirrored import BY_NAME

NOW = 1_000_000
API = "2026-10-28.endive"
NEVER = Standing(type="customer")
LISTED = Standing(type="customer", status=Status.READY, started_at=NOW - 500, listed_at=NOW - 400, as_of=NOW - 500)


def event(at: int, type: str = "customer.updated", version: str | None = API, **raw: Any) -> dict[str, Any]:
    return {"created": at, "type": type, "api_version": version, "data": {"object": {"id": "x", **raw}}}


def verdict(
    told: dict[str, Any], row: Version | None = None, standing: Standing = NEVER, type: str = "customer"
) -> Verdict:
    return judge(told, BY_NAME[type], row, standing, API, NOW + 10_000)


def by_event(at: int, deleted: bool = False) -> Version:
    return Version(at=at, source=Source.EVENT, deleted=deleted)


def by_read(at: int, deleted: bool = False) -> Version:
    return Version(at=at, source=Source.READ, deleted=deleted)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (None, Verdict.TAKE),
        (by_event(NOW - 1), Verdict.TAKE),
        # Two events of one second have no order.
        (by_event(NOW), Verdict.DOUBT),
        (by_event(NOW + 1), Verdict.OLD),
        (by_read(NOW - 3), Verdict.TAKE),
        # Clocks differ by a second or two, and a list may lag.
        (by_read(NOW - 2), Verdict.DOUBT),
        (by_read(NOW), Verdict.DOUBT),
        (by_read(NOW + LAG_SECONDS), Verdict.DOUBT),
        (by_read(NOW + LAG_SECONDS + 1), Verdict.OLD),
    ],
)
def test_update_is_weighed_against_the_row(row: Version | None, expected: Verdict) -> None:
    assert verdict(event(NOW), row) is expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (None, Verdict.GONE),
        (by_event(NOW - 1), Verdict.GONE),
        # Deleted in the second of another event: which came last is not told.
        (by_event(NOW), Verdict.DOUBT),
        # Created again under the same id since.
        (by_event(NOW + 1), Verdict.OLD),
        (by_read(NOW - 3), Verdict.GONE),
        (by_read(NOW), Verdict.DOUBT),
        (by_read(NOW + LAG_SECONDS + 1), Verdict.OLD),
    ],
)
def test_deletion_is_weighed_against_the_row(row: Version | None, expected: Verdict) -> None:
    assert verdict(event(NOW, "customer.deleted"), row) is expected


@pytest.mark.parametrize(("at", "expected"), [(NOW - 1, Verdict.OLD), (NOW, Verdict.DOUBT), (NOW + 1, Verdict.DOUBT)])
def test_tombstone_yields_to_a_read_alone(at: int, expected: Verdict) -> None:
    assert verdict(event(at, "customer.created"), by_event(NOW, deleted=True)) is expected


@pytest.mark.parametrize("version", ["2020-08-27", None])
def test_payload_of_another_api_version_is_read_again(version: str | None) -> None:
    assert verdict(event(NOW, version=version), by_event(NOW - 9)) is Verdict.DOUBT
    assert verdict(event(NOW, "customer.deleted", version=version), by_event(NOW - 9)) is Verdict.GONE


def test_payload_of_a_type_that_is_listed_expanded_is_read_again() -> None:
    assert BY_NAME["price"].expand
    assert verdict(event(NOW, "price.updated"), by_event(NOW - 9), type="price") is Verdict.DOUBT


@pytest.mark.parametrize(("more", "expected"), [(True, Verdict.DOUBT), (False, Verdict.TAKE)])
def test_payload_with_lines_left_out_is_read_again(more: bool, expected: Verdict) -> None:
    told = event(NOW, "invoice.updated", lines={"data": [], "has_more": more})
    assert verdict(told, by_event(NOW - 9), type="invoice") is expected


def test_object_that_a_whole_list_did_not_show_is_read_unless_it_came_later() -> None:
    before, later = event(NOW - 450), event(NOW)
    assert verdict(before, None, LISTED) is Verdict.DOUBT
    assert verdict(later, None, LISTED) is Verdict.TAKE
    assert verdict(event(NOW - 450, "customer.deleted"), None, LISTED) is Verdict.GONE


def test_event_that_a_list_has_overtaken_is_read_again() -> None:
    """The row is from before the listing, which found it as it was; so the event is older than what was seen."""
    assert verdict(event(NOW - 450), by_event(NOW - 600), LISTED) is Verdict.DOUBT
    assert verdict(event(NOW - 700), by_event(NOW - 600), LISTED) is Verdict.OLD
    assert verdict(event(NOW), by_event(NOW - 600), LISTED) is Verdict.TAKE


def test_row_from_the_future_was_stamped_by_a_wrong_clock_and_is_read_again() -> None:
    assert judge(event(NOW), BY_NAME["customer"], by_read(NOW + 7200), NEVER, API, NOW) is Verdict.DOUBT
