"""One billing API out of several: what lives in the store goes there, what is another account's to that, and everything
else to Stripe with the project's own key."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconciler.adapters.source_apis import SourceApis
from reconciler.adapters.store_api import StoreApi
from reconciler.core.kind import STORE_PATH
from reconciler.core.source_facts import SOURCE_PATH
from reconciler.core.values import Value
from reconciler.errors import BillplanError
from reconciler.ports.billing import Answer, BillingApi, always
from reconciler.ports.clock import Clock

StoreOf = Callable[[str, Callable[[], int]], StoreApi]


class RoutedApi:
    """Implements `reconciler.ports.billing.BillingApi`. Safe from several threads, as what it is made of is.

    `store_of` opens the part of the store that is an account's (acct_...), with the clock that it goes by: epoch
    seconds, UTC. Which account that is, and what the time is, Stripe tells: its answers are noted as they pass by, so
    that it is not asked twice. `account` tells the former where Stripe is asked nothing. `sources` are the accounts
    that migrations come from: read with their read keys, and written to with their write keys.
    """

    def __init__(
        self,
        stripe: BillingApi,
        store_of: StoreOf,
        clock: Clock,
        account: Callable[[], str] | None = None,
        sources: SourceApis | None = None,
    ) -> None:
        self._stripe = stripe
        self._store_of = store_of
        self._clock = clock
        self._account = account
        self._sources = sources
        self._known: str | None = None
        self._last, self._ahead = 0, 0

    @property
    def api_version(self) -> str:
        """Stripe's version, which requests to it are made for."""
        return self._stripe.api_version

    @property
    def livemode(self) -> bool:
        """The mode that the key is for."""
        return self._stripe.livemode

    def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, Value],
        *,
        idempotency_key: str | None = None,
        before_send: Callable[[], None] = always,
    ) -> Answer:
        """Send one request to where its path belongs."""
        if path.startswith(STORE_PATH):
            store = self._store_of(self._whose(), self._now)
            return store.request(method, path, params, idempotency_key=idempotency_key, before_send=before_send)
        if path.startswith(SOURCE_PATH):
            account, _, rest = path.removeprefix(SOURCE_PATH).partition("/")
            source = self._source(account, write=method != "get")
            return source.request(method, f"/{rest}", params, idempotency_key=idempotency_key, before_send=before_send)
        answer = self._stripe.request(method, path, params, idempotency_key=idempotency_key, before_send=before_send)
        self._last, self._ahead = answer.date, answer.date - self._clock.now()
        if (method, path) == ("get", "/v1/account"):
            self._known = str(answer.body["id"])
        return answer

    def _source(self, account: str, *, write: bool) -> BillingApi:
        if self._sources is None:
            raise BillplanError(
                f"the source account {account} is asked nothing here", hint="plan without --refresh=none"
            )
        return self._sources.of(account, write=write)

    def _whose(self) -> str:
        if self._known is None and self._account is not None:
            self._known = self._account()
        return self._known or str(self.request("get", "/v1/account", {}).body["id"])

    def _now(self) -> int:
        """Tell the time as Stripe would: a plan is dated by it, and this machine may be a minute off."""
        return max(self._last, self._clock.now() + self._ahead)
