"""Jinja2 expressions in the texts of specs, rendered after parsing, into values.

Only what is sure to end, and to end small, is taken: no loops, calls, assignments or powers. Floats never arise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.filters import do_default
from jinja2.sandbox import ImmutableSandboxedEnvironment

from reconciler.core.suggest import suggestion
from reconciler.core.values import Value
from reconciler.specfiles import codes
from reconciler.specfiles.findings import Findings
from reconciler.specfiles.yaml_text import Document

MAX_OUTPUT = 1_000_000
MAX_DEPTH = 40
NAMES = ("var", "project", "environment")

_TAKEN = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Const, nodes.List,
    nodes.Tuple, nodes.Filter, nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr,
    nodes.If, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Pos,
)  # fmt: skip
_PLAIN = (nodes.TemplateData, nodes.Getattr)
_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: Decimal(left) / Decimal(right),
    "//": lambda left, right: left // right,
    "%": lambda left, right: left % right,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What an expression may name."""

    variables: Mapping[str, Value]
    project: str
    environment: str | None = None


class ExpressionError(ValueError):
    """An expression that cannot be rendered."""

    def __init__(self, code: str, summary: str, hint: str = "") -> None:
        super().__init__(summary)
        self.code = code
        self.summary = summary
        self.hint = hint


class _Variables:
    """Keeps the variables out of reach of attribute look-up, so that one may be called `items`."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = values

    def find(self, name: object, undefined: type[Undefined]) -> Value:
        if isinstance(name, str) and name in self._values:
            return self._values[name]
        near = suggestion(str(name), self._values)
        way = f"set it with --var {name}=..., in a --var-file, an environment, or under vars:"
        return undefined(hint=f"var.{name} is not set\n{near or way}")


class _Sandbox(ImmutableSandboxedEnvironment):
    """A sandbox without globals, with arithmetic on exact numbers only."""

    intercepted_binops = frozenset(_ARITHMETIC)

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, finalize=_text, keep_trailing_newline=True, cache_size=0)
        self.globals.clear()
        self.filters = dict(_FILTERS)
        self.tests = {name: self.tests[name] for name in ("defined", "undefined")}

    def getattr(self, obj: Any, attribute: str) -> Any:
        return obj.find(attribute, self.undefined)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return obj.find(argument, self.undefined)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        joins = operator == "+" and isinstance(left, str) and isinstance(right, str)
        if not joins and not (_is_number(left) and _is_number(right)):
            raise TypeError(f"{operator} needs two numbers")
        return _ARITHMETIC[operator](left, right)


def _is_number(value: Value) -> bool:
    if isinstance(value, Undefined):
        str(value)
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _text(value: Value) -> str:
    """Write a value as YAML would."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int | str | Undefined):
        return str(value)
    raise TypeError("only texts, numbers and booleans can be written")


def _replace(value: Value, old: str, new: str) -> str:
    text = _text(value)
    if len(text) + text.count(old) * len(new) > MAX_OUTPUT:
        raise ValueError(f"the text grows beyond {MAX_OUTPUT} characters")
    return text.replace(old, new)


def _whole(value: Value) -> int:
    text = _text(value).strip()
    if not isinstance(value, Decimal) and not text.lstrip("-").isdecimal():
        raise ValueError("int needs a number")
    return int(value) if isinstance(value, Decimal) else int(text)


def _lower(value: Value) -> str:
    return _text(value).lower()


def _title(value: Value) -> str:
    return _text(value).title()


def _trim(value: Value) -> str:
    return _text(value).strip()


def _upper(value: Value) -> str:
    return _text(value).upper()


_FILTERS: Mapping[str, Callable[..., Any]] = {
    "default": do_default,
    "int": _whole,
    "lower": _lower,
    "replace": _replace,
    "string": _text,
    "title": _title,
    "trim": _trim,
    "upper": _upper,
}
FILTERS = tuple(_FILTERS)


