"""`billplan.yaml` with one of its environments: what a project is, and where its account, store and specs are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from reconciler.core.diagnostics import SourceRange, in_order
from reconciler.core.guards import Guards
from reconciler.core.suggest import suggestion
from reconciler.core.values import Value
from reconciler.errors import SpecError
from reconciler.specfiles import codes
from reconciler.specfiles.durations import minutes
from reconciler.specfiles.findings import Findings
from reconciler.specfiles.places import Places
from reconciler.specfiles.project_schema import Schema, environment_schema, project_schema
from reconciler.specfiles.schema_check import check_schema, may_be_secret
from reconciler.specfiles.variables import load_variables
from reconciler.specfiles.yaml_text import Document, load_yaml

FILE_NAME = "billplan.yaml"
ENVIRONMENTS = "environments"
_LONGEST_MINUTES = minutes("7d")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySource:
    """Where a secret is read from: an environment variable, or a file relative to the project's folder."""

    kind: Literal["env", "file"]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficLimits:
    """Ceilings of the traffic to Stripe; None means the documented figure."""

    global_rps: int | None = None
    endpoint_rps: int | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeAccount:
    """The account that a project is for, and how it is reached."""

    mode: Literal["test", "live"]
    account: str | None = None
    api_key: KeySource = KeySource(kind="env", name="STRIPE_API_KEY")
    api_base: str = "https://api.stripe.com"
    limits: TrafficLimits = TrafficLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFile:
    """A project as declared, with its environment and variables merged in.

    `store` is `sqlite:PATH` (relative to the folder), a PostgreSQL address, or a source of one; `expires_in` is in
    seconds; `specs` are paths relative to the folder, and
    `spec_sources` say where they are named.
    """

    path: Path
    folder: Path
    project: str
    stripe: StripeAccount
    version: int = 1
    store: str | KeySource = "sqlite:.billplan/store.db"
    lock: Literal["external"] | None = None
    expires_in: int = 24 * 60 * 60
    specs: tuple[str, ...] = ("specs",)
    guards: Guards = field(default_factory=Guards)
    environment: str | None = None
    variables: Mapping[str, Value] = field(default_factory=dict)
    spec_sources: tuple[SourceRange, ...] = field(default=(), compare=False, repr=False)


def find_project(start: Path) -> Path:
    """Find `billplan.yaml` in a folder or the nearest one above it; raise SpecError where there is none."""
    folder = start.absolute()
    for place in (folder, *folder.parents):
        if (place / FILE_NAME).is_file():
            return place / FILE_NAME
    findings = Findings()
    hint = "run billplan init, or name the file with --config"
    findings.report(codes.NO_PROJECT, f"there is no {FILE_NAME} in {folder} or above", None, hint)
    raise SpecError(findings)


def load_project(
    path: Path, *, environment: str | None, variables: Mapping[str, str], var_files: Sequence[Path]
) -> ProjectFile:
    """Load a project file with an environment and variables; raise SpecError with everything that is wrong."""
    findings = Findings()
    declared, places = _load(path, path.name, project_schema(), findings)
    if environment is not None:
        declared = _merged(declared, _load_environment(path.parent, environment, findings))
    names = {**(declared.get("vars") or {}), **load_variables(var_files, variables, findings)}
    if findings:
        raise SpecError(in_order(findings))
    specs = declared.get("specs", ["specs"])
    return ProjectFile(
        path=path,
        folder=path.parent,
        project=declared["project"],
        stripe=_stripe(declared["stripe"]),
        store=_source(declared.get("store", "sqlite:.billplan/store.db")),
        lock=declared.get("lock"),
        expires_in=minutes(declared.get("plan", {}).get("expires_in", "24h")) * 60,
        specs=tuple(specs),
        spec_sources=tuple(places.nearest(("specs", n)) for n in range(len(specs))),
        guards=_guards(declared.get("guards", {})),
        environment=environment,
        variables=names,
    )


