"""The plan as a comment on a pull request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reconciler.core.address import Address
from reconciler.core.plan import Plan
from reconciler.kinds import BY_NAME
from reconciler.views.markdown import LONGEST, render_markdown
from tests.views import samples

Golden = Callable[[str, str], None]
_OURS = {"<code>", "</code>", "<br>", "<!-- -->"}
_BLOCKS = ("<details>\n<summary>", "</details>", "<!-- billplan:")


def shown(plan: Plan) -> str:
    return render_markdown(plan, BY_NAME)


def tokens(text: str) -> Iterator[Token]:
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        yield token
        yield from token.children or ()


def check(text: str) -> None:
    """Hold that nothing in a comment formats, links or opens a tag but what this view wrote itself."""
    assert len(text) <= LONGEST
    assert text.count("<details>") == text.count("</details>") == text.count("</summary>")
    for token in tokens(text):
        assert token.type not in ("link_open", "image", "fence", "code_block", "code_inline", "em_open")
        if token.type == "html_inline":
            assert token.content in _OURS
        if token.type == "html_block":
            assert token.content.startswith(_BLOCKS)


@pytest.mark.parametrize(
    ("name", "plan"),
    [
        ("everything", samples.EVERYTHING),
        ("cosmetic", samples.COSMETIC),
        ("empty", samples.EMPTY),
        ("hostile", samples.HOSTILE),
        ("many", samples.many(101)),
    ],
)
def test_a_plan_reads_as_it_did(name: str, plan: Plan, golden: Golden) -> None:
    text = shown(plan)
    check(text)
    golden(f"{name}.md", text)


@given(st.text(max_size=60), st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_whatever_a_text_holds_it_stays_a_text(first: str, second: str) -> None:
    change = replace(
        samples.UPDATE_PRODUCT,
        address=Address("product", first, second),
        reason=first,
        hint=second,
        notes=(second,),
        irreversible=first,
        remote_id=second,
        diffs=(samples.diff("name", first, second), samples.diff(f"metadata[{first}]", second, None)),
    )
    header = replace(samples.header(), project=first, environment=second)
    check(shown(Plan(header=header, changes=(change,), steps=(), refusals=(first, second))))


@pytest.mark.parametrize("count", [1, 90, 100, 101, 300, 5000])
def test_a_comment_is_never_too_long(count: int) -> None:
    check(shown(samples.many(count)))


def test_what_does_not_fit_is_counted() -> None:
    notes = ("n" * 600,) * 12
    changes = tuple(replace(samples.REPLACE_PRICE, address=Address("price", f"p{n}"), notes=notes) for n in range(60))
    plan = Plan(header=samples.header(), changes=(*changes, samples.CREATE_PRODUCT), steps=(), drift=samples.DRIFT)
    text = shown(plan)
    check(text)
    taken = text.count("**replace**")
    assert 0 < taken < 60
    assert f"**... and {60 - taken} more.**" in text


def test_a_part_without_room_is_named() -> None:
    refusals = tuple("refused " * 70 for _ in range(200))
    text = shown(replace(samples.EVERYTHING, refusals=refusals))
    check(text)
    assert "**Not shown for want of room:**" in text
    assert "1 REFUSED" in text


def test_one_change_too_large_for_a_comment_is_counted() -> None:
    diffs = tuple(samples.diff(f"metadata[{n:03}{'k' * 37}]", "<" * 500, ">" * 500) for n in range(90))
    change = replace(samples.UPDATE_PRODUCT, diffs=diffs)
    text = shown(Plan(header=samples.header(), changes=(change,), steps=()))
    check(text)
    assert "what customers pay, or are credited (1 change)" in text


def test_the_marker_comes_first_and_is_stable() -> None:
    assert shown(samples.EVERYTHING).startswith("<!-- billplan:acme:production -->\n")
    header = replace(samples.header(environment=None), project="a-->b")
    assert shown(replace(samples.EMPTY, header=header)).startswith("<!-- billplan:a-%2d%3eb: -->\n")


def test_money_is_never_folded_away() -> None:
    text = shown(samples.EVERYTHING)
    assert "#### :moneybag: MONEY" in text
    assert "<summary>:art: COSMETIC" in text


def test_mail_addresses_are_redacted_unless_asked_for() -> None:
    assert "jane.doe@" not in shown(samples.EVERYTHING)
    assert "jane.doe@" in render_markdown(samples.EVERYTHING, BY_NAME, emails=True)


def test_a_long_list_is_cut_inside_its_cell() -> None:
    tiers = [{"up_to": n, "unit_amount": str(n)} for n in range(1, 40)]
    change = replace(samples.REPLACE_TIERS, diffs=(samples.diff("tiers", None, tiers, forces=True),))
    text = shown(Plan(header=samples.header(), changes=(change,), steps=()))
    check(text)
    assert "... and 27 more" in text


def test_many_notes_are_counted() -> None:
    change = replace(samples.REPLACE_PRICE, notes=("one",) * 20)
    assert "- and 8 more notes" in shown(Plan(header=samples.header(), changes=(change,), steps=()))


def test_a_change_without_fields_has_no_table() -> None:
    change = replace(samples.UPDATE_PRODUCT, diffs=())
    assert "| field |" not in shown(Plan(header=samples.header(), changes=(change,), steps=()))
