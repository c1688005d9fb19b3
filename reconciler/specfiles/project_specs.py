"""Loads everything that a project declares: all its files, merged by kind, with expressions rendered."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain, repeat

from reconciler.core.address import Address
from reconciler.core.bindings import WantedBindings
from reconciler.core.collector import collector_paused
from reconciler.core.diagnostics import in_order
from reconciler.core.kind import Kind
from reconciler.core.migrations import WantedMigrations
from reconciler.core.resources import Moved, Removed, Spec, Specs
from reconciler.core.suggest import suggestion
from reconciler.core.types import describe
from reconciler.core.values import Value, digest
from reconciler.errors import SpecError
from reconciler.kinds import BY_NAME, BY_PLURAL
from reconciler.specfiles import codes
from reconciler.specfiles.bindings import PLURALS as BINDINGS
from reconciler.specfiles.bindings import BindingDeclarations
from reconciler.specfiles.expressions import Expressions, Names
from reconciler.specfiles.findings import Findings
from reconciler.specfiles.lifecycle import NONE, take_lifecycle
from reconciler.specfiles.migration_schema import PLURAL as MIGRATIONS
from reconciler.specfiles.migrations import MigrationDeclarations
from reconciler.specfiles.places import Places
from reconciler.specfiles.project_file import ProjectFile
from reconciler.specfiles.relocations import Relocations
from reconciler.specfiles.spec_paths import list_spec_paths
from reconciler.specfiles.yaml_text import Document, load_yaml

LISTS = ("moved", "removed")
LATER = ("credit_grants", "credit_grant_sources")
MAX_NAME = 200
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def load_specs(project: ProjectFile) -> Specs:
    """Load and render all files of a project; raise SpecError with everything that is wrong in any of them.

    Bodies are not checked against the fields of their kinds here.
    """
    specs = gather_specs(project)
    if specs.diagnostics:
        raise SpecError(specs.diagnostics)
    return specs


def gather_specs(project: ProjectFile) -> Specs:
    """Load and render all files of a project; what is wrong in any of them comes with what is right."""
    findings = Findings()
    names = Names(variables=project.variables, project=project.project, environment=project.environment)
    expressions = Expressions(names)
    bindings = BindingDeclarations(findings, project.folder, project.project)
    declarations = _Declarations(findings, bindings, MigrationDeclarations(findings, project.folder))
    named = list(zip(project.specs, chain(project.spec_sources, repeat(None)), strict=False))
    with collector_paused():
        for path, shown in list_spec_paths(project.folder, named, findings):
            document = load_yaml(path, shown)
            findings.extend(document.diagnostics)
            expressions.render_document(document, findings)
            declarations.add_file(document)
        specs = declarations.gathered()
        declarations.relocations.check(
            chain(((spec.address, spec.source) for spec in specs.specs), specs.migrations.addresses())
        )
        return replace(specs, diagnostics=tuple(in_order(findings)))


class _Declarations:
    """Collects what the files declare."""

    def __init__(self, findings: Findings, bindings: BindingDeclarations, migrations: MigrationDeclarations) -> None:
        self.specs: dict[Address, Spec] = {}
        self.relocations = Relocations(findings)
        self._bindings = bindings
        self._migrations = migrations
        self._findings = findings

    def add_file(self, document: Document) -> None:
        """Take in one file."""
        value, places = document.value, document.places
        if value is None:
            return
        if not isinstance(value, dict):
            summary = f"a spec file is a mapping of kinds, found {describe(value)}"
            self._findings.report(codes.WRONG_SHAPE, summary, places.value_at(()), "start with products: or prices:")
            return
        for plural, block in value.items():
            if plural in LISTS:
                self.relocations.add(plural, block, places)
            elif plural in BINDINGS:
                self._bindings.add(plural, block, places.below((plural,)))
            elif plural == MIGRATIONS:
                self._migrations.add(plural, block, places.below((plural,)))
            elif plural in BY_PLURAL:
                self._add_block(BY_PLURAL[plural], block, places.below((plural,)))
            else:
                self._refuse(plural, places)

    def gathered(self) -> Specs:
        """Put everything into an order that does not depend on files."""
        specs = tuple(sorted(self.specs.values(), key=lambda spec: (spec.address.kind, spec.address.name)))
        moved = tuple(sorted(self.relocations.moved.values(), key=lambda one: str(one.before)))
        removed = tuple(sorted(self.relocations.removed.values(), key=lambda one: str(one.address)))
        bindings = self._bindings.gathered()
        migrations = self._migrations.gathered(self.specs.keys())
        said = _digest(specs, moved, removed, bindings, migrations)
        return Specs(specs=specs, moved=moved, removed=removed, bindings=bindings, migrations=migrations, digest=said)

    def _refuse(self, plural: str, places: Places) -> None:
        at = places[(plural,)]
        if plural in LATER:
            self._findings.report(codes.LATER_KIND, f"{plural} are not supported by this version", at)
            return
        known = (*BY_PLURAL, *BINDINGS, MIGRATIONS, *LISTS)
        near = f"the plural is {BY_NAME[plural].plural}" if plural in BY_NAME else suggestion(plural, known)
        hint = near or f"there are: {', '.join(known)}"
        self._findings.report(codes.UNKNOWN_KIND, f"there is no kind {plural}", at, hint)

    def _add_block(self, kind: Kind, block: Value, places: Places) -> None:
        if block is None:
            return
        if not isinstance(block, dict):
            summary = f"{kind.plural}: expected a mapping from names to bodies, found {describe(block)}"
            self._findings.report(codes.WRONG_SHAPE, summary, places.value_at(()), f"{kind.plural}: {{name: {{...}}}}")
            return
        for name, body in block.items():
            self._add(kind, name, body, places.below((name,)))

    def _add(self, kind: Kind, name: str, body: Value, places: Places) -> None:
        source = places[()]
        address = Address(kind.name, name)
        if not name or len(name) > MAX_NAME or _CONTROL.search(name):
            summary = f"a name has 1 to {MAX_NAME} characters, no control characters among them"
            self._findings.report(codes.BAD_NAME, summary, source)
        elif not isinstance(body, dict):
            summary = f"{address}: expected a mapping of fields, found {describe(body)}"
            self._findings.report(codes.WRONG_SHAPE, summary, places.value_at(()))
        elif address in self.specs:
            summary = f"{address} is declared twice, first at {self.specs[address].source}"
            self._findings.report(codes.DECLARED_TWICE, summary, source, "keep one of them, or rename one")
        else:
            # A body behind an alias is shared, and the lifecycle is taken off it.
            own = dict(body)
            lifecycle = take_lifecycle(own, kind, places, self._findings)
            self.specs[address] = Spec(address=address, body=own, source=source, lifecycle=lifecycle, positions=places)


def _digest(
    specs: Iterable[Spec],
    moved: Iterable[Moved],
    removed: Iterable[Removed],
    bindings: WantedBindings,
    migrations: WantedMigrations,
) -> str:
    """Name what is declared, whatever files and order it stands in."""
    said: dict[str, Value] = {
        "specs": {str(spec.address): _said(spec) for spec in specs},
        "moved": [[str(one.before), str(one.after)] for one in moved],
        "removed": [[str(one.address), one.action] for one in removed],
    }
    if bindings:
        said["bindings"] = bindings.said
    if migrations:
        said["migrations"] = migrations.said
    return digest(said)


def _said(spec: Spec) -> Value:
    if spec.lifecycle is NONE:
        return {"body": spec.body}
    life = spec.lifecycle
    lifecycle = {"adopt": life.adopt, "protect": life.protect, "ignore": life.ignore}
    return {"body": spec.body, "lifecycle": lifecycle}
