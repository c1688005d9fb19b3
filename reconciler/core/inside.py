"""Where two values differ, however deep: `tiers[1][unit_amount]`, not the whole list of tiers twice."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.values import Value


def differing_parts(name: str, before: Value, after: Value) -> Iterator[tuple[str, Value, Value]]:
    """Yield each part that differs, by name; None stands for a part that is not there."""
    if not (isinstance(before, dict) and isinstance(after, dict)) and not (
        isinstance(before, list) and isinstance(after, list)
    ):
        if before != after:
            yield name, before, after
        return
    # Only now: it takes a tenth of a second to load, and is needed where something went another way than planned.
    from deepdiff import DeepDiff

    for kind, parts in DeepDiff(before, after, view="tree").items():
        for part in parts:
            path = "".join(f"[{step}]" for step in part.path(output_format="list"))
            yield (
                f"{name}{path}",
                None if kind.endswith("_added") else part.t1,
                None if kind.endswith("_removed") else part.t2,
            )
