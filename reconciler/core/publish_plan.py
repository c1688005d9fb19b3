"""The plan of what mappings publish: features of Stripe Entitlements, and their attachments to products.

The mapping in the store is the memory of what was published: attachments carry no marker. So what is to be detached is
detached before a mapping forgets it, and what is to be attached is attached after the mapping says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.core.address import Address
from reconciler.core.binding_plan import merged
from reconciler.core.binding_targets import listed
from reconciler.core.changes import Action, Change, FieldDiff
from reconciler.core.diagnostics import Diagnostic, Severity, SourceRange
from reconciler.core.fields import ChangeClass
from reconciler.core.kind import Kind
from reconciler.core.locate import PlanRequest
from reconciler.core.plan import Absent, Step, Unchanged
from reconciler.core.planner import Draft, Planner
from reconciler.core.product_use import Subscribed
from reconciler.core.published import (
    ENTITLEMENT_FEATURE,
    MAPPING,
    PRODUCT_FEATURE,
    Attached,
    Publication,
    Published,
    attached_as,
)
from reconciler.core.resources import Desired, Lifecycle, Observed, Snapshot
from reconciler.core.values import Ref, Value

_REPLACED = "a new feature has taken the archived one's place"
_UNWANTED = "no published mapping unlocks it any more"
_STORE = SourceRange(path="the store", line=1, column=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlements:
    """What Stripe Entitlements holds: all features, and the attachments to the products that were looked at."""

    features: tuple[Observed, ...] = ()
    attachments: tuple[Observed, ...] = ()


def feature_address(name: str) -> Address:
    """Name Stripe's feature that stands for one of the project's."""
    return Address(ENTITLEMENT_FEATURE, name)


def own_feature(one: Observed, project: str) -> str | None:
    """Name the feature of the project that one of Stripe's stands for; None where it is not this project's."""
    address = one.owner.address if one.owner is not None and one.owner.project == project else None
    return address.name if address is not None and address.kind == ENTITLEMENT_FEATURE else None


def with_published(
    draft: Draft, publication: Publication, seen: Entitlements, kind: Kind, request: PlanRequest
) -> Draft:
    """Add to a plan what it publishes; `kind` is that of Stripe's features. Mappings forget what is detached after."""
    return _Planning(draft, publication, seen, kind, request).draft()


