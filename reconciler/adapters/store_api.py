"""What lives in the store, behind the billing port and in Stripe's manner: so it is planned and applied as all else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn

from reconciler.adapters.sql_resources import Remembered, Resources
from reconciler.core.idempotency import Scope
from reconciler.core.kind import STORE_PATH
from reconciler.core.values import Value, digest
from reconciler.errors import RemoteRejected
from reconciler.ports.billing import Answer, always
from reconciler.store.database import Database

# The collections that there are, by path, and the kind of what they hold.
_COLLECTIONS: Mapping[str, str] = {"features": "feature", "product_mappings": "product_mapping"}
_PAGE, _LARGEST_PAGE = 10, 100
_LISTING = frozenset({"limit", "starting_after"})
# What Stripe sets, and takes from nobody.
_FIXED = frozenset({"object", "created"})

Body = dict[str, Value]


class StoreApi:
    """Answers requests below /billplan/ as Stripe would: each is one transaction, and a POST under a key happens once.

    Safe from several threads and processes. An update puts values in the place of the former ones, merges metadata key
    by key, and unsets what it is given an empty text for. Only what succeeded is kept under its key: what was refused
    has changed nothing. `now` is epoch seconds, UTC. `exists` says whether there is a store, since looking must not
    make one: what is not there holds nothing. It says None where nobody tells where the store is; then to look raises
    what opening it raises. Raises StoreError where the store fails.
    """

    def __init__(
        self,
        database: Callable[[], Database],
        scope: Scope,
        now: Callable[[], int],
        exists: Callable[[], bool | None] = lambda: True,
    ) -> None:
        self._database = database
        self._scope = scope
        self._now = now
        self._exists = exists

    def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, Value],
        *,
        idempotency_key: str | None = None,
        before_send: Callable[[], None] = always,
    ) -> Answer:
        """Answer one request; raise RemoteRejected for a no. A POST without an idempotency key is a ValueError."""
        collection, _, id = path.removeprefix(STORE_PATH).partition("/")
        kind = _COLLECTIONS.get(collection)
        if kind is None or (method, bool(id)) == ("delete", False):
            _refuse(404, "", f"Unrecognized request URL ({method.upper()}: {path})")
        before_send()
        match method:
            case "get":
                return self._answer(self._read(kind, id, params))
            case "post":
                if not idempotency_key:
                    raise ValueError(f"{method} {path}: a POST needs an idempotency key")
                return self._post(kind, id, params, idempotency_key)
            case "delete":
                return self._answer(self._delete(kind, id))
            case _:
                raise ValueError(f"{method} {path}: not a method of this API")

    def _answer(self, body: Mapping[str, Value], *, replayed: bool = False) -> Answer:
        return Answer(body=body, request_id=None, date=self._now(), replayed=replayed)

    def _read(self, kind: str, id: str, params: Mapping[str, Value]) -> Mapping[str, Value]:
        if self._exists() is False:
            return _missing(kind, id) if id else _list([], False)
        with self._database().read() as connection:
            resources = Resources(connection, self._scope)
            if id:
                return resources.one(kind, id) or _missing(kind, id)
            return _listed(resources, kind, params)

    def _post(self, kind: str, id: str, params: Mapping[str, Value], key: str) -> Answer:
        request = digest([kind, id, params])
        with self._database().write() as connection:
            resources = Resources(connection, self._scope)
            resources.serialise()
            before = resources.remembered(key)
            if before is not None and before.request != request:
                words = (
                    "Keys for idempotent requests can only be used with the same parameters they were first used with"
                )
                _refuse(400, "", words, kind="idempotency_error")
            if before is not None:
                return self._answer(before.body, replayed=True)
            now = self._now()
            body = _change(resources, kind, id, params) if id else _create(resources, kind, params, now)
            resources.remember(key, Remembered(request=request, body=body), now)
        return self._answer(body)

    def _delete(self, kind: str, id: str) -> Body:
        with self._database().write() as connection:
            resources = Resources(connection, self._scope)
            resources.serialise()
            if resources.one(kind, id) is None:
                _missing(kind, id)
            resources.drop(kind, id)
        return {"id": id, "object": kind, "deleted": True}


def _create(resources: Resources, kind: str, params: Mapping[str, Value], now: int) -> Body:
    id = params.get("id")
    if not isinstance(id, str) or not id:
        _refuse(400, "parameter_missing", "Missing required param: id.", param="id")
    if resources.one(kind, id) is not None:
        _refuse(400, "resource_already_exists", f"{_title(kind)} already exists with ID {id}.", param="id")
    own = {name: value for name, value in params.items() if name != "id"}
    raw = _merged({"id": id, "object": kind, "created": now, "metadata": {}}, own)
    resources.add(kind, raw)
    return raw


def _change(resources: Resources, kind: str, id: str, params: Mapping[str, Value]) -> Body:
    changed = _merged(resources.one(kind, id) or _missing(kind, id), params)
    resources.change(kind, changed)
    return changed


def _merged(raw: Mapping[str, Value], params: Mapping[str, Value]) -> Body:
    fixed = sorted(_FIXED.intersection(params) | ({"id"} & params.keys()))
    if fixed:
        _refuse(400, "parameter_unknown", f"Received unknown parameter: {fixed[0]}", param=fixed[0])
    metadata = params.get("metadata", {})
    kept = {} if metadata == "" else {**raw.get("metadata", {}), **metadata}
    merged = {**raw, **params, "metadata": {name: value for name, value in kept.items() if value != ""}}
    return {name: value for name, value in merged.items() if value != ""}


def _listed(resources: Resources, kind: str, params: Mapping[str, Value]) -> Body:
    unknown = sorted(params.keys() - _LISTING)
    if unknown:
        _refuse(400, "parameter_unknown", f"Received unknown parameter: {unknown[0]}", param=unknown[0])
    limit, cursor = params.get("limit", _PAGE), params.get("starting_after")
    if not 1 <= limit <= _LARGEST_PAGE:
        _refuse(400, "parameter_invalid_integer", f"limit is from 1 to {_LARGEST_PAGE}", param="limit")
    after = None if cursor is None else resources.one(kind, cursor) or _missing(kind, cursor, "starting_after")
    found = resources.page(kind, after, limit + 1)
    return _list(list(found[:limit]), len(found) > limit)


def _list(found: list[Body], more: bool) -> Body:
    return {"object": "list", "data": found, "has_more": more}


def _title(kind: str) -> str:
    return kind.replace("_", " ").capitalize()


def _missing(kind: str, id: str, param: str = "id") -> NoReturn:
    status = 404 if param == "id" else 400
    _refuse(status, "resource_missing", f"No such {kind.replace('_', ' ')}: '{id}'", param=param)


def _refuse(
    status: int, code: str, message: str, *, param: str | None = None, kind: str = "invalid_request_error"
) -> NoReturn:
    raise RemoteRejected(f"the store refused it: {message}", status=status, code=code or None, param=param, kind=kind)
