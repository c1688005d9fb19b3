"""billplan: a declarative reconciler for Stripe billing.

As a library: `from reconciler import Project; Project.load(path).plan().render("text")`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.project import Project

__all__ = ["Project"]


def __getattr__(name: str) -> Any:
    """Load the front door when it is asked for: the core and the emulator must not pull in what it needs."""
    if name == "Project":
        from reconciler.project import Project

        return Project
    raise AttributeError(name)
