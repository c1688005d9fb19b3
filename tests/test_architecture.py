"""The shape of the code, held by its syntax trees: who may import whom, and how large things may be."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "reconciler").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MAX_LINES, MAX_FUNCTION_LINES, MAX_PARAMETERS = 400, 40, 6

# package -> the packages of reconciler that it may import; errors may be imported by everyone but the emulator
ARROWS = {
    "cli": {"project", "engine", "views", "specfiles", "adapters", "kinds", "mirrored", "core", "ports", "emulator"},
    "project": {"wiring", "engine", "views", "specfiles", "adapters", "store", "kinds", "mirrored", "core", "ports"},
    "wiring": {"engine", "specfiles", "adapters", "store", "kinds", "core", "ports"},
    "engine": {"ports", "kinds", "mirrored", "core"},
    "adapters": {"ports", "core", "store", "mirrored"},
    "store": {"core", "mirrored"},
    "views": {"core"},
    "specfiles": {"kinds", "core"},
    "kinds": {"core"},
    "mirrored": {"kinds", "core"},
    "ports": {"core"},
    "core": set(),
    "emulator": set(),
    "errors": {"core"},
    "__init__": {"project", "engine", "core"},
    "__main__": {"cli"},
}
# What the core and the kinds must not touch: clocks, dice, disks, networks, logs, the environment.
IMPURE = {
    "time",
    "random",
    "os",
    "io",
    "logging",
    "pathlib",
    "socket",
    "subprocess",
    "threading",
    "secrets",
    "uuid",
    "sys",
}
# Outside libraries, each in its rooms.
LIBRARIES = {
    "stripe": {"adapters", "cli"},
    "requests": {"adapters"},
    "urllib3": {"adapters"},
    "msgspec": {"adapters", "store"},
    "sqlalchemy": {"store", "adapters"},
    "psycopg": {"store", "adapters"},
    "yaml": {"specfiles", "views"},
    "jsonschema": {"specfiles"},
    "jinja2": {"specfiles", "cli"},
    "click": {"cli"},
    "rich": {"views", "cli"},
    "deepdiff": {"core"},
}


def package_of(path: Path) -> str:
    parts = path.relative_to(ROOT / "reconciler").parts
    return parts[0] if len(parts) > 1 else path.stem


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            yield node.module or ""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_follow_the_arrows(path: Path) -> None:
    package = package_of(path)
    allowed = ARROWS[package] | {package} | ({"errors"} if package != "emulator" else set())
    for name in imports_of(tree_of(path)):
        if name == "reconciler" or name.startswith("reconciler."):
            target = name.split(".")[1] if "." in name else "__init__"
            assert target in allowed, f"{package} must not import {name}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_outside_libraries_stay_in_their_rooms(path: Path) -> None:
    package = package_of(path)
    for name in imports_of(tree_of(path)):
        top = name.split(".")[0]
        if top == "reconciler" or top in sys.stdlib_module_names:
            if package in ("core", "kinds", "mirrored"):
                assert top not in IMPURE, f"{package} is pure and must not import {name}"
            continue
        assert package in LIBRARIES[top], f"{package} must not import {name}"


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=name_of)
def test_modules_are_small_and_say_what_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    assert not text.strip() or ast.get_docstring(ast.parse(text)), "a module opens with a sentence on what it is"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_functions_are_short_and_take_few_parameters(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        assert lines <= MAX_FUNCTION_LINES, f"{node.name} has {lines} lines"
        given = node.args
        names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs) if a.arg not in ("self", "cls")]
        # An exception's facts are its attributes, and a command's options its parameters.
        free = node.name == "__init__" and package_of(path) == "errors"
        assert free or len(names) <= MAX_PARAMETERS, f"{node.name} takes {len(names)} parameters"


def test_every_package_has_its_arrows() -> None:
    assert {package_of(p) for p in MODULES} == set(ARROWS)
