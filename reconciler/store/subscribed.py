"""Who has subscribed to what, read from the mirror."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, and_, select

from reconciler.store.mirror_rows import Target
from reconciler.store.mirror_tables import LINES, TABLES

_READ_AT_ONCE = 2_000


def read_subscribed(connection: Connection, target: Target, statuses: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield (subscription, customer, product) of every entry of a subscription that has one of these statuses."""
    entries, owners = LINES["subscription_items"], TABLES["subscription"]
    owned = and_(*(owners.c[n] == entries.c[n] for n in ("account", "livemode")), owners.c.id == entries.c.subscription)
    # The entry's own product: the price may be a plan that was deleted before the first sync, and no list has it.
    query = (
        select(entries.c.subscription, owners.c.customer, entries.c.product)
        .join_from(entries, owners, owned)
        .where(target.of(entries), owners.c.deleted_at.is_(None), owners.c.status.in_(statuses))
        .where(entries.c.product.is_not(None))
    )
    streamed = connection.execution_options(yield_per=_READ_AT_ONCE)
    for subscription, customer, product in streamed.execute(query):
        yield str(subscription), str(customer), str(product)
