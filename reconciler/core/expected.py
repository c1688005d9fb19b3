"""What a step expects of an object, against what the object shows."""

from __future__ import annotations

from reconciler.core.resources import Observed
from reconciler.core.values import Attrs, Value


def value(observed: Observed, name: str) -> Value:
    """Read an attribute of an object; `alive` is whether it can still be used, `created` when it was made."""
    match name:
        case "alive":
            return observed.alive
        case "created":
            return observed.created
    return observed.attrs.get(name)


def mismatches(expect: Attrs, observed: Observed) -> list[tuple[str, Value, Value]]:
    """List the attributes that are not as expected: name, expected, live."""
    return [(n, want, live) for n, want in expect.items() if (live := value(observed, n)) != want]
