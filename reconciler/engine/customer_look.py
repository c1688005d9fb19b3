"""A look at customers in Stripe before a first touch binds one: what the mirror cannot know yet."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.bindings import Customer
from reconciler.core.email_address import email_key
from reconciler.core.first_touch import TOLD, LiveLook
from reconciler.core.values import Value
from reconciler.engine.listing import list_pages
from reconciler.errors import BillplanError, RemoteRejected
from reconciler.ports.billing import BillingApi

_CUSTOMERS = "/v1/customers"
# A customer may be listed some time after it was made.
_LAG_SECONDS = 300
# Somebody waits for the answer: 2,000 customers take a few seconds, and a sync reads them once for all.
_PAGES = 20


def look(api: BillingApi, chosen: Customer, email: str, as_of: int) -> LiveLook:
    """Read the chosen customer, and who has the e-mail as well or was made after the mirror's `as_of` (epoch seconds).

    Raises RemoteError; BillplanError where more customers were made since then than can be looked through.
    """
    made = _made_since(api, as_of - _LAG_SECONDS)
    same = _with(api, chosen, email)
    same |= {str(one["id"]): None for one in made if email_key(str(one.get("email") or "")) == email_key(email)}
    return LiveLook(
        customer=_read(api, chosen.id),
        same_email=tuple(id for id in same if id != chosen.id),
        made=tuple(one for one in made if one["id"] != chosen.id),
    )


def _read(api: BillingApi, id: str) -> Mapping[str, Value] | None:
    """The customer as it is; None where there is no such one."""
    try:
        return api.request("get", f"{_CUSTOMERS}/{id}", {}).body
    except RemoteRejected as error:
        if error.status == 404:
            return None
        raise


def _with(api: BillingApi, chosen: Customer, email: str) -> dict[str, None]:
    """The ids of the customers that Stripe lists with this e-mail in one of its spellings."""
    # The list's filter tells upper and lower case apart: https://docs.stripe.com/api/customers/list
    found: dict[str, None] = {}
    for spelling in dict.fromkeys((email, chosen.email or email, email_key(email))):
        page = api.request("get", _CUSTOMERS, {"email": spelling, "limit": TOLD})
        found |= dict.fromkeys(str(one["id"]) for one in page.body["data"])
    return found


def _made_since(api: BillingApi, since: int) -> list[Mapping[str, Value]]:
    """The customers made from then on (epoch seconds), whatever the spelling of their e-mails."""
    found: list[Mapping[str, Value]] = []
    for number, (page, _) in enumerate(list_pages(api, _CUSTOMERS, {"created": {"gte": since}}), 1):
        if number > _PAGES:
            message = f"more than {len(found):,} customers were made since the last sync, too many to look through"
            raise BillplanError(message, hint="billplan sync")
        found += page
    return found
