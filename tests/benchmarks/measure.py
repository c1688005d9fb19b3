"""Figures: how long a command took and how much memory, and how a figure is printed."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# ru_maxrss is in kilobytes, on macOS in bytes.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A finished command. `lines` are its output, each with the seconds since the start at which it came."""

    seconds: float
    processor_seconds: float
    megabytes: float
    lines: tuple[tuple[float, str], ...]


def run_command(arguments: Sequence[str], *, folder: Path, environ: Mapping[str, str]) -> Command:
    """Run billplan in a process of its own; its time includes the interpreter's start. It must succeed.

    A child's peak memory begins with that of the process which starts it, so that one must stay small.
    """
    started = time.monotonic()
    command = [sys.executable, "-m", "reconciler", *arguments]
    errors = folder / "stderr.txt"
    with errors.open("w", encoding="utf-8") as stderr:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=stderr, text=True)
    stdout = process.stdout
    lines = [] if stdout is None else [(time.monotonic() - started, line.rstrip("\n")) for line in stdout]
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if stdout is not None:
        stdout.close()
    if process.returncode:
        raise SystemExit(f"billplan {arguments[0]} ended with {process.returncode}: {errors.read_text('utf-8')}")
    return Command(
        seconds=seconds,
        processor_seconds=usage.ru_utime + usage.ru_stime,
        megabytes=peak_megabytes(usage),
        lines=tuple(lines),
    )


def peak_megabytes(usage: resource.struct_rusage) -> float:
    """The most memory that a process ever had."""
    return usage.ru_maxrss * _RSS_UNIT / _MEGABYTE


def print_figure(name: str, value: float, unit: str, bound: str = "") -> None:
    """Print one figure as a line: its name, value and unit, and the bound that it is held against."""
    number = f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
    beside = f"   ({bound})" if bound else ""
    print(f"{name:<80} {number:>12} {unit}{beside}", flush=True)