class _Planning:
    """Makes one draft, and is used once."""

    def __init__(
        self, whole: Draft, publication: Publication, seen: Entitlements, kind: Kind, request: PlanRequest
    ) -> None:
        self.whole = whole
        self.publication = publication
        self.wanted = {a: one for one in publication.after for a in one.unlocked()}
        self.had = {a: one.name for one in publication.before for a in one.unlocked()}
        self.claimed = self.had.keys() | {a for one in publication.after for a in one.named()}
        self.alive = {one.remote_id: one.alive for one in seen.features}
        self.names = {one.remote_id: own_feature(one, request.project) for one in seen.features}
        snapshot = Snapshot(seen.features, project=request.project, natural={kind.name: kind.natural_key})
        own = replace(request, moved=(), removed=())
        self.planner = Planner(self._features(), snapshot, {kind.name: kind}, own)
        self.features = self.planner.draft()
        self.refused = {c.address for c in self.features.changes if c.action is Action.REFUSED}
        self.feature_steps = _by_address(self.features.steps)
        self.whole_steps = _by_address(whole.steps)
        made = (s for s in whole.steps if s.kind == "product" and s.id == f"{s.address}/create")
        self.makers = {str(s.params["id"]): s.id for s in made}
        self.there: dict[Attached, list[Observed]] = {}
        self.keyed: dict[str, list[str]] = {}
        for one in seen.attachments:
            self.keyed.setdefault(str(one.attrs["attaches"]), []).append(one.remote_id)
            name = self.names.get(str(one.attrs["entitlement_feature"])) or self._adopted(one)
            if name is not None:
                self.there.setdefault((str(one.attrs["product"]), name), []).append(one)
        self.changes: list[Change] = []
        self.steps: list[Step] = []
        self.detached: dict[str, tuple[Attached, str]] = {}
        self.attaching: set[Attached] = set()
        self.strays: list[str] = []
        self.unchanged = 0

    def _features(self) -> list[Desired]:
        """Stripe's features that are needed, each declared where the first mapping that unlocks it is."""
        sources: dict[str, SourceRange] = {}
        for (_, name), mapping in self.wanted.items():
            sources.setdefault(name, mapping.source or _STORE)
        titles = self.publication.titles
        return [
            Desired(
                address=feature_address(name),
                attrs={"name": titles.get(name, name), "lookup_key": name},
                lifecycle=Lifecycle(),
                source=source,
            )
            for name, source in sorted(sources.items())
        ]

    def _adopted(self, one: Observed) -> str | None:
        """Name the feature that an attachment's is taken over as by this very plan."""
        name = str(one.attrs["attaches"]).partition("/")[2]
        found = self.planner.located.get(feature_address(name))
        adopting = found is not None and found.adopting and found.head is not None and not found.refused
        return name if adopting and self._current(name) == one.attrs["entitlement_feature"] else None

    def _current(self, name: str) -> str | None:
        """The id of Stripe's feature that stands for one of the project's; None where this plan makes it."""
        found = self.planner.located.get(feature_address(name))
        return None if found is None or found.head is None else found.head.remote_id

    def draft(self) -> Draft:
        for attached, mapping in sorted(self.wanted.items(), key=lambda pair: pair[0]):
            self._attach(attached, mapping)
        for attached, there in sorted(self.there.items()):
            for one in there:
                self._judge(attached, one)
        features = replace(
            self.features,
            changes=tuple(replace(c, reason=_UNWANTED) if _leaves(c) else c for c in self.features.changes),
            steps=tuple(self._after_detaching(s) for s in self.features.steps),
        )
        own = {a for a in self.there if a in self.wanted or a in self.claimed}
        attachments = Draft(
            changes=tuple(self.changes),
            steps=tuple(self.steps),
            drift=(),
            unmanaged={},
            unchanged=self.unchanged,
            owned={PRODUCT_FEATURE: len(own)} if own else {},
            diagnostics=tuple(self._left()),
        )
        forgetting = replace(self.whole, steps=tuple(self._after_detaching(s) for s in self.whole.steps))
        return merged(merged(forgetting, features), attachments)

    def _attach(self, attached: Attached, mapping: Published) -> None:
        product, name = attached
        current = self._current(name)
        if current is not None and any(o.attrs["entitlement_feature"] == current for o in self.there.get(attached, ())):
            self.unchanged += 1
        elif feature_address(name) in self.refused:
            self.changes.append(_refused(attached, mapping))
        else:
            feature: Value = Ref(feature_address(name)) if current is None else current
            shown = {"product": product, "entitlement_feature": feature}
            self.attaching.add(attached)
            self.changes.append(self._attaching(attached, mapping, shown))
            self.steps.append(self._attach_step(attached, mapping, shown))

    def _attaching(self, attached: Attached, mapping: Published, shown: Mapping[str, Value]) -> Change:
        by = Address(MAPPING, mapping.name)
        lost = "; it was published before, and is not attached: detached outside, or never attached"
        return Change(
            address=_address(attached),
            action=Action.CREATE,
            change_class=ChangeClass.ENTITLEMENT,
            reason=f"{by} publishes it{lost if attached in self.had else ''}",
            after=shown,
            diffs=tuple(FieldDiff(name=n, before=None, after=v) for n, v in sorted(shown.items())),
            source=mapping.source,
        )

    def _attach_step(self, attached: Attached, mapping: Published, shown: Mapping[str, Value]) -> Step:
        product, name = attached
        key = attached_as(product, name)
        steps = [
            *([self.makers[product]] if product in self.makers else []),
            *self.feature_steps.get(feature_address(name), ()),
            *self.whole_steps.get(Address(MAPPING, mapping.name), ()),
        ]
        return Step(
            id=f"{_address(attached)}/create",
            address=_address(attached),
            kind=PRODUCT_FEATURE,
            title=f"attach feature {name} to product {product}",
            method="post",
            path=f"/v1/products/{product}/features",
            params={"entitlement_feature": shown["entitlement_feature"]},
            precondition=Absent(incarnations=tuple(sorted(self.keyed.get(key, ()))), natural_key=key),
            expect=shown,
            needs=tuple(dict.fromkeys(steps)),
            undo=f"set {name}: false in {Address(MAPPING, mapping.name)} and apply",
        )

    def _judge(self, attached: Attached, one: Observed) -> None:
        """Detach what is this project's and not wanted any more; what nobody claims stays."""
        product, name = attached
        if feature_address(name) in self.refused:
            return
        if attached in self.wanted:
            if one.attrs["entitlement_feature"] != self._current(name):
                self._detach(attached, one, _REPLACED)
        elif attached in self.claimed:
            self._detach(attached, one, _UNWANTED)
            self.detached[self.steps[-1].id] = (attached, str(one.attrs["entitlement_feature"]))
        elif self.alive[str(one.attrs["entitlement_feature"])]:
            self.strays.append(f"{name} on {product}")

    def _detach(self, attached: Attached, one: Observed, why: str) -> None:
        product, name = attached
        making = f"{_address(attached)}/create" if attached in self.attaching else ""
        before = {n: one.attrs[n] for n in ("product", "entitlement_feature")}
        if not making:
            self.changes.append(
                Change(
                    address=_address(attached),
                    action=Action.RETIRE,
                    change_class=ChangeClass.ENTITLEMENT,
                    reason=why,
                    remote_id=one.remote_id,
                    before=before,
                    verb="detach",
                )
            )
        self.steps.append(
            Step(
                id=f"{_address(attached)}/detach {one.remote_id}",
                address=_address(attached),
                kind=PRODUCT_FEATURE,
                title=f"detach feature {name} from product {product}",
                method="delete",
                path=f"/v1/products/{one.remote_id}",
                params={},
                precondition=Unchanged(remote_id=one.remote_id, before={**before, "project": one.attrs.get("project")}),
                expect=None,
                needs=(making,) if making else (),
                undo="publish it again and apply: it is attached anew",
            )
        )

    def _after_detaching(self, step: Step) -> Step:
        """Let a mapping forget, and a feature be archived, only once it is detached."""
        match step.precondition:
            case Unchanged(remote_id=id) if step.kind == ENTITLEMENT_FEATURE:
                first = [i for i, (_, feature) in self.detached.items() if feature == id]
            case Unchanged() if step.kind == MAPPING:
                first = [i for i, (a, _) in self.detached.items() if self.had.get(a) == step.address.name]
            case _:
                first = []
        return replace(step, needs=tuple(dict.fromkeys((*step.needs, *first)))) if first else step

    def _left(self) -> Iterable[Diagnostic]:
        if self.strays:
            one = len(self.strays) == 1
            count = "1 attachment" if one else f"{len(self.strays):,} attachments"
            fate = "stays: no mapping has published it" if one else "stay: no mapping has published them"
            yield Diagnostic(
                code="BP1508",
                severity=Severity.WARNING,
                summary=f"{count} of this project's features {fate} ({listed(self.strays)})",
                hint="to detach one, set the feature to false in a published mapping of the product",
            )


