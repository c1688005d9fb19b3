"""What the grown account sells, as data: 15 products, 42 prices, features, meters, coupons, codes and tax rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MONTH, YEAR = "month", "year"


@dataclass(frozen=True, slots=True)
class Good:
    """A product: what it is called, since which day of the history it is sold, what it gives a right to."""

    key: str
    name: str
    description: str
    since: int = 0
    unit: str | None = None
    features: tuple[str, ...] = ()
    plan: bool = False


@dataclass(frozen=True, slots=True)
class Tag:
    """A price: of which good, over which days of the history it is sold. An interval of None is paid once."""

    good: str
    currency: str
    interval: str | None
    amount: int
    since: int = 0
    until: int | None = None
    meter: str = ""


# The day of the history on which new prices took the place of the first ones, and the Solo plan was given up.
REPRICED = 640
GOODS = (
    Good("starter", "Starter", "For one person.", 0, "seat", ("projects",), True),
    Good("pro", "Pro", "For growing teams.", 0, "seat", ("projects", "api_access"), True),
    Good("business", "Business", "For companies.", 0, "seat", ("projects", "api_access", "roles", "exports"), True),
    Good(
        "enterprise", "Enterprise", "For many teams.", 90, "seat",
        ("projects", "api_access", "roles", "exports", "sso", "audit_log", "priority_support"), True,
    ),
    Good("solo", "Solo", "Our first plan.", 0, None, ("projects",), True),
    Good("seats", "Extra seats", "Each seat beyond those of the plan.", 30, "seat"),
    Good("storage", "Extra storage", "Each 100 GB beyond those of the plan.", 60, "100 GB"),
    Good("api", "API calls", "Calls of the API, as metered.", 30, "call", ("api_access",)),
    Good("sms", "SMS messages", "Messages sent, as metered.", 200, "message"),
    Good("support", "Priority support", "An answer within two hours.", 120, None, ("priority_support",)),
    Good("sso", "Single sign-on", "SAML and SCIM.", 150, None, ("sso",)),
    Good("audit", "Audit log", "Who did what, kept for a year.", 300, None, ("audit_log",)),
    Good("reports", "Custom reports", "Reports of your own making.", 820, None, ("exports",)),
    Good("onboarding", "Onboarding", "Two days with one of us.", 45),
    Good("migration", "Data migration", "From your old tool to ours.", 45),
)  # fmt: skip
TAGS = (
    Tag("starter", "usd", MONTH, 900, 0, REPRICED), Tag("starter", "usd", YEAR, 9000, 0, REPRICED),
    Tag("pro", "usd", MONTH, 2500, 0, REPRICED), Tag("pro", "usd", YEAR, 25000, 0, REPRICED),
    Tag("business", "usd", MONTH, 7900, 0, REPRICED), Tag("business", "usd", YEAR, 79000, 0, REPRICED),
    Tag("solo", "usd", MONTH, 500, 0, REPRICED),
    Tag("starter", "usd", MONTH, 1200, REPRICED), Tag("starter", "usd", YEAR, 12000, REPRICED),
    Tag("starter", "eur", MONTH, 1100), Tag("starter", "eur", YEAR, 11000), Tag("starter", "gbp", MONTH, 1000, 200),
    Tag("pro", "usd", MONTH, 2900, REPRICED), Tag("pro", "usd", YEAR, 29000, REPRICED),
    Tag("pro", "eur", MONTH, 2700), Tag("pro", "eur", YEAR, 27000), Tag("pro", "gbp", MONTH, 2400, 200),
    Tag("pro", "jpy", MONTH, 4400, 400),
    Tag("business", "usd", MONTH, 9900, REPRICED), Tag("business", "usd", YEAR, 99000, REPRICED),
    Tag("business", "eur", MONTH, 9200), Tag("business", "eur", YEAR, 92000), Tag("business", "gbp", MONTH, 8200, 200),
    Tag("business", "jpy", MONTH, 14800, 400),
    Tag("enterprise", "usd", MONTH, 49900, 90), Tag("enterprise", "usd", YEAR, 499000, 90),
    Tag("enterprise", "eur", MONTH, 46900, 90), Tag("enterprise", "eur", YEAR, 469000, 90),
    Tag("seats", "usd", MONTH, 800, 30), Tag("seats", "usd", YEAR, 8000, 30), Tag("seats", "eur", MONTH, 750, 30),
    Tag("storage", "usd", MONTH, 1500, 60),
    Tag("api", "usd", MONTH, 0, 30, None, "api_calls"), Tag("api", "eur", MONTH, 0, 30, None, "api_calls"),
    Tag("sms", "usd", MONTH, 4, 200, None, "sms_messages"),
    Tag("support", "usd", MONTH, 19900, 120), Tag("support", "eur", MONTH, 18900, 120),
    Tag("sso", "usd", MONTH, 12500, 150), Tag("audit", "usd", MONTH, 5000, 300),
    Tag("reports", "usd", MONTH, 3500, 820),
    Tag("onboarding", "usd", None, 150000, 45), Tag("migration", "usd", None, 90000, 45),
)  # fmt: skip

# Metered calls in tiers: the first are free, then a fraction of a cent each.
TIERS: tuple[dict[str, Any], ...] = (
    {"up_to": 10000, "unit_amount": 0},
    {"up_to": 1000000, "unit_amount_decimal": "0.02"},
    {"up_to": "inf", "unit_amount_decimal": "0.008", "flat_amount": 500},
)

# By lookup key.
FEATURES = {
    "projects": "Projects",
    "api_access": "Access to the API",
    "roles": "Roles and permissions",
    "exports": "Exports and reports",
    "sso": "Single sign-on",
    "audit_log": "Audit log",
    "priority_support": "Priority support",
    "beta": "Beta programme",
}
ARCHIVED_FEATURE = "beta"

# By event name: how it is called, how its values add up, since which day.
METERS = {
    "api_calls": ("API calls", "sum", 20),
    "sms_messages": ("SMS messages", "count", 190),
    "storage_gb": ("Storage in GB", "last", 50),
    "page_views": ("Page views", "sum", 10),
}
IDLE_METER = "page_views"

# By id: what it takes off and for how long, since which day.
COUPONS: dict[str, tuple[dict[str, Any], int]] = {
    "WELCOME10": ({"name": "Welcome", "percent_off": "10", "duration": "once"}, 5),
    "LAUNCH25": (
        {
            "name": "Launch",
            "percent_off": "25",
            "duration": "repeating",
            "duration_in_months": 3,
            "max_redemptions": 500,
        },
        5,
    ),
    "FRIENDS": ({"name": "Friends of the house", "percent_off": "15", "duration": "forever"}, 40),
    "TENOFF": (
        {
            "name": "Ten off",
            "amount_off": 1000,
            "currency": "usd",
            "currency_options": {"eur": {"amount_off": 900}, "jpy": {"amount_off": 1500}},
            "duration": "once",
            "metadata": {"campaign": "spring"},
        },
        410,
    ),
    "EDU50": ({"name": "Schools", "percent_off": "50", "duration": "forever", "metadata": {"audience": "edu"}}, 200),
    "NEW12": ({"name": "Twelve and a half", "percent_off": "12.5", "duration": "once"}, 1085),
}  # fmt: skip
# For these goods only; and how often some were redeemed, the last one as often as it may be.
APPLIES = {"EDU50": ("pro", "business")}
REDEEMED = {"WELCOME10": 184, "LAUNCH25": 212, "FRIENDS": 31, "BLACKFRIDAY": 77, "HELLO": 140, "LAUNCH": 200}
# Redeemable until this day, and so no longer.
BYGONE_COUPON = ("BLACKFRIDAY", {"name": "Black Friday", "percent_off": "40", "duration": "once"}, 690, 700)

# Code, coupon, since which day, further parameters.
CODES: tuple[tuple[str, str, int, dict[str, Any]], ...] = (
    ("HELLO", "WELCOME10", 6, {}),
    ("LAUNCH", "LAUNCH25", 6, {"max_redemptions": 200}),
    ("FRIEND-OF-ADA", "FRIENDS", 41, {"metadata": {"partner": "ada"}}),
    ("FRIEND-OF-BEN", "FRIENDS", 45, {"active": False}),
    ("SPRING10", "TENOFF", 411, {"restrictions": {"minimum_amount": 2000, "minimum_amount_currency": "usd"}}),
    ("FIRST", "WELCOME10", 500, {"restrictions": {"first_time_transaction": True}}),
    ("SCHOOL", "EDU50", 201, {}),
    ("BF40", "BLACKFRIDAY", 690, {}),
    ("TWELVE", "NEW12", 1086, {}),
)

# Name, percentage, country, state, type, inclusive, active, since which day.
TAX_RATES = (
    ("Sales tax", "8.875", "US", "NY", "sales_tax", False, True, 3),
    ("Sales tax", "6.25", "US", "TX", "sales_tax", False, True, 3),
    ("MwSt.", "19", "DE", None, "vat", False, True, 3),
    ("TVA", "20", "FR", None, "vat", False, True, 3),
    ("VAT", "20", "GB", None, "vat", True, True, 200),
    ("MWST", "7.7", "CH", None, "vat", True, False, 10),
    ("MWST", "8.1", "CH", None, "vat", True, True, 330),
    ("消費税", "10", "JP", None, "jct", True, True, 400),
)
