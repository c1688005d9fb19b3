"""An emulated account with customers, a mirror, and a store of bindings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.adapters.sql_bindings import SqlBindings
from reconciler.adapters.sql_customer_facts import SqlCustomerFacts
from reconciler.adapters.sql_mirror import SqlMirror
from reconciler.adapters.sql_mirrors import SqlMirrors
from reconciler.core.binding_rows import checked_row, without_doubles
from reconciler.core.bindings import KIND, MetadataSource, WantedBindings
from reconciler.core.diagnostics import SourceRange
from reconciler.core.idempotency import Scope
from reconciler.core.plan import Plan
from reconciler.core.resources import Specs
from reconciler.core.values import digest
from reconciler.engine.aftermath import doubt_applied
from reconciler.engine.apply import Applied
from reconciler.engine.outside import Outside
from reconciler.engine.sync import SyncOptions, SyncPorts, sync
from reconciler.kinds import BY_NAME
from reconciler.kinds.customer_binding import customer_binding_kind
from tests.account import Account, Silent, specs_of

KEY = "billplan_id_acme"


def wanted(
    rows: Sequence[Mapping[str, Any]], from_metadata: str = "", bodies: Mapping[str, Mapping[str, Any]] | None = None
) -> Specs:
    """Declare bindings, one a line of users.csv, beside other resources."""
    made = [checked_row(one, SourceRange("users.csv", n, 1), one.get("create")) for n, one in enumerate(rows, 2)]
    sources = [MetadataSource(name="legacy", key=from_metadata, source=SourceRange("specs/a.yaml", 2, 1))]
    bindings = WantedBindings(rows=without_doubles(made), from_metadata=tuple(sources if from_metadata else ()))
    specs = specs_of(bodies or {})
    return replace(specs, bindings=bindings, digest=digest([specs.digest, bindings.said]))


def row(external_id: str, **values: Any) -> dict[str, Any]:
    return {"external_id": external_id, **values}


class BindingAccount(Account):
    """One account and project whose customers are bound."""

    @property
    def bindings(self) -> SqlBindings:
        """What the store has bound."""
        return SqlBindings(self.database, Scope(account=self.world.account_id, livemode=False, project="acme"))

    @property
    def outside(self) -> Outside:
        return replace(
            super().outside,
            kinds={**BY_NAME, KIND: customer_binding_kind("acme")},
            mirrors=SqlMirrors(lambda: self.database, self.clock, False, lambda: True),
            bindings=lambda scope: self.bindings,
            facts=lambda scope: SqlCustomerFacts(self.database, scope.account, scope.livemode),
        )

    @property
    def mirror(self) -> SqlMirror:
        return SqlMirror(self.database, self.world.account_id, False)

    def sync(self, *objects: str) -> None:
        """Mirror the account, or these types of it."""
        ports = SyncPorts(
            api=self.api,
            clock=self.clock,
            locks=self.locks,
            progress=Silent(),
            mirror_of=lambda account, livemode: self.mirror,
        )
        sync(ports, SyncOptions(pins=self.pins, who="a test", objects=objects))

    def customer(self, email: str | None = None, **params: Any) -> str:
        """Make a customer by hand, and return its id."""
        given = {**({"email": email} if email else {}), **params}
        return str(self.by_hand("post", "/v1/customers", **given)["id"])

    def by_hand(self, method: str, path: str, **params: Any) -> Mapping[str, Any]:
        key = f"hand-{len(self.world.log)}"
        return dict(self.api.request(method, path, params, idempotency_key=key).body)

    def held(self, customer: str) -> str | None:
        """The external id in a customer's metadata."""
        metadata: dict[str, str] = next(c for c in self.live("customer") if c["id"] == customer)["metadata"]
        return metadata.get(KEY)

    def carry_out(self, plan: Plan, specs: Specs, **options: Any) -> Applied:
        """Apply a plan as the project does: with the specs' e-mails, and the mirror told of it."""
        applied = self.apply(plan, known=specs.bindings.emails(), **options)
        doubt_applied(self.outside.mirrors, plan.header, applied.results)  # type: ignore[arg-type]
        return applied

    def writes(self, since: int = 0) -> list[tuple[str, str]]:
        """The requests that changed something: method and path."""
        log = list(self.world.log)[since:]
        return [(r["method"], r["path"]) for r in log if r["method"] != "GET"]

    def reads(self, path: str, since: int = 0) -> int:
        """How often a path was read."""
        log = list(self.world.log)[since:]
        return sum(r["method"] == "GET" and str(r["path"]).partition("?")[0] == path for r in log)
