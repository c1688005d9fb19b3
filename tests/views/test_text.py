"""The plan in a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from reconciler.core.address import Address
from reconciler.core.changes import Action, Change, Drift
from reconciler.core.diagnostics import Diagnostic
from reconciler.core.fields import ChangeClass, FieldType
from reconciler.core.plan import Plan
from reconciler.core.values import Ref
from reconciler.kinds import BY_NAME
from reconciler.views.notation import part_type
from reconciler.views.text import render_text
from tests.views import samples

Golden = Callable[[str, str], None]


def shown(plan: Plan, width: int = 100) -> str:
    return render_text(plan, BY_NAME, color=False, width=width)


def with_diff(name: str, before: object, after: object, *, kind: str = "price", currency: str = "usd") -> str:
    change = Change(
        address=Address(kind, "x"),
        action=Action.UPDATE,
        change_class=ChangeClass.MONEY,
        reason="1 field differs",
        diffs=(samples.diff(name, before, after),),
        currency=currency,
    )
    return shown(Plan(header=samples.header(), changes=(change,), steps=()), 160)


@pytest.mark.parametrize(
    ("name", "plan"),
    [
        ("everything", samples.EVERYTHING),
        ("applicable", samples.APPLICABLE),
        ("cosmetic", samples.COSMETIC),
        ("empty", samples.EMPTY),
        ("hostile", samples.HOSTILE),
        ("many", samples.many(201)),
    ],
)
@pytest.mark.parametrize("width", [80, 120])
def test_a_plan_reads_as_it_did(name: str, plan: Plan, width: int, golden: Golden) -> None:
    golden(f"{name}_{width}.txt", shown(plan, width))


def test_colours_change_nothing_but_colours(golden: Golden) -> None:
    coloured = render_text(samples.EVERYTHING, BY_NAME, color=True, width=80)
    golden("everything_80.ansi", coloured)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == shown(samples.EVERYTHING, 80)


@pytest.mark.parametrize("width", [1, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    for plan in (samples.EVERYTHING, samples.HOSTILE):
        assert max(map(len, shown(plan, width).splitlines())) <= max(width, 40)


def test_nothing_is_lost_by_wrapping() -> None:
    wide, narrow = shown(samples.EVERYTHING, 100_000), shown(samples.EVERYTHING, 40)
    for word in set(re.findall(r"[a-z_]{5,14}", wide)):
        assert word in narrow


def test_colours_do_not_depend_on_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    before = render_text(samples.EVERYTHING, BY_NAME, color=True, width=80)
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb"), ("COLUMNS", "20"), ("FORCE_COLOR", "1")):
        monkeypatch.setenv(name, value)
    assert render_text(samples.EVERYTHING, BY_NAME, color=True, width=80) == before
    assert "\x1b" not in shown(samples.EVERYTHING)


def test_the_first_and_the_last_line_say_account_and_mode() -> None:
    lines = shown(samples.APPLICABLE).splitlines()
    assert lines[0] == lines[-1] == "*** LIVE MODE: REAL MONEY ***  account acct_1Nv0FGQ9RKHgCVdK"
    assert shown(samples.COSMETIC).startswith("TEST MODE  account")


def test_the_gravest_comes_first() -> None:
    text = shown(samples.EVERYTHING)
    places = [text.index(f"== {c.value.upper()} ==") for c in reversed(ChangeClass)]
    assert places == sorted(places)


def test_remote_texts_cannot_steer_the_terminal() -> None:
    text = shown(samples.HOSTILE)
    assert all(c.isprintable() or c == "\n" for c in text)
    assert "[bold]not bold[/bold]" in text
    assert r"\u202e" in text


def test_secrets_and_mail_addresses_are_redacted() -> None:
    text = shown(samples.HOSTILE)
    assert "sk_live_***" in text
    assert "ann@" not in text
    assert "ann@example.com -> amy@example.com" in render_text(
        samples.HOSTILE, BY_NAME, color=False, width=200, emails=True
    )


@pytest.mark.parametrize(
    ("name", "before", "after", "expected"),
    [
        ("unit_amount", "2900", "3900", "29.00 USD -> 39.00 USD  (+10.00 USD, +34.5%)"),
        ("unit_amount", "3900", "2900.5", "39.00 USD -> 29.005 USD  (-9.995 USD, -25.6%)"),
        ("unit_amount", "0", "100", "0.00 USD -> 1.00 USD  (+1.00 USD)"),
        ("unit_amount", None, "100", "(none) -> 1.00 USD"),
        ("unit_amount", "100", None, "1.00 USD -> (none)"),
        ("unit_amount", "odd", "100", "odd -> 1.00 USD"),
        ("currency_options[jpy]", {"unit_amount": "100"}, {"unit_amount": "1200"}, "100 JPY -> 1,200 JPY"),
        (
            "currency_options[kwd]",
            None,
            {"unit_amount": "1200"},
            "currency_options[kwd][unit_amount]: (none) -> 1.200 KWD",
        ),
        ("recurring", {"interval": "month"}, {"interval": "year"}, "recurring[interval]: month -> year"),
        ("recurring", {"interval": "month"}, None, "recurring[interval]: month -> (none)"),
        ("active", True, False, "active: true -> false"),
        ("product", "prod_1", Ref(samples.PRO), "prod_1 -> product.pro"),
        ("nickname", "a", "a b", 'a -> "a b"'),
        ("nickname", None, "(none)", '(none) -> "(none)"'),
        ("nickname", "\\n", "\n", r'"\\n" -> "\n"'),
        ("unheard_of", {"b": 1, "a": [1, {"c": 2}]}, {"b": 20000}, "unheard_of[b]: 1 -> 20,000"),
        ("metadata[billplan_digest]", "1:a", "1:b", "1 field differs"),
    ],
)
def test_a_difference_reads(name: str, before: object, after: object, expected: str) -> None:
    assert expected in with_diff(name, before, after)


@pytest.mark.parametrize(
    ("kind", "name", "before", "after", "expected"),
    [
        ("coupon", "percent_off", "20", "25.5", "20% -> 25.5%"),
        ("coupon", "redeem_by", None, 1_830_297_599, "(none) -> 2027-12-31T23:59:59Z"),
        ("coupon", "redeem_by", 10**18, 0, f"{10**18} -> 1970-01-01T00:00:00Z"),
        ("coupon", "currency_options[eur]", {"amount_off": "100"}, {"amount_off": "200"}, "1.00 EUR -> 2.00 EUR"),
        (
            "promotion_code",
            "restrictions[currency_options][jpy]",
            {"minimum_amount": "1"},
            {"minimum_amount": "2"},
            "2 JPY",
        ),
        ("product", "description", None, "x" * 200, '..." (40 more characters)'),
        ("product", "default_price", None, "price_1", "(none) -> price_1"),
        ("unheard_of", "amount", 1, 2, "1 -> 2"),
    ],
)
def test_a_difference_of_another_kind_reads(kind: str, name: str, before: object, after: object, expected: str) -> None:
    assert expected in with_diff(name, before, after, kind=kind)


def test_an_amount_without_a_currency_is_not_given_one() -> None:
    assert "100 (smallest unit) -> 200 (smallest unit)" in with_diff("unit_amount", "100", "200", currency="")


def test_long_texts_that_differ_at_the_end_show_where() -> None:
    text = with_diff("description", "x" * 300 + "old", "x" * 300 + "new", kind="product")
    assert 'xold"' in text
    assert 'xnew"' in text


def test_a_list_of_texts_shows_what_comes_and_goes() -> None:
    text = with_diff("images", ["https://a.example/1", "https://a.example/2"], ["https://a.example/2"], kind="product")
    assert "- https://a.example/1\n" in text
    assert "  https://a.example/2\n" in text


def test_a_list_that_differs_in_mail_addresses_says_so() -> None:
    assert "(differs in what is not shown)" in with_diff("images", ["a1@b.example"], ["a2@b.example"], kind="product")


def test_tiers_read_as_a_price_list() -> None:
    tiers = [{"up_to": "inf", "unit_amount": "5", "flat_amount": "100"}]
    assert "all units: 0.05 USD each + 1.00 USD flat" in with_diff("tiers", None, tiers)
    assert "above 1,000" in with_diff("tiers", None, [{"up_to": 1000, "unit_amount": "5"}, *tiers])


def test_many_changes_alike_are_counted_and_nothing_else_drowns() -> None:
    text = shown(samples.many(100_000))
    assert "... and 99,980 more price to create; to see them all: billplan show PLAN --format json" in text
    assert "archive price.old" in text
    assert "100,001 to create" in text
    assert len(text) < 10_000


def test_many_refusals_drifts_and_warnings_are_counted() -> None:
    drift = tuple(
        Drift(address=Address("price", f"p{n}"), remote_id=f"p{n}", name="nickname", applied="a", known=True, live="b")
        for n in range(500)
    )
    changes = tuple(replace(samples.REFUSED_COUPON, address=Address("coupon", f"c{n}")) for n in range(500))
    final = tuple(replace(samples.DELETE_COUPON, address=Address("coupon", f"d{n}")) for n in range(500))
    warnings = (samples.WARNING,) * 500
    plan = Plan(header=samples.header(), changes=changes + final, steps=(), drift=drift, diagnostics=warnings)
    text = shown(plan)
    assert text.count("... and 480 more") == 4
    assert text.count("!   refused coupon.c") == 200
    assert "... and 300 more of coupon" in text
    assert "CANNOT BE APPLIED: 500 refusals" in text


@pytest.mark.parametrize(("rows", "blocks"), [(50, 50), (51, 20), (3_000, 20)])
@pytest.mark.parametrize("kind", ["subscription_migration", "customer_binding"])
def test_of_rows_that_are_all_alike_the_first_stand_for_the_rest(kind: str, rows: int, blocks: int) -> None:
    plan = samples.rows(kind, {Action.CREATE: rows, Action.UPDATE: 7, Action.REFUSED: 60})
    text = shown(plan, 160)
    assert text.count(f'+   create {kind}.zuora["') == blocks
    assert text.count(f'~   update {kind}.zuora["') == 7
    assert text.count(f'!   refused {kind}.zuora["') == 60
    more = f"... and {rows - blocks:,} more {kind} to create; to see them all: billplan show PLAN --format json"
    assert (more in text) == (rows > blocks)
    assert text.count("... and ") == (rows > blocks)


def test_of_thousands_of_refused_rows_two_hundred_are_shown_and_the_rest_counted() -> None:
    text = shown(samples.rows("subscription_migration", {Action.REFUSED: 2_000}))
    assert text.count("!   refused subscription_migration.") == 200
    assert "... and 1,800 more of subscription_migration; to see them all: " in text
    assert "CANNOT BE APPLIED: 2,000 refusals" in text


def test_thousands_of_words_of_the_guards_are_counted() -> None:
    text = shown(replace(samples.APPLICABLE, refusals=tuple(f"coupon.c{n} cannot be undone" for n in range(1_000))))
    assert text.count("cannot be undone\n") == 200
    assert "... and 800 more refusals" in text


def test_errors_stand_before_warnings() -> None:
    error = Diagnostic(code="BP1", summary="bad", detail="first\nsecond", hint="mend it")
    text = shown(replace(samples.EMPTY, diagnostics=(samples.WARNING, error)))
    assert text.index("error BP1: bad") < text.index("warning BP2101")
    assert "    second\n    hint: mend it\n" in text


def test_an_empty_but_partial_plan_does_not_claim_that_all_matches() -> None:
    text = shown(replace(samples.EMPTY, complete=False))
    assert "Stripe matches the specs" not in text
    assert "Nothing to do in what this plan looked at." in text
    assert "This plan is partial" in text


def test_an_empty_plan_in_live_mode_says_so() -> None:
    text = shown(replace(samples.EMPTY, header=samples.header()))
    assert "LIVE MODE" in text
    assert text.endswith("Nothing to do. Stripe matches the specs. 42 unchanged.\n")


def test_a_plan_stopped_by_a_guard_alone_says_so_at_the_end() -> None:
    plan = replace(samples.APPLICABLE, refusals=("too much",))
    assert shown(plan).endswith("This plan is refused and cannot be applied.\n")


def test_a_plan_of_which_the_rest_can_be_applied_names_the_way() -> None:
    plan = replace(samples.APPLICABLE, changes=(*samples.APPLICABLE.changes, samples.REFUSED_COUPON))
    assert shown(plan).endswith("This plan is refused as it is; apply --skip-invalid applies what is not refused.\n")


def test_a_creation_lists_what_it_brings() -> None:
    change = replace(
        samples.CREATE_PRODUCT,
        after={"images": ["https://a.example/1"], "unheard_of": [[1, "a b"]], "metadata[billplan_project]": "acme"},
    )
    text = shown(Plan(header=samples.header(), changes=(change,), steps=()))
    assert "https://a.example/1\n" in text
    assert '[1, "a b"]' in text
    assert "billplan_project" not in text


def test_a_refusal_brings_its_notes() -> None:
    change = replace(samples.REFUSED_COUPON, notes=("it is in use",))
    assert "note: it is in use" in shown(Plan(header=samples.header(), changes=(change,), steps=()))


def test_a_field_that_the_kind_does_not_know_is_not_called_money() -> None:
    assert "unheard_of: 1 -> 2" in with_diff("unheard_of", 1, 2)
    retired = replace(samples.ARCHIVE_PRICE, before={"unheard_of": 1})
    assert "unheard_of" not in shown(Plan(header=samples.header(), changes=(retired,), steps=()))


def test_parts_of_a_mapping_with_free_keys_have_its_type() -> None:
    options = attr_field("currency_options")
    assert part_type(options, "eur") is not None
    assert part_type(None, "eur") is None


def attr_field(name: str) -> FieldType:
    return next(f.type for f in BY_NAME["price"].body.fields if f.name == name)
