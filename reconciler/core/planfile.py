"""The plan file: a plan as lines of JSON and back, with a hash that notices any changed byte. Pure: knows no disk.

A header, a line for each change, drift, diagnostic and step, and a footer. Every line is ASCII, so that no reader's
idea of encodings or line ends can change what is hashed; the hash covers every byte that precedes it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from reconciler.core.address import Address, parse_address
from reconciler.core.plan import FORMAT_VERSION, Header, Plan
from reconciler.core.plan_records import SECTIONS, read_part, records
from reconciler.core.product_use import ProductUse, UsedProduct
from reconciler.core.values import Value, revive, to_json
from reconciler.errors import BillplanError

_AGAIN = "make the plan again"
_SEAL = re.compile(r'(?P<sealed>.*),"sha256":"(?P<sha256>[0-9a-f]{64})"\}')
_Record = dict[str, Any]
# Made once: json.dumps would make another one for each line. What to_json made has no circles to look for.
_write = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
# So many texts are remembered at a time: what repeats comes again soon, and what does not must not pile up.
_REMEMBERED = 50_000


def write_lines(plan: Plan) -> Iterator[str]:
    """Write a plan line by line, each with its line end."""
    hashed = hashlib.sha256()
    for record in records(plan):
        line = _line(record) + "\n"
        hashed.update(line.encode("ascii"))
        yield line
    footer = _line(
        {
            "type": "footer",
            "counts": _counts(plan),
            "refusals": plan.refusals,
            "unmanaged": plan.unmanaged,
            "unchanged": plan.unchanged,
            "owned": plan.owned,
            "complete": plan.complete,
            **_use(plan.product_use),
        }
    )[:-1]
    hashed.update(footer.encode("ascii"))
    yield f'{footer},"sha256":"{hashed.hexdigest()}"}}\n'


def read_lines(lines: Iterable[str]) -> Plan:
    """Read what `write_lines` wrote; raise BillplanError if it is of another version, truncated or changed."""
    numbered = ((n, line.removesuffix("\n")) for n, line in enumerate(lines, 1))
    hashed = hashlib.sha256()
    first = next(numbered, (1, ""))[1]
    header = _read_header(first)
    hashed.update(_ascii(first, 1) + b"\n")
    parts: dict[str, list[Any]] = {section: [] for section in SECTIONS}
    reading = _Reading()
    for number, line in numbered:
        record = _parsed(reading, line, number, numbered)
        if record.get("type") == "footer":
            _check_seal(line, number, hashed)
            if next(numbered, None) is not None:
                raise _corrupt("something follows its last line")
            _check_counts(record, parts)
            return _plan(header, record, parts)
        hashed.update(_ascii(line, number) + b"\n")
        section = str(record.get("type"))
        if section not in parts:
            raise _corrupt(f"line {number} is of no known type")
        parts[section].append(_built(reading.part, record, number))
    raise _truncated("its last line is missing")


def _plan(header: Header, footer: _Record, parts: Mapping[str, list[Any]]) -> Plan:
    return Plan(
        header=header,
        changes=tuple(parts["change"]),
        steps=tuple(parts["step"]),
        drift=tuple(parts["drift"]),
        diagnostics=tuple(parts["diagnostic"]),
        refusals=tuple(footer["refusals"]),
        unmanaged=footer["unmanaged"],
        unchanged=footer["unchanged"],
        owned=footer["owned"],
        complete=footer["complete"],
        product_use=_read_use(footer, parts["product"]),
        migrations=tuple(parts["migration"]),
    )


class _Reading:
    """Reads the lines of one plan. What stands in many of them is in memory once: names, texts and addresses, without
    which 100,000 rows take twice the memory."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._addresses: dict[str, Address] = {}
        self.decode = json.JSONDecoder(object_pairs_hook=self._mapping).decode

    def _mapping(self, pairs: list[tuple[str, Value]]) -> Value:
        if len(self._texts) > _REMEMBERED:
            self._texts.clear()
        known = self._texts.setdefault
        # References are revived while the JSON is parsed: walking every value once more would double the time.
        return revive({known(n, n): known(v, v) if type(v) is str else v for n, v in pairs})

    def part(self, record: _Record) -> Any:
        """Build what a line describes."""
        if "address" in record:
            record["address"] = self._address(record["address"])
        return read_part(record)

    def _address(self, text: str) -> Address:
        found = self._addresses.get(text)
        if found is None:
            parsed, known = parse_address(text), self._texts.setdefault
            found = Address(known(parsed.kind, parsed.kind), known(parsed.name, parsed.name), parsed.key)
            self._addresses[text] = found
        return found


