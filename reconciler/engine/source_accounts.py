"""The accounts that migrations come from: whose their keys are, checked before anything is read or sent with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from reconciler.core.migrations import KIND, Migration, SourceAccount
from reconciler.core.plan import Plan
from reconciler.core.source_facts import SOURCE_PATH
from reconciler.engine.outside import Outside
from reconciler.engine.target import Target, check_clock, mode
from reconciler.errors import BillplanError, RemoteRejected, WrongTarget
from reconciler.ports.sources import KeyOwner, Sources


def declared_sources(migrations: Iterable[Migration]) -> dict[str, SourceAccount]:
    """Name the accounts that migrations come from, by migration."""
    return {one.name: one.source_account for one in migrations if one.source_account is not None}


def open_sources(outside: Outside, declared: Mapping[str, SourceAccount], target: Target) -> dict[str, str]:
    """Ask whose the read keys are; return the accounts by migration. Raises WrongTarget for one that cannot be the
    source, and BillplanError for a key that is not there."""
    return {name: _opened(outside, name, source, target, write=False) for name, source in declared.items()}


def check_sources(plan: Plan, outside: Outside, declared: Mapping[str, SourceAccount], target: Target) -> None:
    """See that a plan's source accounts are those of today's keys, and that what it writes there can be written; raise
    WrongTarget where they are not."""
    written = {_account(step.path) for step in plan.steps if step.path.startswith(SOURCE_PATH)}
    writable: set[str] = set()
    for name, account in sorted(plan.header.sources.items()):
        source = declared.get(name)
        if source is None:
            message = f"the plan was made with a source account for {KIND}.{name}, and the specs name none"
            raise WrongTarget(message, hint="make a new plan")
        _check_same(account, _opened(outside, name, source, target, write=False), name)
        if account in written and source.write is not None:
            _check_same(account, _opened(outside, name, source, target, write=True), name)
            writable.add(account)
    for account in written - writable:
        message = f"the plan writes to {account}, and no migration has a write key of it"
        raise WrongTarget(message, hint="source_account: {write: env:OLD_WRITE_KEY}")


def lock_scopes(plan: Plan, target: Target) -> tuple[str, ...]:
    """List what an apply locks, in an order that is the same for all who do."""
    scope = target.scope
    named: Collection[str] = {scope.account, *plan.header.sources.values()}
    return tuple(sorted(f"{account}{str(scope).removeprefix(scope.account)}" for account in named))


def _account(path: str) -> str:
    return path.removeprefix(SOURCE_PATH).partition("/")[0]


def _check_same(planned: str, found: str, name: str) -> None:
    if planned != found:
        message = f"the plan was made for the source account {planned} of {KIND}.{name}, its key is of {found}"
        raise WrongTarget(message, hint=f"give a key of {planned}, or make a new plan")


def _opened(outside: Outside, name: str, source: SourceAccount, target: Target, *, write: bool) -> str:
    if outside.sources is None:
        message = f"{KIND}.{name} comes from another account, which is asked nothing here"
        raise BillplanError(message, hint="plan without --refresh=none")
    owner = _ask(outside.sources, name, source, write=write)
    what = f"{KIND}.{name}: source_account: the {'write' if write else 'read'} key"
    if owner.livemode != target.scope.livemode:
        message = f"{what} is a {mode(owner.livemode)} mode key, and this is {mode(target.scope.livemode)} mode"
        raise WrongTarget(message, hint=f"give a {mode(target.scope.livemode)} mode key of the source account")
    if owner.account == target.scope.account:
        message = f"{what} belongs to {owner.account}, the account that subscriptions are to move to"
        raise WrongTarget(message, hint="give a key of the account that they come from")
    check_clock(outside.clock, owner.date)
    return owner.account


def _ask(sources: Sources, name: str, source: SourceAccount, *, write: bool) -> KeyOwner:
    try:
        return sources.ask(source, write=write)
    except RemoteRejected as error:
        where = source.write if write else source.read
        message = f"{KIND}.{name}: source_account: the key at {where} was refused: {error.message}"
        raise BillplanError(message, hint=error.hint or "give a key of the source account that is in use") from None
