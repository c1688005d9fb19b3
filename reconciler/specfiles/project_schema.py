"""The JSON Schema of `billplan.yaml` and of `environments/NAME.yaml`, by which both are checked."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

from reconciler.core.fields import ChangeClass
from reconciler.core.money import CURRENCIES
from reconciler.kinds import BY_NAME
from reconciler.specfiles.durations import PATTERN as DURATION

Schema: TypeAlias = "dict[str, Any]"

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VARIABLE_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_COUNTS = {
    "max_changes": "changes of any kind in one plan",
    "max_creates": "creations in one plan",
    "max_updates": "updates in place in one plan",
    "max_replaces": "replacements in one plan",
    "max_retires": "retirements in one plan",
}
_PERCENTAGES = {
    "max_retire_percent": "live resources of a kind that one plan retires, in percent; 30 unless declared",
    "max_update_percent": "live resources of a kind that one plan updates, in percent",
}
_CEILINGS = {
    "max_first_charges": "first charges of the subscriptions that one plan schedules",
    "max_mrr_moved": "revenue a month of the subscriptions that one plan schedules",
}


def _object(doc: str, properties: Schema, required: tuple[str, ...] = ()) -> Schema:
    described: Schema = {"description": doc, "type": "object", "properties": properties, "additionalProperties": False}
    return {**described, "required": list(required)} if required else described


def _text(doc: str, pattern: str = "", **more: Any) -> Schema:
    return {"description": doc, "type": "string", **({"pattern": f"^(?:{pattern})$"} if pattern else {}), **more}


def _limits() -> Schema:
    rate = {"type": "integer", "minimum": 1, "maximum": 1000}
    return _object(
        "Ceilings of the traffic to Stripe; the documented figures unless declared.",
        {
            "global_rps": {"description": "Requests a second in all.", **rate},
            "endpoint_rps": {"description": "Requests a second to one endpoint.", **rate},
            "concurrency": {"description": "Requests at once.", "type": "integer", "minimum": 1, "maximum": 256},
        },
    )


def _stripe() -> Schema:
    return _object(
        "The Stripe account.",
        {
            "mode": {"description": "Must match the key.", "enum": ["test", "live"]},
            "account": _text("Must match the key's account.", "acct_[A-Za-z0-9]+"),
            "api_key": _text("Where the key is: env:NAME or file:PATH.", "env:[A-Za-z_][A-Za-z0-9_]*|file:.+"),
            "api_base": _text(
                "The address of the API: https, or http on this machine.",
                r"https://[^@/?#]+/?|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?/?",
            ),
            "limits": _limits(),
        },
    )


def _ceiling(doc: str) -> Schema:
    return {
        "description": f"At most so much {doc}: minor units by currency, as in {{usd: 1000000}}.",
        "type": "object",
        "propertyNames": {"enum": sorted(CURRENCIES)},
        "additionalProperties": {
            "description": "Minor units: 1000000 is 10,000.00 USD.",
            "type": "integer",
            "minimum": 0,
        },
        "minProperties": 1,
    }


def _guards() -> Schema:
    count = {"type": "integer", "minimum": 0}
    counts: Schema = {name: {"description": f"At most so many {doc}.", **count} for name, doc in _COUNTS.items()}
    percentages: Schema = {
        name: {"description": f"At most so many {doc}.", **count, "maximum": 100} for name, doc in _PERCENTAGES.items()
    }
    limits = counts | percentages
    kinds: Schema = {name: _object(f"Limits for each {name}.", limits) for name in BY_NAME}
    allow = _text("A class of changes, a colon, and a glob of addresses.", f"({'|'.join(ChangeClass)}):.+")
    return _object(
        "Limits beyond which a plan is refused.",
        limits
        | {
            **{name: _ceiling(doc) for name, doc in _CEILINGS.items()},
            "allow": {"description": "Changes that need no --allow.", "type": "array", "items": allow},
            "kinds": _object("Limits for single kinds.", kinds),
        },
    )


def _overridable() -> Schema:
    expiry = "How long a plan can be applied, from 1m to 7d: 90m, 24h, 7d."
    store = "sqlite:.+|postgres(ql)?(\\+[a-z0-9]+)?://.+|env:[A-Za-z_][A-Za-z0-9_]*"
    return {
        "stripe": _stripe(),
        "store": _text("sqlite:PATH, postgresql://user@host/db without a password, or env:NAME.", store),
        "lock": {"description": "external: something outside lets one apply run at a time.", "enum": ["external"]},
        "plan": _object("How plans are made.", {"expires_in": _text(expiry, DURATION)}),
        "guards": _guards(),
        "vars": {
            "description": "Variables for expressions: {{ var.name }}.",
            "type": "object",
            "propertyNames": {"pattern": f"^(?:{VARIABLE_NAME})$"},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        },
    }


@lru_cache(maxsize=1)
def project_schema() -> Schema:
    """Describe `billplan.yaml`."""
    overridable = _overridable()
    stripe = {**overridable["stripe"], "required": ["mode"]}
    return {
        "$schema": DIALECT,
        "title": "billplan project file",
        **_object(
            "What a project is called, which Stripe account it belongs to, and where its specs are.",
            {
                "version": {"description": "The version of this format.", "const": 1},
                "project": _text("The project's name, in its marker on every object.", "[a-z0-9-]{1,24}"),
                **overridable,
                "stripe": stripe,
                "specs": {
                    "description": "Folders and files with specs, relative to this file.",
                    "type": "array",
                    "items": {"type": "string", "minLength": 1},
                    "minItems": 1,
                },
            },
            required=("version", "project", "stripe"),
        ),
    }


@lru_cache(maxsize=1)
def environment_schema() -> Schema:
    """Describe `environments/NAME.yaml`: what it may override, nothing of it required."""
    overrides = _object("Variables and overrides for one environment.", _overridable())
    return {"$schema": DIALECT, "title": "billplan environment file", **overrides}
