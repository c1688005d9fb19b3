"""How long a plan of bindings takes over a synced account: `python -m tests.benchmarks.binding_plan [SIZE]...`.

Of the customers 3% have no e-mail address, and 5% share one with another.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

from reconciler.core.planfile import read_lines, write_lines
from reconciler.emulator.shapes import customer
from reconciler.emulator.world import World
from reconciler.engine.look import RefreshMode
from reconciler.kinds import BY_NAME
from reconciler.specfiles.project_file import load_project
from reconciler.specfiles.project_specs import gather_specs
from reconciler.views.text import render_text
from tests.engine.binding_account import BindingAccount

WITHOUT, SHARED = 3, 5


def people(world: World, count: int) -> list[str]:
    """Put so many customers into an account; return the e-mail addresses of users, one each."""
    table, emails = world.tables["customer"], []
    for n in range(count):
        share = n % 100
        email = None if share < WITHOUT else f"User.{n - share if share < WITHOUT + SHARED else n}@example.com"
        params = {"email": email, "invoice_prefix": f"P{n}", "metadata": {"plan": "pro"}, "name": f"User {n}"}
        table.put(customer.build(world, params, f"cus_{n:08}", 1_794_000_000 + n))
        emails.append(email or f"nobody.{n}@example.com")
    return emails


def specs_in(folder: Path, emails: list[str]) -> Path:
    """Write a project whose users lie in a CSV file."""
    (folder / "specs").mkdir()
    rows = "".join(f"user_{n},{email.lower()}\n" for n, email in enumerate(emails))
    (folder / "users.csv").write_text(f"id,mail\n{rows}", encoding="utf-8")
    source = "customer_binding_sources:\n  app: {csv: users.csv, columns: {external_id: id, email: mail}}\n"
    (folder / "specs" / "a.yaml").write_text(source, encoding="utf-8")
    (folder / "billplan.yaml").write_text("version: 1\nproject: acme\nstripe: {mode: test}\n", encoding="utf-8")
    return folder / "billplan.yaml"


def measure(count: int, folder: Path) -> None:
    """Measure one size."""
    account = BindingAccount(folder)
    file = load_project(specs_in(folder, people(account.world, count)), environment=None, variables={}, var_files=())
    account.sync()
    started = time.monotonic()

    def told(what: str) -> None:
        nonlocal started
        print(f"{count:>8,}  {what:24}{time.monotonic() - started:7.2f} s", flush=True)
        started = time.monotonic()

    specs = gather_specs(file)
    told("load")
    plan = account.plan(specs, refresh=RefreshMode.AUTO)
    told(f"plan ({len(plan.steps):,} steps)")
    lines = list(write_lines(plan))
    told("write")
    assert read_lines(lines).digest == plan.digest
    told("read, digest")
    render_text(plan, BY_NAME, color=False, width=100)
    told("show")
    account.close()


def main() -> None:
    """Measure every size that is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", nargs="*", type=int, default=[10_000, 100_000])
    for count in parser.parse_args().sizes:
        with tempfile.TemporaryDirectory() as folder:
            measure(count, Path(folder))
        print(f"{count:>8,}  most memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024:>18,} MB")


if __name__ == "__main__":
    main()
