"""Strict YAML: what values mean, where they stand, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.diagnostics import Diagnostic, SourceRange
from reconciler.core.values import Value, canonical
from reconciler.specfiles import yaml_text
from reconciler.specfiles.yaml_text import MAX_ALIASED, MAX_DEPTH, load_yaml, parse_yaml
from tests.specfiles.workspace import line

SCALARS: dict[str, tuple[str, Value]] = {
    "a country is no boolean": ("NO", "NO"),
    "yes is a text": ("yes", "yes"),
    "on is a text": ("on", "on"),
    "y is a text": ("y", "y"),
    "true": ("true", True),
    "True": ("True", True),
    "FALSE": ("FALSE", False),
    "mixed case is a text": ("tRue", "tRue"),
    "null": ("null", None),
    "a tilde is null": ("~", None),
    "nothing is null": ("", None),
    "a whole number": ("2900", 2900),
    "a signed number": ("+12", 12),
    "a negative number": ("-7", -7),
    "a leading zero is decimal": ("012", 12),
    "hexadecimal": ("0x1F", 31),
    "octal": ("0o17", 15),
    "underscores make a text": ("1_000", "1_000"),
    "a time of day is a text": ("12:30:00", "12:30:00"),
    "a date is a text": ("2027-01-01", "2027-01-01"),
    "a timestamp is a text": ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
    "a point makes a decimal": ("1.10", Decimal("1.10")),
    "a point alone at the end": ("1.", Decimal("1")),
    "an exponent makes a decimal": ("1e3", Decimal("1E+3")),
    "infinity is a text": (".inf", ".inf"),
    "a dash and letters": ("-x", "-x"),
    "a range": ("1-2", "1-2"),
    "a quoted number is a text": ('"12"', "12"),
    "a quoted boolean is a text": ("'true'", "true"),
}


@pytest.mark.parametrize(("text", "value"), SCALARS.values(), ids=SCALARS)
def test_scalar(text: str, value: Value) -> None:
    document = parse_yaml(f"key: {text}\n", "f")
    assert document.diagnostics == ()
    found = document.value["key"]
    assert found == value
    assert type(found) is type(value)


NESTED = "[" * (MAX_DEPTH + 1)
LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(9)
)

REFUSED: dict[str, tuple[str, list[str]]] = {
    "a key that stands twice names both places": (
        "a: 1\nb:\n  c: 1\n  c: 2\na: 3\n",
        [
            "f:4:3 BP1004 the key 'c' stands twice, first at f:3:3 | keep one of them",
            "f:5:1 BP1004 the key 'a' stands twice, first at f:1:1 | keep one of them",
        ],
    ),
    "a number as key": ("2024: x", ['f:1:1 BP1005 a key is a text, found the number 2024 | write "2024" in quotes']),
    "a boolean as key": (
        "a: {true: x}",
        ['f:1:5 BP1005 a key is a text, found the boolean true | write "true" in quotes'],
    ),
    "a list as key": ("? [a]\n: 1", ["f:1:3 BP1005 a key is a text, not a collection or an alias"]),
    "an alias as key": ("a: &k x\n*k : 1", ["f:2:1 BP1005 a key is a text, not a collection or an alias"]),
    "a merge key": (
        "a: &a {b: 1}\nc:\n  <<: *a",
        [
            "f:3:3 BP1006 merge keys (<<) are not part of YAML 1.2"
            " | write the fields out, or give the whole value an anchor and alias it"
        ],
    ),
    "a tag": (
        "a: !!python/name:os.system x",
        [
            "f:1:4 BP1006 tags such as tag:yaml.org,2002:python/name:os.system are not taken"
            " | quote a value to make it a text; leave the tag out"
        ],
    ),
    "a tag on a mapping": (
        "a: !x {b: 1}",
        ["f:1:4 BP1006 tags such as !x are not taken | quote a value to make it a text; leave the tag out"],
    ),
    "a second document": (
        "a: 1\n---\nb: 2\n",
        ["f:2:1 BP1006 a second document starts here | make it a file of its own, or take the --- away"],
    ),
    "an alias without an anchor": ("a: *b", ["f:1:4 BP1006 the alias *b has no finished anchor &b before it"]),
    "an alias inside its own anchor": (
        "a: &a\n  b: *a",
        ["f:2:6 BP1006 the alias *a has no finished anchor &a before it"],
    ),
    "deep nesting": (NESTED, [f"f:1:{MAX_DEPTH + 1} BP1006 nested deeper than {MAX_DEPTH} levels"]),
    "a billion laughs": (LAUGHS, [f"f:6:25 BP1006 the aliases of this file stand for more than {MAX_ALIASED} values"]),
    "a tab as indentation": (
        "a:\n\tb: 1",
        ["f:2:1 BP1003 not YAML: a tab stands where only spaces can | YAML is indented with spaces"],
    ),
    "wrong indentation": (
        "a:\n  b: 1\n c: 2",
        ["f:3:2 BP1003 not YAML: while parsing a block mapping, did not find expected key"],
    ),
    "a colon in a text": (
        "a: b: c",
        [
            "f:1:5 BP1003 not YAML: mapping values are not allowed in this context"
            " | quote a text that holds a colon and a space; otherwise check the indentation"
        ],
    ),
    "what was found before a syntax error stays": (
        "2024: x\na: [1\n",
        [
            'f:1:1 BP1005 a key is a text, found the number 2024 | write "2024" in quotes',
            "f:3:1 BP1003 not YAML: while parsing a flow sequence, did not find expected ',' or ']'",
        ],
    ),
    "a number with too many digits": (
        f"a: {'9' * 5000}",
        ["f:1:4 BP1008 the number has 5000 characters, at most 40 are allowed | quote it if it is a text"],
    ),
    "an exponent that would fill the memory": (
        "a: 1e999999999",
        ["f:1:4 BP1008 the number 1e999999999 is out of range: the exponent is at most 40 | quote it if it is a text"],
    ),
    "a control character": (
        "a: 1\nb: \x07",
        ["f:2:4 BP1002 the character U+0007 cannot stand in a YAML file | write it as an escape in quotes"],
    ),
    "half a surrogate pair": (
        "a: \ud800",
        ["f:1:4 BP1002 the character U+D800 cannot stand in a YAML file | write it as an escape in quotes"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), REFUSED.values(), ids=REFUSED)
def test_refused(text: str, expected: list[str]) -> None:
    assert [line(found) for found in parse_yaml(text, "f").diagnostics] == expected


def test_places_of_keys_and_values() -> None:
    document = parse_yaml("prices:\n  pro:\n    tiers: [{up_to: 1}, {up_to: inf}]\n", "f")
    assert document.places[("prices", "pro", "tiers")] == SourceRange("f", 3, 5)
    assert document.places.value_at(("prices", "pro", "tiers")) == SourceRange("f", 3, 12)
    assert document.places[("prices", "pro", "tiers", 1)] == SourceRange("f", 3, 25)
    below = document.places.below(("prices", "pro"))
    assert below[()] == SourceRange("f", 2, 3)
    assert below[("tiers", 0, "up_to")] == SourceRange("f", 3, 14)
    assert ("tiers", 2) not in below
    assert ("tiers", 0, "up_to", "deeper") not in below
    assert len(below) == len(list(below)) == 6


def test_an_alias_stands_where_it_is_used_and_its_parts_where_they_are_written() -> None:
    document = parse_yaml("a: &m {tier: 1}\nb: *m\n", "f")
    assert document.value == {"a": {"tier": 1}, "b": {"tier": 1}}
    assert document.places[("b",)] == SourceRange("f", 2, 1)
    assert document.places[("b", "tier")] == SourceRange("f", 1, 8)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_an_empty_file_is_nothing(text: str) -> None:
    document = parse_yaml(text, "f")
    assert document.value is None
    assert document.diagnostics == ()
    assert document.places.value_at(()).column == 1


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbfa: 1")
    assert load_yaml(tmp_path / "f", "f").value == {"a": 1}


FILES: dict[str, tuple[bytes | None, str]] = {
    "not UTF-8": (b"a: 1\nb: \xff", "f:2:4 BP1002 the file is not UTF-8 | save it with the encoding UTF-8"),
    "UTF-16": ("a: 1".encode("utf-16"), "f:1:1 BP1002 the file is not UTF-8 | save it with the encoding UTF-8"),
    "missing": (None, "f:1:1 BP1001 the file cannot be read: No such file or directory"),
}


@pytest.mark.parametrize(("raw", "expected"), FILES.values(), ids=FILES)
def test_unreadable_file(raw: bytes | None, expected: str, tmp_path: Path) -> None:
    if raw is not None:
        (tmp_path / "f").write_bytes(raw)
    assert [line(found) for found in load_yaml(tmp_path / "f", "f").diagnostics] == [expected]


def test_the_parser_without_the_c_library_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'a: [1, NO, 1.5, {b: "x"}]\nc: &k {d: ~}\ne: *k\n'
    fast = parse_yaml(text, "f")
    monkeypatch.setattr(yaml_text, "_Loader", yaml.SafeLoader)
    slow = parse_yaml(text, "f")
    assert slow.value == fast.value
    assert dict(slow.places) == dict(fast.places)
    half = parse_yaml('a: "\\ud800"', "f")
    assert [line(found) for found in half.diagnostics] == ["f:1:4 BP1002 half a surrogate pair is not a character"]


YAML_LIKE = st.text(alphabet="ab01.:-?[]{}#&*!|>'\"%@,<~\n\t \\xue\x00\ud800é", max_size=60)


@given(st.one_of(st.text(max_size=80), YAML_LIKE))
@settings(max_examples=400, deadline=None)
def test_any_text_is_a_value_or_diagnostics(text: str) -> None:
    document = parse_yaml(text, "f")
    assert all(isinstance(found, Diagnostic) for found in document.diagnostics)
    if not document.diagnostics:
        canonical(document.value).encode()
        assert all(place.line >= 1 and place.column >= 1 for place in document.places.values())


@given(YAML_LIKE)
@settings(max_examples=150, deadline=None)
def test_any_text_is_a_value_or_diagnostics_without_the_c_library(text: str) -> None:
    fast: Any = yaml_text._Loader
    try:
        yaml_text._Loader = yaml.SafeLoader
        assert all(isinstance(found, Diagnostic) for found in parse_yaml(text, "f").diagnostics)
    finally:
        yaml_text._Loader = fast
