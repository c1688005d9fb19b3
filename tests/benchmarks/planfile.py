"""`python -m tests.benchmarks.planfile [ROWS]`: what it costs to hold, write, read, judge and show a long plan.

The plan is one of a subscription migration's kind: a change and a create for each of 100,000 rows, made here and not
planned, so that nothing but the plan is measured. One process makes and writes it, another one reads it, as `plan` and
`apply` do. A line is a stage: its seconds by the clock and of the processor, and the most memory that the process has
had by its end.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar, cast

from reconciler.adapters.plan_store import load_plan, save_plan
from reconciler.core.address import Address
from reconciler.core.changes import Action, Change
from reconciler.core.collector import collector_paused
from reconciler.core.diagnostics import SourceRange
from reconciler.core.fields import ChangeClass
from reconciler.core.guards import Guards, refusals
from reconciler.core.journal import fold
from reconciler.core.plan import FORMAT_VERSION, Absent, Header, Plan, Step
from reconciler.core.planfile import write_lines
from reconciler.core.planner import Draft
from reconciler.core.selection import select
from reconciler.engine.apply import ApplyOptions, _Execution
from reconciler.kinds import BY_NAME
from reconciler.views.document import json_chunks
from reconciler.views.markdown import render_markdown
from reconciler.views.text import render_text
from tests.benchmarks.measure import peak_megabytes

ROWS = 100_000
KIND, NAME = "subscription_migration", "zuora-2026"
MEGABYTES = 600
_DAY, _START = 86_400, 1_798_761_600
T = TypeVar("T")


def main() -> None:
    """Measure both processes one after the other."""
    part, rows = [*sys.argv[1:], "", ""][:2]
    if part == "make":
        _make(int(rows))
    elif part == "read":
        _read(int(rows))
    else:
        with tempfile.TemporaryDirectory() as folder:
            for which in ("make", "read"):
                command = [sys.executable, "-m", "tests.benchmarks.planfile", which, part or str(ROWS)]
                subprocess.run(command, check=True, env={**os.environ, "BENCH_FOLDER": folder})


def _file() -> Path:
    return Path(os.environ["BENCH_FOLDER"]) / "plan.jsonl"


def _make(rows: int) -> None:
    with collector_paused():
        plan = _timed(f"make {rows:,} changes and steps", lambda: plan_of(rows), f"under {MEGABYTES} MB")
    _timed("write_lines", lambda: sum(map(len, write_lines(plan))), "under 8 s")
    _timed("save_plan", lambda: save_plan(plan, _file()))
    print(f"the file has {_file().stat().st_size / 1_000_000:,.0f} MB")
    _timed("digest", lambda: plan.digest, "under 4 s")
    _timed("digest again", lambda: plan.digest)


def _read(rows: int) -> None:
    plan = _timed("load_plan", lambda: load_plan(_file()), f"under 10 s and {MEGABYTES} MB")
    if len(plan.steps) != rows:
        raise SystemExit(f"{len(plan.steps)} steps were read")
    _timed("digest", lambda: plan.digest, "under 4 s")
    _timed("refusals", lambda: refusals(plan.changes, plan.owned, Guards(max_creates=10)), "under 1 s")
    _timed("applicable, empty, summary", lambda: (plan.applicable, plan.empty, plan.summary))
    draft = Draft(changes=plan.changes, steps=plan.steps, drift=(), unmanaged={}, unchanged=0, owned={})
    _timed("select all", lambda: select(draft, [f"{KIND}.*"]))
    _timed("select one", lambda: select(draft, [f'{KIND}.{NAME}["sub_000007"]']))
    _timed("what an apply does before it sends", lambda: _before_sending(plan))
    text = _timed("text", lambda: render_text(plan, BY_NAME, color=False, width=100), "under 5 s")
    print(f"the text has {text.count(chr(10)):,} lines")
    _timed("markdown", lambda: render_markdown(plan, BY_NAME), "under 5 s")
    _timed("json, piece by piece", lambda: sum(map(len, json_chunks(plan, BY_NAME))))


def _before_sending(plan: Plan) -> None:
    fold(())
    options = ApplyOptions(pins=cast(Any, None), who="bench")
    _Execution(cast(Any, SimpleNamespace(plan=plan)), options, cast(Any, None))


def _timed(name: str, stage: Callable[[], T], bound: str = "") -> T:
    wall, processor = time.perf_counter(), time.process_time()
    done = stage()
    spent = f"{time.perf_counter() - wall:8.2f} s {time.process_time() - processor:8.2f} s of processor"
    peak = peak_megabytes(resource.getrusage(resource.RUSAGE_SELF))
    print(f"{name:<48} {spent} {peak:8,.0f} MB" + (f"   ({bound})" if bound else ""), flush=True)
    return done


def plan_of(rows: int) -> Plan:
    """Make a plan that schedules so many subscriptions."""
    header = Header(
        format_version=FORMAT_VERSION,
        tool_version="0.1.0",
        account="acct_bench",
        livemode=False,
        api_version="2025-09-30.clover",
        project="acme",
        spec_digest="5f2c",
        created_at=_START - 40 * _DAY,
        expires_at=_START - 39 * _DAY,
    )
    addresses = [Address(KIND, NAME, f"sub_{n:06}") for n in range(rows)]
    changes = tuple(_change(address, n) for n, address in enumerate(addresses))
    steps = tuple(_step(address, n) for n, address in enumerate(addresses))
    return Plan(header=header, changes=changes, steps=steps, owned={"price": 40}, unchanged=12)


def _change(address: Address, n: int) -> Change:
    start = _START + n % 28 * _DAY
    return Change(
        address=address,
        action=Action.CREATE,
        change_class=ChangeClass.MONEY,
        reason="not scheduled in Stripe yet",
        after={
            "customer": f"cus_{n:014}",
            "start_date": start,
            "end_behavior": "release",
            "collection_method": "charge_automatically",
            "proration_behavior": "none",
            "currency": "usd",
            "trial_end": start + 14 * _DAY,
            "batch": "canary" if n % 100 == 0 else "rest",
            "metadata[third_party_sub_id]": f"sub_{n:06}",
            "metadata[batch]": "rest",
            "metadata[region]": "emea",
            "items": [{"price": f"price_{n % 40:014}", "quantity": 1 + n % 5}],
        },
        notes=(f"first charge of {19 + n % 5}.00 USD on day {n % 28 + 15}, then every month; no charge before.",),
        currency="usd",
        source=SourceRange("migrations/zuora.csv", n + 2, 1),
    )


def _step(address: Address, n: int) -> Step:
    start = _START + n % 28 * _DAY
    return Step(
        id=f"{address}/create",
        address=address,
        kind="subscription_schedule",
        title=f"schedule {address}",
        method="post",
        path="/v1/subscription_schedules",
        params={
            "customer": f"cus_{n:014}",
            "start_date": start,
            "end_behavior": "release",
            "metadata": {
                "billplan_project": "acme",
                "billplan_address": str(address),
                "billplan_digest": f"1:{n:032x}",
                "third_party_sub_id": f"sub_{n:06}",
            },
            "phases": [
                {**_phase(n), "trial": True, "end_date": start + 14 * _DAY},
                {**_phase(n), "collection_method": "charge_automatically", "end_date": start + 365 * _DAY},
            ],
        },
        precondition=Absent(incarnations=(), natural_key=None),
        expect={"customer": f"cus_{n:014}", "start_date": start, "metadata[billplan_project]": "acme"},
        undo="with state: canceled, before it starts",
    )


def _phase(n: int) -> dict[str, Any]:
    return {
        "items": [{"price": f"price_{n % 40:014}", "quantity": 1 + n % 5}],
        "metadata": {"third_party_sub_id": f"sub_{n:06}", "batch": "rest", "region": "emea"},
        "proration_behavior": "none",
        "collection_method": "charge_automatically",
    }


if __name__ == "__main__":
    main()
