"""The mirror as it is told: its status, and what a sync came to."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from reconciler.core.holder import Holder
from reconciler.core.journal import Run
from reconciler.core.mirror_status import MirrorStatus, TypeStatus
from reconciler.core.standing import Standing, Status
from reconciler.views.moments import span, when
from reconciler.views.status import render_status, render_status_json
from reconciler.views.sync import SyncEnd, render_sync, render_sync_json

Golden = Callable[[str, str], None]
NOW = 1_800_000_000
DAY = 86400
NOT_ENABLED = "Your account is not set up to use Entitlements. Ask jane.doe@example.com.\nThen try again."
GAP = "not synced for 31 days, more than events are kept for"


def told(type: str, status: Status, count: int = 0, doubts: int = 0, **more: object) -> TypeStatus:
    standing = Standing(type=type, status=status, **more)  # type: ignore[arg-type]
    return TypeStatus(type=type, table=f"{type}s", standing=standing, count=count, doubts=doubts)


READY = {"as_of": NOW - 180, "listed_at": NOW - 9 * DAY, "started_at": NOW - 9 * DAY - 4000}
TYPES = (
    told("account", Status.READY, 1, as_of=NOW - 20, listed_at=NOW - 20, started_at=NOW - 20),
    told("customer", Status.READY, 1_204_311, 3, **READY),
    told("price", Status.ERROR, 42, detail="the key lacks the permission rak_plan_read", as_of=NOW - 2 * DAY),
    told("coupon", Status.ERROR, detail="the key lacks the permission rak_coupon_read"),
    told("feature", Status.SKIPPED, detail=NOT_ENABLED),
    told("product_feature", Status.SKIPPED, detail=NOT_ENABLED),
    told("meter", Status.PENDING, 4, detail=GAP),
    told("tax_rate", Status.PENDING),
    told("subscription", Status.SYNCING, 7_000, started_at=NOW - 60),
    told("invoice", Status.READY, 88_000, created_after=NOW - 365 * DAY, **READY),
    told("credit_balance_transaction", Status.READY, 163, 1, **READY),
)
LAST = Run(
    id=3,
    account="acct_1Nv0FGQ9RKHgCVdK",
    livemode=True,
    project="acme",
    plan_digest="5f2c",
    actor="jane.doe@example.com@build-7 pid 12 (plan 5f2c)",
    started_at=NOW - 7300,
    finished_at=NOW - 7200,
    outcome="partial",
)
STATUS = MirrorStatus(
    account="acct_1Nv0FGQ9RKHgCVdK",
    livemode=True,
    now=NOW,
    types=TYPES,
    cursor=NOW - 180,
    applying=Holder(who="ada@build-7 pid 4711 (plan 90ab)", since=NOW - 65),
    last_apply=LAST,
)
EMPTY = MirrorStatus(
    account="acct_1",
    livemode=False,
    now=NOW,
    types=tuple(told(one.type, Status.PENDING) for one in TYPES),
    cursor=None,
    syncing=Holder(who="ada@build-7 pid 4712 (sync)", since=NOW - 5),
)
END = SyncEnd(
    account="acct_1Nv0FGQ9RKHgCVdK",
    livemode=True,
    types=TYPES,
    listed=("account", "invoice"),
    skipped={"feature": NOT_ENABLED, "product_feature": NOT_ENABLED},
    failed={"price": "the key lacks the permission rak_plan_read", "coupon": "no"},
    elapsed=3_725.3,
)
WHOLE = SyncEnd(account="acct_1", livemode=False, types=TYPES[:2], listed=("account",), elapsed=12.2)


@pytest.mark.parametrize(("name", "status"), [("status", STATUS), ("status_empty", EMPTY)])
@pytest.mark.parametrize("width", [80, 120])
def test_a_status_reads_as_it_did(name: str, status: MirrorStatus, width: int, golden: Golden) -> None:
    shown = render_status(status, color=False, width=width)
    golden(f"{name}_{width}.txt", shown)
    assert all(len(line) <= width for line in shown.splitlines())


@pytest.mark.parametrize(("name", "end"), [("sync_in_part", END), ("sync_whole", WHOLE)])
@pytest.mark.parametrize("width", [80, 120])
def test_the_end_of_a_sync_reads_as_it_did(name: str, end: SyncEnd, width: int, golden: Golden) -> None:
    golden(f"{name}_{width}.txt", render_sync(end, color=False, width=width))


def test_the_documents_are_what_they_were(golden: Golden) -> None:
    golden("status.json", render_status_json(STATUS))
    golden("sync.json", render_sync_json(END))


def test_a_type_in_error_has_no_age() -> None:
    document = json.loads(render_status_json(STATUS))
    ages = {one["type"]: one["age_seconds"] for one in document["types"]}
    assert ages["customer"] == 180
    assert [ages[type] for type in ("price", "coupon", "feature", "meter", "subscription")] == [None] * 5
    (line,) = (row for row in render_status(STATUS, color=False, width=120).splitlines() if row.startswith("  price "))
    assert line.split() == ["price", "error", "42"]


def test_why_a_type_is_skipped_is_said_once_and_addresses_are_hidden() -> None:
    shown = render_status(STATUS, color=False, width=120)
    assert shown.count("not set up to use Entitlements") == 1
    for text in (shown, render_status_json(STATUS), render_sync(END, color=False, width=120), render_sync_json(END)):
        assert "jane.doe" not in text
        assert "j***@example.com" in text


def test_a_listing_that_was_gone_on_with_took_no_longer_than_the_sync() -> None:
    (invoice,) = (one for one in TYPES if one.type == "invoice")
    assert END.seconds(invoice) == 3_725
    assert SyncEnd(account="a", livemode=False, types=TYPES, listed=("invoice",), elapsed=9e9).seconds(invoice) == 4_000
    assert WHOLE.seconds(invoice) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (180, "3 min"),
        (3_569, "59 min"),
        (3_571, "1 h 00 min"),
        (18_180, "5 h 03 min"),
        (2 * DAY - 60, "47 h 59 min"),
        (2 * DAY, "2 days"),
        (31 * DAY, "31 days"),
    ],
)
def test_spans_are_said_as_people_do(seconds: float, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(("seconds", "words"), [(20, "20 s"), (180, "3 min"), (7_200, "2 h"), (3 * DAY, "3 days")])
def test_ages_have_one_unit(seconds: int, words: str) -> None:
    assert when(NOW, NOW + seconds) == f"2027-01-15T08:00:00Z ({words} ago)"


def test_what_another_clock_put_into_the_future_is_now() -> None:
    assert when(NOW + 5, NOW) == "2027-01-15T08:00:05Z (0 s ago)"