def _load(path: Path, shown: str, schema: Schema, findings: Findings) -> tuple[dict[str, Value], Places]:
    document = load_yaml(path, shown)
    findings.extend(document.diagnostics)
    if document.diagnostics or (document.value is None and "required" not in schema):
        return {}, document.places
    before = len(findings)
    check_schema(document.value, document.places, schema, findings)
    if isinstance(document.value, dict):
        _check_key(document, findings)
        _check_store(document, findings)
        if len(findings) == before:
            _check_expiry(document, findings)
    return (document.value if len(findings) == before else {}), document.places


def _load_environment(folder: Path, name: str, findings: Findings) -> dict[str, Value]:
    # Only names that the folder lists are opened, so that no name can lead out of it.
    files = {p.stem: p for p in (folder / ENVIRONMENTS).glob("*") if p.suffix in (".yaml", ".yml") and p.is_file()}
    if name in files:
        return _load(files[name], f"{ENVIRONMENTS}/{files[name].name}", environment_schema(), findings)[0]
    there_are = f"there are: {', '.join(sorted(files))}" if files else f"there are none in {ENVIRONMENTS}/"
    near = suggestion(name, files)
    hint = f"{near} ({there_are})" if near else there_are
    findings.report(codes.UNKNOWN_ENVIRONMENT, f"there is no environment {name!r}", None, hint)
    return {}


def _merged(below: Mapping[str, Value], above: Mapping[str, Value]) -> dict[str, Value]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def _check_key(document: Document, findings: Findings) -> None:
    stripe = document.value.get("stripe")
    key = stripe.get("api_key") if isinstance(stripe, dict) else None
    if isinstance(key, str) and (not key.startswith(("env:", "file:")) or may_be_secret(key.removeprefix("env:"))):
        path = ("stripe", "api_key")
        findings[:] = [f for f in findings if f.source != document.places.value_at(path)]
        summary = "api_key says where the key is, it is not the key itself"
        hint = "write env:STRIPE_API_KEY or file:PATH; a key that was committed must be rolled"
        findings.report(codes.LITERAL_SECRET, summary, document.places.value_at(path), hint)


def _check_store(document: Document, findings: Findings) -> None:
    store = document.value.get("store")
    if not isinstance(store, str) or store.startswith("env:") or not _holds_password(store):
        return
    at = document.places.value_at(("store",))
    findings[:] = [f for f in findings if f.source != at]
    hint = "write store: env:BILLPLAN_STORE and put the whole address there; a committed password must be changed"
    findings.report(codes.LITERAL_SECRET, "the store's address holds a password", at, hint)


def _holds_password(address: str) -> bool:
    _, separator, rest = address.partition("://")
    if not separator:
        return "password" in address.lower() and not address.startswith("sqlite:")
    # Up to the last @, since a password may itself hold one, or a slash.
    user = re.sub(r"\[[0-9a-fA-F:.]*\]", "", rest.rpartition("@")[0])
    try:
        query = urlsplit(address).query
    except ValueError:
        query = rest.partition("?")[2]
    return ":" in user or any("password" in name.lower() for name, _ in parse_qsl(query, keep_blank_values=True))


def _check_expiry(document: Document, findings: Findings) -> None:
    text = (document.value.get("plan") or {}).get("expires_in")
    if text is not None and minutes(text) > _LONGEST_MINUTES:
        at: SourceRange = document.places.value_at(("plan", "expires_in"))
        findings.report(codes.BAD_SETTING, f"expires_in: {text} is above the maximum of 7d", at)


def _source(text: str) -> str | KeySource:
    return key_source(text) if text.startswith("env:") else text


def key_source(text: str) -> KeySource:
    """Read where a key is: env:NAME or file:PATH."""
    kind, _, name = text.partition(":")
    return KeySource(kind="env" if kind == "env" else "file", name=name)


def _stripe(declared: Mapping[str, Value]) -> StripeAccount:
    given = dict(declared)
    if "api_key" in given:
        given["api_key"] = key_source(given["api_key"])
    if "limits" in given:
        given["limits"] = TrafficLimits(**given["limits"])
    return StripeAccount(**given)


def _guards(declared: Mapping[str, Value]) -> Guards:
    given = dict(declared)
    by_kind = given.pop("kinds", {})
    return Guards(by_kind=by_kind, allow=tuple(given.pop("allow", ())), **given)
