"""The plan of customer bindings: from declared rows and the customers to changes and steps, linear in both.

Bindings are one to one and for good, so there is little that a plan may do: bind who is not bound, make a customer
where that is asked for, and put back what somebody edited. All else is refused, with what is and what was wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.core.binding_targets import (
    NEW_ID,
    BindingsSeen,
    Held,
    Target,
    carried_twice,
    listed,
    refuse_shared,
    rows_in_metadata,
    split_off_skipped,
    take_off,
    target_of,
)
from reconciler.core.bindings import (
    KIND,
    Bound,
    BoundBy,
    Customer,
    WantedBinding,
    WantedBindings,
    binding_address,
    email_ref,
    metadata_attr,
)
from reconciler.core.changes import Action, Change, Drift, FieldDiff
from reconciler.core.diagnostics import Diagnostic, Severity
from reconciler.core.fields import ChangeClass
from reconciler.core.plan import Absent, Step, Unchanged
from reconciler.core.planner import Draft
from reconciler.core.values import Value

_PATH = "/v1/customers"
# https://docs.stripe.com/metadata
_MOST_KEYS = 50
_UNDO = "nothing takes a binding back"


def plan_bindings(wanted: WantedBindings, seen: BindingsSeen, project: str) -> Draft:
    """Plan the declared bindings, and the repair of those that the store has and the metadata has not."""
    return _Planning(wanted, seen, project).draft()


def merged(draft: Draft, bindings: Draft) -> Draft:
    """Put two parts of one plan together."""
    return replace(
        draft,
        changes=(*draft.changes, *bindings.changes),
        steps=(*draft.steps, *bindings.steps),
        drift=(*draft.drift, *bindings.drift),
        unmanaged={**draft.unmanaged, **bindings.unmanaged},
        unchanged=draft.unchanged + bindings.unchanged,
        owned={**draft.owned, **bindings.owned},
        diagnostics=(*draft.diagnostics, *bindings.diagnostics),
    )


class _Planning:
    """Makes one draft, and is used once."""

    def __init__(self, wanted: WantedBindings, seen: BindingsSeen, project: str) -> None:
        self.attr = metadata_attr(project)
        self.held = held = Held(seen, project)
        declared, skipped = split_off_skipped(wanted.rows, held)
        found, self.overruled = rows_in_metadata(wanted.from_metadata, declared, seen.customers)
        rows = sorted((*declared, *found), key=lambda row: (row.external_id, row.source))
        self.declared = {row.external_id for row in rows}
        # One that another source knows by the customer's metadata is not left out after all.
        self.skipped = [row for row in skipped if row.external_id not in self.declared]
        self.targets = refuse_shared(target_of(row, held, seen) for row in rows)
        self.changes: list[Change] = []
        self.steps: list[Step] = []
        self.unchanged = 0
        self.named: set[str] = set()

    def draft(self) -> Draft:
        for target in self.targets:
            self._plan(target)
        undeclared = self._undeclared()
        self._repair(undeclared)
        return Draft(
            changes=tuple(self.changes),
            steps=tuple(self.steps),
            drift=tuple(self._drift()),
            unmanaged={KIND: len(undeclared)} if undeclared else {},
            unchanged=self.unchanged,
            owned={KIND: len(self.held.bound.keys() | self.held.carriers.keys())},
            diagnostics=tuple(
                d for d in (*self._counts(undeclared), *self._left_out(), *self._carried_twice()) if d is not None
            ),
        )

    def _plan(self, target: Target) -> None:
        customer = target.customer
        if customer is not None:
            self.named.add(customer.id)
            target = target if target.refused else self._judged(target, customer)
        if target.refused:
            self.changes.append(self._refused(target))
        elif customer is None:
            self._make(target)
        elif self.held.of(customer) == target.row.external_id:
            self.unchanged += 1
        else:
            self._bind(target, customer)

    def _judged(self, target: Target, customer: Customer) -> Target:
        """Refuse what would change a binding: either side of it is set once."""
        wanted, held = target.row.external_id, self.held.of(customer)
        stored, other = self.held.bound.get(wanted), self.held.by_customer.get(customer.id)
        carriers = self.held.carriers.get(wanted, [])
        if stored is not None and stored.customer != customer.id:
            return self._bound_elsewhere(target, customer, stored.customer)
        if other is not None and other.external_id != wanted:
            return self._bound_otherwise(target, customer, other.external_id)
        if carriers and carriers[0].id != customer.id:
            return self._bound_elsewhere(target, customer, carriers[0].id)
        if held is not None and held != wanted and stored is None:
            return self._bound_otherwise(target, customer, held)
        if self.held.key not in customer.metadata and len(customer.metadata) >= _MOST_KEYS:
            refused = f"{customer.id} has {_MOST_KEYS} metadata keys, which is all that Stripe takes"
            return replace(target, refused=refused, hint="take one off it first; the binding needs one")
        return target

    def _bound_elsewhere(self, target: Target, customer: Customer, other: str) -> Target:
        alive = other in self.held.customers.by_id
        fate = "" if alive else ", which was deleted"
        refused = f"it is bound to {other}{fate}, and external ids are immutable once set: {customer.id} cannot have it"
        hint = f"declare {other} again, or bind {customer.id} under another external id" if alive else NEW_ID
        diff = FieldDiff(name="customer", before=other, after=customer.id)
        return replace(target, refused=refused, hint=hint, diffs=(diff,))

    def _bound_otherwise(self, target: Target, customer: Customer, other: str) -> Target:
        wanted = target.row.external_id
        refused = f"{customer.id} is bound to {other}, and external ids are immutable once set: it cannot be {wanted}"
        hint = f"declare it as {binding_address(other)}, or name another customer for {wanted}"
        diff = FieldDiff(name=self.attr, before=other, after=wanted)
        return replace(target, refused=refused, hint=hint, diffs=(diff,))

    def _refused(self, target: Target) -> Change:
        return Change(
            address=target.row.address,
            action=Action.REFUSED,
            change_class=ChangeClass.ENTITLEMENT,
            reason=target.refused,
            refused=target.refused,
            hint=target.hint,
            diffs=target.diffs,
            remote_id=None if target.customer is None else target.customer.id,
            source=target.row.source,
        )

    def _bind(self, target: Target, customer: Customer) -> None:
        stored, wanted = self.held.bound.get(target.row.external_id), target.row.external_id
        reason = target.how if stored is None else "the store has it, and the customer's metadata does not"
        change = self._change(wanted, customer, reason)
        notes = (target.note,) if target.note else ()
        self.changes.append(replace(change, source=target.row.source, notes=notes))
        self.steps.append(self._step(wanted, customer, by_email=target.by_email and stored is None))

    def _change(self, external_id: str, customer: Customer, reason: str) -> Change:
        return Change(
            address=binding_address(external_id),
            action=Action.UPDATE,
            change_class=ChangeClass.ENTITLEMENT,
            reason=reason,
            remote_id=customer.id,
            after={self.attr: external_id},
            diffs=(FieldDiff(name=self.attr, before=self.held.written(customer), after=external_id),),
            verb="bind",
        )

    def _step(self, external_id: str, customer: Customer, *, by_email: bool = False) -> Step:
        address = binding_address(external_id)
        # The e-mail itself stays in the specs: an apply compares it.
        found_by: dict[str, Value] = {"email": email_ref(external_id)} if by_email else {}
        return Step(
            id=f"{address}/bind",
            address=address,
            kind=KIND,
            title=f"bind {address} to {customer.id}",
            method="post",
            path=f"{_PATH}/{customer.id}",
            params={"metadata": {self.held.key: external_id}},
            precondition=Unchanged(remote_id=customer.id, before={self.attr: self.held.written(customer), **found_by}),
            expect={self.attr: external_id},
            undo=_UNDO,
        )

    def _make(self, target: Target) -> None:
        row, address = target.row, binding_address(target.row.external_id)
        given = dict(row.create or {})
        metadata = {**given.pop("metadata", {}), self.held.key: row.external_id}
        sent: dict[str, Value] = {"email": email_ref(row.external_id), **given}
        shown = {**sent, **{f"metadata[{name}]": value for name, value in metadata.items()}}
        self.changes.append(
            Change(
                address=address,
                action=Action.CREATE,
                change_class=ChangeClass.ENTITLEMENT,
                reason=target.how,
                after=shown,
                diffs=tuple(FieldDiff(name=n, before=None, after=v) for n, v in sorted(shown.items())),
                source=row.source,
            )
        )
        self.steps.append(
            Step(
                id=f"{address}/create",
                address=address,
                kind=KIND,
                title=f"create a customer for {address}",
                method="post",
                path=_PATH,
                params={**sent, "metadata": metadata},
                precondition=Absent(incarnations=(), natural_key=row.external_id),
                expect={self.attr: row.external_id},
                undo=f"{_UNDO}; the customer can be deleted in Stripe's Dashboard",
            )
        )

    def _undeclared(self) -> dict[str, Customer]:
        """List the bindings that are there though no spec declares them: by external id, with their customers."""
        held = self.held
        found = {id: home for id in held.bound if id not in self.declared and (home := held.home(id)) is not None}
        for id, carriers in held.carriers.items():
            if id not in self.declared and len(carriers) == 1 and carriers[0].id not in held.by_customer:
                found.setdefault(id, carriers[0])
        return found

    def _repair(self, undeclared: Mapping[str, Customer]) -> None:
        """Write what the store has and the metadata has not: a first touch may have died in between."""
        for id, customer in sorted(undeclared.items()):
            held = self.held.written(customer)
            free = not self.held.carriers.get(id) and customer.id not in self.named
            if id in self.held.bound and held != id and free:
                how = "it was bound on first touch or by a plan, and"
                lacks = "its metadata lacks it" if held is None else f"its metadata says {held} now"
                self.changes.append(self._change(id, customer, f"{how} {lacks}"))
                self.steps.append(self._step(id, customer))

    def _drift(self) -> list[Drift]:
        """Tell whose metadata is not what the store has: somebody edited it, unless it was never written."""
        found = [
            self._drifted(bound, customer)
            for bound in self.held.bound.values()
            if (customer := self.held.customers.by_id.get(bound.customer)) is not None
            and (held := self.held.written(customer)) != bound.external_id
            and (held is not None or bound.external_id in self.declared)
        ]
        return sorted(found, key=lambda one: one.address)

    def _drifted(self, bound: Bound, customer: Customer) -> Drift:
        return Drift(
            address=binding_address(bound.external_id),
            remote_id=customer.id,
            name=self.attr,
            applied=bound.external_id,
            known=True,
            live=self.held.written(customer),
        )

    def _counts(self, undeclared: Mapping[str, Customer]) -> list[Diagnostic | None]:
        left = [id for id in undeclared if id not in self.held.bound or self.held.bound[id].by is not BoundBy.TOUCH]
        made = [target.row.external_id for target in self.targets if target.customer is None and not target.refused]
        strayed = [str(t.row.external_id) for t in self.targets if t.strayed and not t.refused]
        return [
            _warning(
                "BP1502",
                undeclared,
                "in place that no spec declares: bound on first touch, or by others",
                "billplan bindings export writes them as spec rows",
            ),
            _warning(
                "BP1503",
                strayed,
                "in place though the customer has the declared e-mail no more",
                "name the customer by its id, or mend the e-mail",
            ),
            _warning(
                "BP1504",
                self.overruled,
                "of a from_metadata source left out: specs declare the customer, or its id, by themselves",
                "",
                "customer",
            ),
            _warning(
                "BP1513",
                made if left else [],
                f"to be made, and no spec declares {listed(left)} any more: of a row whose external id was changed, the"
                " customer would be made a second time",
                "declare them again, or see that none of them is one of those users: external ids never change",
                "customer",
            ),
        ]

    def _left_out(self) -> list[Diagnostic | None]:
        """Count the rows that their sources leave out, by source."""
        by_source: dict[str, list[WantedBinding]] = {}
        for row in self.skipped:
            by_source.setdefault(row.skipped_by, []).append(row)
        found = []
        for name, rows in sorted(by_source.items()):
            without = sum(row.email is None for row in rows)
            what = f"of {name} left out (unmatched: skip): no customer has their e-mail"
            what += f"; {without:,} of them without one" if without else ""
            hint = "right for users who are no customers; mend the e-mails of those who are"
            found.append(_warning("BP1511", [row.external_id for row in rows], what, hint, "row"))
        return found

    def _carried_twice(self) -> list[Diagnostic]:
        twice = {id: c for id, c in self.held.carriers.items() if len(c) > 1 and id not in self.declared}
        return [
            Diagnostic(
                code="BP1505",
                summary=f"{binding_address(id)}: {carried_twice(carriers, self.held.key)}",
                severity=Severity.WARNING,
                address=binding_address(id),
                hint=take_off(self.held.key),
            )
            for id, carriers in sorted(twice.items())
        ]


def _warning(
    code: str, ids: Mapping[str, Customer] | list[str], what: str, hint: str, noun: str = "binding"
) -> Diagnostic | None:
    if not ids:
        return None
    count = f"{len(ids):,} {noun}{'' if len(ids) == 1 else 's'}"
    summary = f"{count} {what} ({listed(ids)})"
    return Diagnostic(code=code, summary=summary, severity=Severity.WARNING, hint=hint)