class Expressions:
    """Renders texts with one set of names; the same text is compiled once."""

    def __init__(self, names: Names) -> None:
        self._sandbox = _Sandbox()
        self._names: dict[str, Any] = {"var": _Variables(names.variables), "project": names.project}
        no_environment = "no environment is chosen\nchoose one with --env NAME"
        self._names["environment"] = names.environment or self._sandbox.undefined(hint=no_environment)
        self._rendered: dict[str, Value | ExpressionError] = {}

    def render_document(self, document: Document, findings: Findings) -> None:
        """Put the rendered values in the places of the expressions; what fails is reported there."""
        for holder, key, mark in document.braced:
            text: str = holder[key]  # type: ignore[index]
            if "{{" not in text and "{%" not in text and "{#" not in text:
                continue
            try:
                holder[key] = self.render(text)  # type: ignore[index]
            except ExpressionError as error:
                place = document.places.at(mark)
                findings.report(error.code, error.summary, place, error.hint)

    def render(self, text: str) -> Value:
        """Render one text. A text that is one `{{ var.x }}` and nothing else keeps the variable's type."""
        found = self._rendered.get(text)
        if found is None:
            try:
                found = self._render(text)
            except ExpressionError as error:
                found = error
            self._rendered[text] = found
        if isinstance(found, ExpressionError):
            raise found
        return found

    def _render(self, text: str) -> Value:
        try:
            tree = self._sandbox.parse(text)
            _check(tree)
            match tree.body:
                case [nodes.Output(nodes=[nodes.Getattr(attr=name)])]:
                    return self._variable(name)
                case [nodes.Output(nodes=parts)] if all(isinstance(part, _PLAIN) for part in parts):
                    # Compiling is what takes the time, and most texts only have variables put into them.
                    return _bounded(self._part(part) for part in parts)
                case _:
                    return _bounded(self._sandbox.from_string(tree).generate(self._names))
        except ExpressionError:
            raise
        except UndefinedError as error:
            summary, _, hint = str(error).partition("\n")
            raise ExpressionError(codes.UNDEFINED, summary, hint) from None
        except TemplateSyntaxError as error:
            raise ExpressionError(codes.EXPRESSION_SYNTAX, f"not an expression: {error.message}") from None
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise ExpressionError(codes.EXPRESSION_FAILED, f"the expression fails: {_reason(error)}") from None
        except (RecursionError, SyntaxError, MemoryError):
            raise ExpressionError(codes.EXPRESSION_SYNTAX, "the expression is nested too deeply") from None

    def _variable(self, name: str) -> Value:
        value = self._names["var"].find(name, self._sandbox.undefined)
        if isinstance(value, Undefined):
            str(value)
        return value

    def _part(self, node: nodes.Expr) -> str:
        return _text(self._variable(node.attr)) if isinstance(node, nodes.Getattr) else str(node.as_const())


def _bounded(parts: Iterable[str]) -> str:
    kept: list[str] = []
    length = 0
    for part in parts:
        length += len(part)
        if length > MAX_OUTPUT:
            raise ValueError(f"the text grows beyond {MAX_OUTPUT} characters")
        kept.append(part)
    text = "".join(kept)
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("half a surrogate pair is not a character")
    return text


def _reason(error: Exception) -> str:
    if isinstance(error, ZeroDivisionError):
        return "division by zero"
    return "the result is not a number" if isinstance(error, ArithmeticError) else str(error)


def _check(tree: nodes.Template) -> None:
    """Refuse what is not taken, before anything is compiled."""
    waiting: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise ExpressionError(codes.EXPRESSION_SYNTAX, "the expression is nested too deeply")
        if not _is_variable(node):
            _check_node(node)
            waiting.extend((below, depth + 1) for below in node.iter_child_nodes())


def _is_variable(node: nodes.Node) -> bool:
    match node:
        case nodes.Getattr(node=nodes.Name(name="var")):
            return True
        case nodes.Getitem(node=nodes.Name(name="var"), arg=nodes.Const(value=str())):
            return True
        case _:
            return False


def _check_node(node: nodes.Node) -> None:
    match node:
        case nodes.Name(name=name) if name not in NAMES:
            hint = f"did you mean var.{name}? An expression may name var.NAME, project and environment"
            raise ExpressionError(codes.UNDEFINED, f"{name} is not known here", hint)
        case nodes.Name(name="var") | nodes.Getattr() | nodes.Getitem():
            raise ExpressionError(codes.EXPRESSION_SYNTAX, "variables are written var.NAME, and nothing else has parts")
        case nodes.Const(value=float()):
            hint = "put it in a variable: variables are exact decimals"
            raise ExpressionError(codes.EXPRESSION_SYNTAX, "a number with a point cannot stand in an expression", hint)
        case nodes.Filter(name=name) if name not in _FILTERS:
            near = suggestion(name, FILTERS)
            hint = near or f"there are: {', '.join(FILTERS)}"
            raise ExpressionError(codes.EXPRESSION_SYNTAX, f"unknown filter {name}", hint)
        case _ if not isinstance(node, _TAKEN):
            what = type(node).__name__.lower()
            hint = "loops, calls, assignments, powers and ~ are left out; {{ a }}{{ b }} joins texts"
            raise ExpressionError(codes.EXPRESSION_SYNTAX, f"{what!r} is not taken in expressions", hint)