def note_detached(changes: Sequence[Change], publication: Publication, subscribed: Subscribed) -> tuple[Change, ...]:
    """Say of each detachment how many customers lose the feature in Stripe: those of no other product that has it."""
    offering: dict[str, set[str]] = {}
    for one in publication.after:
        for product, name in one.unlocked():
            offering.setdefault(name, set()).add(product)
    return tuple(_noted(change, offering, subscribed) for change in changes)


def _noted(change: Change, offering: Mapping[str, set[str]], subscribed: Subscribed) -> Change:
    if change.address.kind != PRODUCT_FEATURE or change.action is not Action.RETIRE:
        return change
    product, name = change.address.name, str(change.address.key)
    others = offering.get(name, set())
    count = sum(n for held, n in subscribed.customers.items() if product in held and others.isdisjoint(held))
    if not subscribed.unknown and not count:
        note = "no customer with an active subscription loses it"
    elif subscribed.unknown:
        note = f"how many customers lose it in Stripe was not counted: {subscribed.unknown}"
    else:
        note = f"{count:,} customer{' loses' if count == 1 else 's lose'} {name} in Stripe Entitlements"
    return replace(change, notes=(*change.notes, note))


def _leaves(change: Change) -> bool:
    return change.action is Action.RETIRE


def _address(attached: Attached) -> Address:
    return Address(PRODUCT_FEATURE, *attached)


def _by_address(steps: Sequence[Step]) -> dict[Address, list[str]]:
    found: dict[Address, list[str]] = {}
    for step in steps:
        found.setdefault(step.address, []).append(step.id)
    return found


def _refused(attached: Attached, mapping: Published) -> Change:
    need = feature_address(attached[1])
    reason = f"it needs {need}, which is refused"
    return Change(
        address=_address(attached),
        action=Action.REFUSED,
        change_class=ChangeClass.ENTITLEMENT,
        reason=reason,
        refused=reason,
        hint=f"mend {need} first",
        source=mapping.source,
    )
