"""billplan: a declarative reconciler for Stripe billing.

As a library: `from reconciler import Project; Project.load(path).plan().render("text")`, and in an application
`Project.load(path).bindings.resolve(external_id, email)`, which gives a `Resolved` with its `Outcome`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.core.resolved import Outcome, Resolved
    from reconciler.engine.first_touch import BadEmail, BadExternalId, Bindings
    from reconciler.project import Project

__all__ = ["BadEmail", "BadExternalId", "Bindings", "Outcome", "Project", "Resolved"]

_PLACES = {
    "BadEmail": "engine.first_touch",
    "BadExternalId": "engine.first_touch",
    "Bindings": "engine.first_touch",
    "Outcome": "core.resolved",
    "Project": "project",
    "Resolved": "core.resolved",
}


def __getattr__(name: str) -> Any:
    """Load a name when it is asked for: the core and the emulator must not pull in what the front door needs."""
    if name not in _PLACES:
        raise AttributeError(name)
    return getattr(import_module(f"reconciler.{_PLACES[name]}"), name)
