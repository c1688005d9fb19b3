"""Small plans made by hand, one for each story that a view has to tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.core.address import Address
from reconciler.core.changes import Action, Change, Drift, FieldDiff, Told
from reconciler.core.diagnostics import Diagnostic, Severity, SourceRange
from reconciler.core.fields import ChangeClass
from reconciler.core.plan import FORMAT_VERSION, Absent, Header, Plan, Step, Unchanged
from reconciler.core.values import Ref

PRO = Address("product", "pro")
MONTHLY = Address("price", "pro_monthly")
USAGE = Address("price", "api_usage")
LAUNCH = Address("coupon", "launch")
MONTH = {"interval": "month", "interval_count": 1, "usage_type": "licensed"}


def header(*, livemode: bool = True, environment: str | None = "production") -> Header:
    return Header(
        format_version=FORMAT_VERSION,
        tool_version="0.1.0",
        account="acct_1Nv0FGQ9RKHgCVdK",
        livemode=livemode,
        api_version="2025-09-30.clover",
        project="acme",
        spec_digest="5f2c",
        created_at=1_800_000_000,
        expires_at=1_800_086_400,
        environment=environment,
        mirror_as_of=None if environment is None else 1_799_999_940,
    )


def diff(name: str, before: Any, after: Any, *, forces: bool = False) -> FieldDiff:
    return FieldDiff(name=name, before=before, after=after, forces=forces)


def update_step(number: int, address: Address, remote_id: str, params: dict[str, Any]) -> Step:
    return Step(
        id=f"s{number}",
        address=address,
        kind=address.kind,
        title=f"update {address}",
        method="post",
        path=f"/v1/{address.kind}s/{remote_id}",
        params=params,
        precondition=Unchanged(remote_id=remote_id, before={}),
        expect=params,
        undo="apply the former specs",
    )


def create_step(number: int, address: Address, params: dict[str, Any]) -> Step:
    return Step(
        id=f"s{number}",
        address=address,
        kind=address.kind,
        title=f"create {address}",
        method="post",
        path=f"/v1/{address.kind}s",
        params=params,
        precondition=Absent(incarnations=(), natural_key=f"acme-{address.name}"),
        expect=params,
        undo="archive it",
    )


CREATE_PRODUCT = Change(
    address=Address("product", "team"),
    action=Action.CREATE,
    change_class=ChangeClass.COSMETIC,
    reason="not in Stripe yet",
    after={"name": "Team", "active": True, "metadata[tier]": "2", "default_price": Ref(Address("price", "team_eur"))},
    source=SourceRange("specs/products.yaml", 7, 3),
)
CREATE_PRICE = Change(
    address=Address("price", "team_eur"),
    action=Action.CREATE,
    change_class=ChangeClass.MONEY,
    reason="not in Stripe yet",
    after={
        "product": Ref(Address("product", "team")),
        "currency": "eur",
        "unit_amount": "490000",
        "recurring": {"interval": "year", "interval_count": 1, "usage_type": "licensed"},
        "currency_options[jpy]": {"unit_amount": "78000", "tax_behavior": "unspecified"},
        "currency_options[kwd]": {"unit_amount": "1500500", "tax_behavior": "inclusive"},
        "tax_behavior": "exclusive",
        "billing_scheme": "per_unit",
        "active": True,
        "lookup_key": "acme-team-eur",
    },
    currency="eur",
    source=SourceRange("specs/prices.yaml", 31, 3),
)
REPLACE_PRICE = Change(
    address=MONTHLY,
    action=Action.REPLACE,
    change_class=ChangeClass.MONEY,
    reason="unit_amount cannot change in place: a new price takes its place, the old one is archived",
    remote_id="price_1Nv0aa",
    before={"unit_amount": "2900", "nickname": "Pro"},
    after={"product": Ref(PRO), "currency": "usd", "unit_amount": "3900", "nickname": "Pro 2027", "recurring": MONTH},
    diffs=(
        diff("nickname", "Pro", "Pro 2027"),
        diff("unit_amount", "2900", "3900", forces=True),
        diff("currency_options[jpy]", {"unit_amount": "4000"}, {"unit_amount": "5800"}),
        diff("recurring", None, MONTH, forces=True),
    ),
    verb="archive",
    currency="usd",
    notes=("the 1,204 subscriptions on price_1Nv0aa keep their old price",),
    source=SourceRange("specs/prices.yaml", 3, 3),
)
REPLACE_TIERS = Change(
    address=USAGE,
    action=Action.REPLACE,
    change_class=ChangeClass.MONEY,
    reason="tiers cannot change in place: a new price takes its place, the old one is archived",
    remote_id="price_1Nv0bb",
    after={"currency": "usd"},
    diffs=(
        diff(
            "tiers",
            [
                {"up_to": 10000, "unit_amount": "0"},
                {"up_to": 100000, "unit_amount": "0.12"},
                {"up_to": "inf", "unit_amount": "0.1", "flat_amount": "5000"},
            ],
            [
                {"up_to": 10000, "unit_amount": "0"},
                {"up_to": 100000, "unit_amount": "0.15"},
                {"up_to": "inf", "unit_amount": "0.1", "flat_amount": "7500"},
            ],
            forces=True,
        ),
    ),
    verb="archive",
    currency="usd",
)
UPDATE_PRODUCT = Change(
    address=PRO,
    action=Action.UPDATE,
    change_class=ChangeClass.MONEY,
    reason="4 fields differ",
    remote_id="prod_pro",
    after={"default_price": Ref(MONTHLY)},
    diffs=(
        diff("name", "Pro", "Pro Plus"),
        diff("description", None, "For teams.\nBilled monthly."),
        diff("metadata[owner]", "jane.doe@example.com", "john@example.com"),
        diff("default_price", "price_1Nv0aa", Ref(MONTHLY)),
    ),
    source=SourceRange("specs/products.yaml", 2, 3),
)
FINAL_UPDATE = Change(
    address=Address("price", "pro_yearly"),
    action=Action.UPDATE,
    change_class=ChangeClass.IRREVERSIBLE,
    reason="1 field differs",
    remote_id="price_1Nv0cc",
    diffs=(diff("tax_behavior", "unspecified", "inclusive"),),
    irreversible="tax_behavior cannot change any more once it is inclusive",
    currency="usd",
)
DELETE_COUPON = Change(
    address=LAUNCH,
    action=Action.RETIRE,
    change_class=ChangeClass.IRREVERSIBLE,
    reason="no spec declares it any more",
    remote_id="acme-launch",
    before={
        "id": "acme-launch",
        "name": "Launch",
        "percent_off": "20",
        "duration": "repeating",
        "duration_in_months": 3,
        "redeem_by": 1_830_297_599,
        "metadata[billplan_project]": "acme",
    },
    verb="delete",
    irreversible="a deleted coupon is gone; discounts that customers have already stay",
)
ARCHIVE_PRICE = Change(
    address=Address("price", "old"),
    action=Action.RETIRE,
    change_class=ChangeClass.MONEY,
    reason="no spec declares it any more",
    remote_id="price_1Nv0dd",
    before={"currency": "usd", "unit_amount": "900", "active": True, "nickname": "Old"},
    verb="archive",
    currency="usd",
)
ADOPT_METER = Change(
    address=Address("meter", "api_calls"),
    action=Action.ADOPT,
    change_class=ChangeClass.ENTITLEMENT,
    reason="takes over mtr_1Nv0ee",
    remote_id="mtr_1Nv0ee",
    after={"display_name": "API calls", "event_name": "api_calls"},
    diffs=(diff("display_name", "Calls", "API calls"),),
)
REFUSED_COUPON = Change(
    address=Address("coupon", "spring"),
    action=Action.REFUSED,
    change_class=ChangeClass.COSMETIC,
    reason="amount_off of a coupon cannot change once it exists",
    refused="amount_off of a coupon cannot change once it exists",
    hint="declare a new coupon under another name, and take this one out when nothing uses it",
    remote_id="acme-spring",
    diffs=(diff("amount_off", "500", "750", forces=True),),
    currency="gbp",
    source=SourceRange("specs/coupons.yaml", 9, 5),
)
DRIFT = (
    Drift(
        address=PRO,
        remote_id="prod_pro",
        name="name",
        applied="Pro Plus",
        known=True,
        live="Pro",
        told=Told(event="evt_1Nv0", at=1_799_990_000, request_id="req_9aBc"),
    ),
    Drift(address=PRO, remote_id="prod_pro", name="description", applied=None, known=False, live="Edited by hand"),
    Drift(
        address=Address("promotion_code", "gift"),
        remote_id="promo_1Nv0ff",
        name="restrictions[minimum_amount]",
        applied=None,
        known=True,
        live="2000",
    ),
)
WARNING = Diagnostic(
    code="BP2101",
    severity=Severity.WARNING,
    summary="a key of live mode is in use without stripe.account",
    source=SourceRange("billplan.yaml", 4, 1),
    hint="add account: acct_1Nv0FGQ9RKHgCVdK under stripe:",
)

EVERYTHING = Plan(
    header=header(),
    changes=(
        REFUSED_COUPON,
        DELETE_COUPON,
        ADOPT_METER,
        REPLACE_TIERS,
        ARCHIVE_PRICE,
        REPLACE_PRICE,
        FINAL_UPDATE,
        CREATE_PRICE,
        UPDATE_PRODUCT,
        CREATE_PRODUCT,
    ),
    steps=(
        create_step(1, CREATE_PRODUCT.address, {"name": "Team", "metadata": {"tier": "2"}}),
        create_step(2, CREATE_PRICE.address, {"product": Ref(CREATE_PRODUCT.address), "unit_amount": 490000}),
        update_step(3, PRO, "prod_pro", {"name": "Pro Plus", "metadata": {"owner": "john@example.com"}}),
    ),
    drift=DRIFT,
    diagnostics=(WARNING,),
    refusals=("2 of 5 prices would be archived (40 %, the limit is 30 %): raise guards.max_retire_percent",),
    unmanaged={"price": 12, "product": 1},
    unchanged=1_041,
    complete=False,
)

APPLICABLE = Plan(
    header=header(),
    changes=(REPLACE_PRICE, UPDATE_PRODUCT),
    steps=EVERYTHING.steps,
    unchanged=3,
)

COSMETIC = Plan(
    header=header(livemode=False, environment=None),
    changes=(CREATE_PRODUCT,),
    steps=EVERYTHING.steps[:1],
)

EMPTY = Plan(header=header(livemode=False), changes=(), steps=(), unchanged=42)

HOSTILE = Plan(
    header=header(livemode=False, environment="[red]prod\x1b[0m"),
    changes=(
        Change(
            address=Address("product", "a|b`c\x1b]0;owned\x07", "x@evil.example"),
            action=Action.UPDATE,
            change_class=ChangeClass.COSMETIC,
            reason="3 fields differ [bold]not bold[/bold] <img src=x> | @everyone #1 http://evil.example",
            remote_id="prod_<b>",
            diffs=(
                diff("name", "\x1b[2J\x1b[1;31mPro", "Pro \u202egnp.exe | `rm` </details><script>"),
                diff("description", "line\r\nline", "x" * 300 + "y"),
                diff("metadata[key]", "sk_live_51Habcdefghijk", "[link](http://evil.example) **bold** \\"),
                diff("statement_descriptor", "", "   "),
                diff("url", "ann@example.com", "amy@example.com"),
            ),
            notes=("```\n<!-- billplan:acme:production -->",),
            hint="",
        ),
    ),
    steps=(),
)


def many(count: int) -> Plan:
    """Make a plan of so many price creations, and one archived price that must not drown among them."""
    creations = tuple(
        Change(
            address=Address("price", f"p{n}"),
            action=Action.CREATE,
            change_class=ChangeClass.MONEY,
            reason="not in Stripe yet",
            after={"product": Ref(PRO), "currency": "usd", "unit_amount": str(100 + n), "recurring": MONTH},
            currency="usd",
        )
        for n in range(count)
    )
    return Plan(header=header(), changes=(*creations, ARCHIVE_PRICE, CREATE_PRODUCT), steps=())


def rows(kind: str, counts: Mapping[Action, int]) -> Plan:
    """Make a plan over so many rows of a bulk kind for each action."""
    changes = tuple(
        Change(
            address=Address(kind, "zuora", f"{action.value}_{n:06}"),
            action=action,
            change_class=ChangeClass.MONEY,
            reason="declared, and not in Stripe yet",
            refused="its start has passed" if action is Action.REFUSED else "",
            hint="give it a later start_date" if action is Action.REFUSED else "",
            after={"customer": f"cus_{n}", "start_date": 1_830_000_000},
            source=SourceRange("migrations/zuora.csv", n + 2, 1),
        )
        for action, count in counts.items()
        for n in range(count)
    )
    return Plan(header=header(), changes=changes, steps=())
