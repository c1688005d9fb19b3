"""A project in a temporary folder, and its findings as one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from reconciler.core.diagnostics import Diagnostic
from reconciler.core.resources import Specs
from reconciler.errors import SpecError
from reconciler.specfiles.project_file import ProjectFile, load_project
from reconciler.specfiles.project_specs import load_specs

MINIMAL = "version: 1\nproject: acme\nstripe: {mode: test}\n"


def line(found: Diagnostic) -> str:
    """Write a finding as `place code summary | hint`."""
    place = f"{found.source} " if found.source else ""
    return f"{place}{found.code} {found.summary}" + (f" | {found.hint}" if found.hint else "")


def lines(load: Callable[[], object]) -> list[str]:
    """List what a load finds wrong."""
    try:
        load()
    except SpecError as error:
        return [line(found) for found in error.diagnostics]
    return []


class Workspace:
    """Files of a project, written as they are needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("billplan.yaml", MINIMAL)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def project(
        self,
        environment: str | None = None,
        variables: Mapping[str, str] | None = None,
        var_files: Sequence[Path] = (),
    ) -> ProjectFile:
        return load_project(
            self.folder / "billplan.yaml", environment=environment, variables=variables or {}, var_files=var_files
        )

    def specs(self, **variables: str) -> Specs:
        return load_specs(self.project(variables=variables))
