"""Events: kept as they come, for the 30 days that Stripe keeps them."""

from __future__ import annotations

from reconciler.core.mirrored import Mirrored
from reconciler.mirrored.columns import text, whole

EVENT = Mirrored(
    name="event",
    object="event",
    table="events",
    path="/v1/events",
    permission="rak_event_read",
    columns=(
        whole("created", indexed=True),
        text("type", indexed=True),
        text("data.object.object", "object_type"),
        text("data.object.id", "object_id", indexed=True),
        text("api_version"),
        text("request.id", "request_id"),
        text("request.idempotency_key"),
    ),
)