def _read_header(line: str) -> Header:
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict) or record.pop("type", None) != "header":
        hint = "`billplan plan --out FILE` makes one"
        raise BillplanError("this is not a plan file: it does not start with a plan's header", hint=hint)
    version = record.get("format_version")
    if version != FORMAT_VERSION:
        message = f"the plan file has format {version}, this billplan reads {FORMAT_VERSION}"
        raise BillplanError(
            message, hint=f"{_AGAIN} with this version of billplan, or apply it with the one that made it"
        )
    header: Header = _built(lambda r: Header(**r), record, 1)
    return header


def _parsed(reading: _Reading, line: str, number: int, following: Iterator[tuple[int, str]]) -> _Record:
    try:
        record = reading.decode(line)
    except ValueError:
        # A writer that was stopped leaves half a line at the end; half a line anywhere else is damage.
        if next(following, None) is None:
            raise _truncated(f"line {number} is cut off") from None
        raise _corrupt(f"line {number} is not JSON") from None
    if not isinstance(record, dict):
        raise _corrupt(f"line {number} is not a record")
    return record


def _built(read: Callable[[_Record], Any], record: _Record, number: int) -> Any:
    try:
        return read(record)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # Damage shows here before the hash at the end of the file is reached.
        raise _corrupt(f"line {number} does not hold what it should ({type(error).__name__})") from None


def _ascii(line: str, number: int) -> bytes:
    if not line.isascii():
        raise _corrupt(f"line {number} is not plain ASCII")
    return line.encode("ascii")


def _check_seal(line: str, number: int, hashed: Any) -> None:
    seal = _SEAL.fullmatch(line)
    if seal is None:
        raise _corrupt("its last line has no hash")
    hashed.update(_ascii(seal["sealed"], number))
    if hashed.hexdigest() != seal["sha256"]:
        raise _corrupt("its content and its hash differ, so something changed it after it was made")


def _check_counts(footer: _Record, parts: Mapping[str, list[Any]]) -> None:
    for section, found in parts.items():
        stated = footer["counts"].get(section, 0)
        if stated != len(found):
            raise _corrupt(f"it says that it has {stated} {section} lines, but there are {len(found)}")


def _truncated(what: str) -> BillplanError:
    return BillplanError(f"plan file is truncated: {what}", hint=_AGAIN)


def _corrupt(what: str) -> BillplanError:
    return BillplanError(f"plan file is corrupt: {what}", hint=_AGAIN)


def _line(record: _Record) -> str:
    return _write(to_json(record))


def _counts(plan: Plan) -> dict[str, int]:
    counts = {"change": len(plan.changes), "drift": len(plan.drift), "diagnostic": len(plan.diagnostics)}
    used = {} if plan.product_use is None else {"product": len(plan.product_use.products)}
    moved = {"migration": len(plan.migrations)} if plan.migrations else {}
    return {**counts, **used, **moved, "step": len(plan.steps)}


def _use(use: ProductUse | None) -> _Record:
    return {} if use is None else {"product_use": {"left_out": use.left_out, "unknown": use.unknown}}


def _read_use(footer: _Record, products: list[UsedProduct]) -> ProductUse | None:
    return ProductUse(products=tuple(products), **footer["product_use"]) if "product_use" in footer else None
