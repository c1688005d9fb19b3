"""Which files a project's `specs:` name: YAML files, in order, each once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from reconciler.core.diagnostics import SourceRange
from reconciler.specfiles import codes
from reconciler.specfiles.findings import Findings

EXTENSIONS = (".yaml", ".yml")


def list_spec_paths(
    folder: Path, names: Sequence[tuple[str, SourceRange | None]], findings: Findings
) -> list[tuple[Path, str]]:
    """List the files, each with its name relative to the project's folder; a file reached twice counts once.

    Files whose names start with a dot are left out, as are all that are not YAML. A missing place is an error.
    """
    found: dict[str, tuple[Path, str]] = {}
    for name, source in names:
        for path in _below(folder, name, source, findings):
            found.setdefault(os.path.realpath(path), (path, Path(os.path.relpath(path, folder)).as_posix()))
    return sorted(found.values(), key=lambda one: one[1])


def _below(folder: Path, name: str, source: SourceRange | None, findings: Findings) -> Iterator[Path]:
    place = folder / name
    try:
        is_file, is_folder = place.is_file(), place.is_dir()
    except (OSError, ValueError):
        is_file = is_folder = False
    if is_file:
        yield place
    elif is_folder:
        yield from _walk(place, folder, findings)
    else:
        hint = "make the folder, or name another under specs: in billplan.yaml"
        findings.report(codes.UNREADABLE, f"specs: there is no file or folder {name!r}", source, hint)


def _walk(top: Path, project: Path, findings: Findings) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        # What a folder declares must not be taken for removed because the folder could not be listed.
        shown = Path(os.path.relpath(error.filename, project)).as_posix()
        findings.report(codes.UNREADABLE, f"specs: the folder {shown!r} cannot be read: {error.strerror}", None)

    seen: set[str] = set()
    for place, folders, files in os.walk(top, followlinks=True, onerror=unreadable):
        real = os.path.realpath(place)
        if real in seen:
            # A link that leads back to where the walk has been.
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(place, name)
            # A link that leads nowhere is kept: reading it tells so.
            if path.suffix in EXTENSIONS and not name.startswith(".") and (path.is_file() or path.is_symlink()):
                yield path
