"""A project's adapters, picked: the composition root, and the only reader of the environment."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property

from reconciler.adapters.api_key import key_livemode
from reconciler.adapters.limiter import Limiter, documented_figures
from reconciler.adapters.offline_api import OfflineApi
from reconciler.adapters.retry import RetryPolicy
from reconciler.adapters.routed_api import RoutedApi
from reconciler.adapters.source_apis import SourceApis
from reconciler.adapters.sql_bindings import SqlBindings
from reconciler.adapters.sql_customer_facts import SqlCustomerFacts
from reconciler.adapters.sql_ledger import SqlLedger
from reconciler.adapters.sql_locks import SqlLocks
from reconciler.adapters.sql_mirror import SqlMirror
from reconciler.adapters.sql_mirrors import SqlMirrors
from reconciler.adapters.store_api import StoreApi
from reconciler.adapters.stripe_api import ApiSettings, StripeApi
from reconciler.adapters.system_clock import SystemClock
from reconciler.core.bindings import KIND as BINDING
from reconciler.core.idempotency import Scope
from reconciler.core.kind import Kind
from reconciler.core.migrations import KIND as MIGRATION
from reconciler.core.migrations import SourceAccount
from reconciler.core.values import Secret
from reconciler.engine.first_touch import Bindings
from reconciler.engine.learning import learn_bindings
from reconciler.engine.outside import Outside
from reconciler.engine.target import Pins
from reconciler.errors import BillplanError, WrongTarget
from reconciler.kinds import BY_NAME, DERIVED, MIGRATING
from reconciler.kinds.customer_binding import customer_binding_kind
from reconciler.ports.billing import BillingApi
from reconciler.ports.progress import Progress
from reconciler.specfiles.project_file import KeySource, ProjectFile, key_source
from reconciler.store.database import FEW_CONNECTIONS, Database, open_database
from reconciler.store.location import sqlite_file

# Of a first touch: somebody waits for the page, and others may wait for the same user.
_IMPATIENT = RetryPolicy(tries=3, total_seconds=10)


class Wiring:
    """What a project works through. Opens Stripe and the store when they are first needed; close it at the end."""

    def __init__(self, file: ProjectFile, environ: Mapping[str, str], progress: Progress) -> None:
        self.file = file
        self.progress = progress
        self.clock = SystemClock()
        self._environ = environ
        self._source_paces: dict[str, Limiter] = {}

    def close(self) -> None:
        """Close what was opened."""
        if "bindings" in self.__dict__:
            self.bindings.close()
        if "_bindings_database" in self.__dict__:
            self._bindings_database.close()
        if "database" in self.__dict__:
            self.database.close()

    @property
    def pins(self) -> Pins:
        """What the project file says of the target."""
        stripe = self.file.stripe
        return Pins(project=self.file.project, livemode=stripe.mode == "live", account=stripe.account)

    @cached_property
    def api(self) -> StripeApi:
        """Stripe, as the project file says and the environment allows."""
        return self._api(ApiSettings(api_base=self._api_base))

    def _api(self, settings: ApiSettings) -> StripeApi:
        key = self._secret(self.file.stripe.api_key)
        limits = self.file.stripe.limits
        figures = documented_figures(key_livemode(key))
        figures = replace(
            figures,
            global_rps=limits.global_rps or figures.global_rps,
            endpoint_rps=limits.endpoint_rps or figures.endpoint_rps,
            concurrency=limits.concurrency or figures.concurrency,
        )
        limiter = Limiter(figures, self.clock)
        return StripeApi(key, settings=settings, limiter=limiter, clock=self.clock, jitter=random.random)

    @property
    def _api_base(self) -> str:
        return self._environ.get("STRIPE_API_BASE") or self.file.stripe.api_base

    def _store_api(self, account: str, now: Callable[[], int]) -> StoreApi:
        return StoreApi(lambda: self.database, self._scope(account), now, self.has_store)

    @property
    def _account(self) -> str:
        """The account that is meant where Stripe is not asked."""
        return self.pins.account or self.mirrors.only_account()

    def _scope(self, account: str) -> Scope:
        return Scope(account=account, livemode=self.pins.livemode, project=self.file.project)

    @cached_property
    def bindings(self) -> Bindings:
        """The bindings, as an application asks for them."""
        mirrors = SqlMirrors(lambda: self._bindings_database, self.clock, self.pins.livemode, self.has_store)
        scope = self._scope(self.pins.account or mirrors.only_account())
        settings = ApiSettings(api_base=self._api_base, connect_seconds=5, read_seconds=10, retry=_IMPATIENT)
        # Not before the account is known: a store that is not there must not be made by looking.
        database = self._bindings_database
        store, mirror = SqlBindings(database, scope), SqlMirror(database, scope.account, scope.livemode)

        def learn() -> None:
            learn_bindings(mirror, store, scope.project, self.clock.now())

        return Bindings(store, lambda: self._api(settings), scope, self.clock, learn)

    @cached_property
    def _bindings_database(self) -> Database:
        """The store, for an application: of a server's connections it takes few, since it has many processes."""
        if sqlite_file(self._store_url, base_folder=self.file.folder) is not None:
            return self.database
        return open_database(self._store_url, base_folder=self.file.folder, connections=FEW_CONNECTIONS)

    @cached_property
    def outside(self) -> Outside:
        """The ports that use cases work through."""
        api = RoutedApi(self.api, self._store_api, self.clock, sources=self.sources)
        return replace(self._outside(api), sources=self.sources)

    @cached_property
    def sources(self) -> SourceApis:
        """The accounts that migrations come from, each opened when it is first asked for."""
        return SourceApis(self._source_api)

    def _source_api(self, source: SourceAccount, where: str) -> StripeApi:
        key = self._secret(key_source(where), "source_account")
        try:
            livemode = key_livemode(key)
        except WrongTarget as error:
            raise WrongTarget(f"source_account: {where}: {error.message}", hint="give a key of that account") from None
        # Reading and writing are paced together, as one account's.
        pace = self._source_paces.setdefault(source.read, Limiter(documented_figures(livemode), self.clock))
        settings = ApiSettings(api_base=source.api_base or self._api_base)
        return StripeApi(key, settings=settings, limiter=pace, clock=self.clock, jitter=random.random)

    @property
    def offline(self) -> Outside:
        """The ports of a plan that asks Stripe nothing: it needs no key."""
        api = OfflineApi(self.pins.livemode)
        return self._outside(RoutedApi(api, self._store_api, self.clock, lambda: self._account))

    def _outside(self, api: BillingApi) -> Outside:
        return Outside(
            api=api,
            clock=self.clock,
            progress=self.progress,
            kinds=self.kinds,
            mirrors=self.mirrors,
            bindings=lambda scope: SqlBindings(self.database, scope) if self.has_store() else None,
            facts=lambda scope: (
                SqlCustomerFacts(self.database, scope.account, scope.livemode) if self.has_store() else None
            ),
            scheduled_before=self._scheduled_before,
        )

    def _scheduled_before(self, scope: Scope) -> bool:
        if not self.has_store():
            return False
        return bool(self.ledger.applied(scope.account, scope.livemode, scope.project, kind=MIGRATION))

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """All kinds, with what follows from others, what migrations act on, and that of the project's own bindings."""
        return {**BY_NAME, **DERIVED, **MIGRATING, BINDING: customer_binding_kind(self.file.project)}

    @cached_property
    def mirrors(self) -> SqlMirrors:
        """The mirrors in the store; looking for one does not make a store."""
        return SqlMirrors(lambda: self.database, self.clock, self.pins.livemode, self.has_store)

    def has_store(self) -> bool | None:
        """Whether a store can be there; None where CI plans without the secret of its address."""
        store = self.file.store
        if isinstance(store, KeySource) and store.kind == "env" and not self._environ.get(store.name, "").strip():
            return None
        file = sqlite_file(self._store_url, base_folder=self.file.folder)
        return file is None or file.exists()

    @property
    def _store_url(self) -> str:
        store = self.file.store
        return self._secret(store).text if isinstance(store, KeySource) else store

    @cached_property
    def database(self) -> Database:
        """The store, opened."""
        return open_database(self._store_url, base_folder=self.file.folder)

    @property
    def store_name(self) -> str:
        """Where the store is, without a password; opens it."""
        return self.database.shown

    @cached_property
    def ledger(self) -> SqlLedger:
        """The journal."""
        return SqlLedger(self.database)

    @cached_property
    def locks(self) -> SqlLocks:
        """The locks."""
        return SqlLocks(self.database, self.clock)

    def _secret(self, source: KeySource, place: str = "billplan.yaml") -> Secret:
        if source.kind == "env":
            text = self._environ.get(source.name, "").strip()
            if not text:
                message = f"the environment variable {source.name} is not set"
                raise BillplanError(message, hint=f"export {source.name}=...; {place} says env:{source.name}")
            return Secret(text)
        path = self.file.folder / source.name
        try:
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            message = f"the file {source.name} cannot be read"
            raise BillplanError(message, hint=f"{place} says file:{source.name}") from None
        if not text:
            raise BillplanError(f"the file {source.name} is empty", hint=f"{place} says file:{source.name}")
        return Secret(text)

    def actor(self) -> str:
        """Who runs this, as locks and the history show it."""
        user = self._environ.get("GITHUB_ACTOR") or self._environ.get("GITLAB_USER_LOGIN") or self._environ.get("USER")
        return f"{user or 'someone'}@{socket.gethostname()} pid {os.getpid()}"
