"""Expressions: what they may say, what they become, and that they end."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.values import Value
from reconciler.specfiles.expressions import MAX_OUTPUT, ExpressionError, Expressions, Names
from tests.specfiles.workspace import Workspace, lines

VARIABLES: dict[str, Value] = {
    "region": "eu", "count": 3, "live": True, "rate": Decimal("12.50"), "items": "kept", "padded": " a ", "zero": 0,
}  # fmt: skip
TAKEN = "loops, calls, assignments, powers and ~ are left out; {{ a }}{{ b }} joins texts"
PARTS = "variables are written var.NAME, and nothing else has parts"


def expressions(environment: str | None = None) -> Expressions:
    return Expressions(Names(variables=VARIABLES, project="acme", environment=environment))


RENDERED: dict[str, tuple[str, Value]] = {
    "a text": ("{{ var.region }}", "eu"),
    "one whole number keeps its type": ("{{ var.count }}", 3),
    "one boolean keeps its type": ("{{var.live}}", True),
    "one decimal keeps its type": ("{{ var.rate }}", Decimal("12.50")),
    "a number inside a text is text": ("n={{ var.count }}", "n=3"),
    "a boolean inside a text is YAML's": ("{{ var.live }}!", "true!"),
    "a decimal inside a text is as written": ("{{ var.rate }} %", "12.50 %"),
    "two variables": ("{{ var.region }}-{{ project }}", "eu-acme"),
    "a line end stays": ("{{ var.region }}\n", "eu\n"),
    "arithmetic is text": ("{{ var.count * 100 + 1 }}", "301"),
    "division is exact": ("{{ var.count / 8 }}", "0.375"),
    "texts are joined": ("{{ var.region + '1' }}", "eu1"),
    "the other operators": ("{{ var.count // 2 }}{{ var.count % 2 }}{{ 5 - var.count }}", "112"),
    "a filter": ("{{ var.region|upper }}", "EU"),
    "more filters": ("{{ 'A b'|lower|title }}{{ var.padded|trim }}{{ '4'|int + 1 }}{{ var.rate|int }}", "A Ba512"),
    "replace": ("{{ var.region|replace('e', 'E') }}{{ var.count|string }}", "Eu3"),
    "a default": ("{{ var.nothing|default('d') }}", "d"),
    "a condition": ("{{ 'a' if var.region == 'eu' else 'b' }}", "a"),
    "a block condition": ("{% if var.live and var.count > 2 %}x{% else %}y{% endif %}", "x"),
    "one of a list": ("{{ var.region in ['eu', 'us'] }}", "true"),
    "whether something is set": ("{{ var.nothing is defined }}", "false"),
    "a variable that is named like a method": ("{{ var.items }}", "kept"),
    "brackets": ("{{ var['region'] }}", "eu"),
    "a comment": ("a{# note #}b", "ab"),
    "raw text": ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
}


@pytest.mark.parametrize(("text", "expected"), RENDERED.values(), ids=RENDERED)
def test_rendered(text: str, expected: Value) -> None:
    found = expressions().render(text)
    assert found == expected
    assert type(found) is type(expected)


def test_the_environment_has_a_name() -> None:
    assert expressions("prod").render("{{ environment }}") == "prod"


FAILS: dict[str, tuple[str, str, str, str]] = {
    "not closed": (
        "{{ var.region", "BP1108",
        "not an expression: unexpected end of template, expected 'end of print statement'.", "",
    ),
    "a variable that is not set": (
        "{{ var.nothing }}", "BP1109", "var.nothing is not set",
        "set it with --var nothing=..., in a --var-file, an environment, or under vars:",
    ),
    "a misspelt variable": ("x {{ var.regoin }}", "BP1109", "var.regoin is not set", "did you mean region?"),
    "a misspelt variable in a sum": ("{{ var.cuont + 1 }}", "BP1109", "var.cuont is not set", "did you mean count?"),
    "a bare name": (
        "{{ region }}", "BP1109", "region is not known here",
        "did you mean var.region? An expression may name var.NAME, project and environment",
    ),
    "no environment": ("{{ environment }}", "BP1109", "no environment is chosen", "choose one with --env NAME"),
    "a class": (
        "{{ var.__class__ }}", "BP1109", "var.__class__ is not set",
        "set it with --var __class__=..., in a --var-file, an environment, or under vars:",
    ),
    "parts of a text": ("{{ ''.__class__ }}", "BP1108", PARTS, ""),
    "parts of a variable": ("{{ var.region.upper }}", "BP1108", PARTS, ""),
    "all variables": ("{{ var }}", "BP1108", PARTS, ""),
    "a call": ("{{ range(99999) }}", "BP1108", "'call' is not taken in expressions", TAKEN),
    "a loop": ("{% for i in [1] %}{% endfor %}", "BP1108", "'for' is not taken in expressions", TAKEN),
    "an assignment": ("{% set a = 1 %}", "BP1108", "'assign' is not taken in expressions", TAKEN),
    "a macro": ("{% macro a() %}{% endmacro %}", "BP1108", "'macro' is not taken in expressions", TAKEN),
    "an include": ("{% include 'x' %}", "BP1108", "'include' is not taken in expressions", TAKEN),
    "a power": ("{{ 9**99999999 }}", "BP1108", "'pow' is not taken in expressions", TAKEN),
    "a float": (
        "{{ 1.5 }}", "BP1108", "a number with a point cannot stand in an expression",
        "put it in a variable: variables are exact decimals",
    ),
    "a misspelt filter": ("{{ 'a'|uper }}", "BP1108", "unknown filter uper", "did you mean upper?"),
    "an unknown filter": (
        "{{ 'a'|center(999999999) }}", "BP1108", "unknown filter center",
        "there are: default, int, lower, replace, string, title, trim, upper",
    ),
    "deep nesting": ("{{ " + "(" * 900 + "1" + ")" * 900 + " }}", "BP1108", "the expression is nested too deeply", ""),
    "a long chain": ("{{ " + "1+" * 300 + "1 }}", "BP1108", "the expression is nested too deeply", ""),
    "division by zero": ("{{ 1 / var.zero }}", "BP1110", "the expression fails: division by zero", ""),
    "zero by zero": ("{{ 0 / var.zero }}", "BP1110", "the expression fails: the result is not a number", ""),
    "a multiplied text": ("{{ 'a' * 999999999 }}", "BP1110", "the expression fails: * needs two numbers", ""),
    "a formatted text": ("{{ '%999999999d' % 1 }}", "BP1110", "the expression fails: % needs two numbers", ""),
    "a boolean in arithmetic": ("{{ var.live + 1 }}", "BP1110", "the expression fails: + needs two numbers", ""),
    "no number": ("{{ var.region|int }}", "BP1110", "the expression fails: int needs a number", ""),
    "a list": ("{{ [1] }}", "BP1110", "the expression fails: only texts, numbers and booleans can be written", ""),
    "a text that grows": (
        "{{ 'aa'|replace('a', '" + "b" * (MAX_OUTPUT // 2) + "') }}", "BP1110",
        f"the expression fails: the text grows beyond {MAX_OUTPUT} characters", "",
    ),
    "half a surrogate pair": (
        "{{ '\\ud800' }}", "BP1110", "the expression fails: half a surrogate pair is not a character", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "code", "summary", "hint"), FAILS.values(), ids=FAILS)
def test_fails(text: str, code: str, summary: str, hint: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        expressions().render(text)
    assert (raised.value.code, raised.value.summary, raised.value.hint) == (code, summary, hint)


def test_output_is_bounded_over_all_parts() -> None:
    long = Expressions(Names(variables={"long": "a" * (MAX_OUTPUT // 2)}, project="acme"))
    with pytest.raises(ExpressionError, match="grows beyond"):
        long.render("{{ var.long }}{{ var.long }}!")


def test_failures_stand_at_the_values_and_are_all_reported(workspace: Workspace) -> None:
    workspace.write(
        "specs/a.yaml",
        "products:\n"
        "  pro:\n"
        "    name: '{{ var.nmae }}'\n"
        "    images: [ok, '{{ 1 / 0 }}']\n"
        "    description: |\n"
        "      {{ }}\n"
        "    '{{ key }}': '{ no expression }'\n",
    )
    assert lines(lambda: workspace.specs(name="x")) == [
        "specs/a.yaml:3:11 BP1109 var.nmae is not set | did you mean name?",
        "specs/a.yaml:4:18 BP1110 the expression fails: division by zero",
        "specs/a.yaml:5:18 BP1108 not an expression: Expected an expression, got 'end of print statement'",
    ]


def test_keys_stay_as_they_are_and_aliases_are_rendered(workspace: Workspace) -> None:
    workspace.write(
        "specs/a.yaml",
        "products:\n  a: {name: &n '{{ var.n }}', metadata: &m {k: 'x{{ var.n }}'}}\n"
        "  b: {name: *n, metadata: *m, '{{ k }}': 1}\n",
    )
    a, b = workspace.specs(n="y").specs
    assert a.body == {"name": "y", "metadata": {"k": "xy"}}
    assert b.body == {"name": "y", "metadata": {"k": "xy"}, "{{ k }}": 1}


@given(st.text(alphabet="{}%#|.()[]'\"~*+-/ 09avrijxe\n\\u\ud800", max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_renders_or_fails_with_a_reason(text: str) -> None:
    for wrapped in (text, "{{ " + text + " }}", "{% if " + text + " %}"):
        try:
            value = expressions().render(wrapped)
        except ExpressionError:
            continue
        assert isinstance(value, str | int | Decimal)
