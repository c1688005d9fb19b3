"""The status of the mirror: how far each type is, how many objects it has, how old they are, and who is at work."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.holder import Holder
from reconciler.core.journal import Run
from reconciler.core.product_use import ProductUse
from reconciler.core.standing import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeStatus:
    """One type: its standing, how many live objects are stored, and how many doubts are open."""

    type: str
    table: str
    standing: Standing
    count: int
    doubts: int = 0

    def age(self, now: int) -> int | None:
        """Seconds since the rows were known to be complete; None where they are not: an error never counts."""
        return max(0, now - (self.standing.as_of or 0)) if self.standing.fresh else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorStatus:
    """The whole mirror of one account in one mode, the last apply and who is at work. Times are epoch seconds, UTC.

    `product_use`: how much Stripe's products are used, as far as the mirror knows; None for a project without mappings.
    """

    account: str
    livemode: bool
    now: int
    types: tuple[TypeStatus, ...]
    cursor: int | None = None
    syncing: Holder | None = None
    applying: Holder | None = None
    last_apply: Run | None = None
    product_use: ProductUse | None = None
