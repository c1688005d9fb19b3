"""What an event is worth as evidence of an object, given how new the mirror's row of it is."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from reconciler.core.mirrored import Mirrored, Source, Version, shortened
from reconciler.core.standing import Standing
from reconciler.core.values import Value

# A read may show an object as it was a little while before: a list lags, clocks differ.
LAG_SECONDS = 60
# Events are told to the second, and this machine's clock may be one behind Stripe's.
_BLUR_SECONDS = 2


class Verdict(StrEnum):
    """TAKE the payload, mark the object as GONE, read it because there is a DOUBT, or leave it: the event is OLD."""

    TAKE = "take"
    GONE = "gone"
    DOUBT = "doubt"
    OLD = "old"


def judge(
    event: Mapping[str, Value],
    mirrored: Mirrored,
    version: Version | None,
    standing: Standing,
    api_version: str,
    now: int,
) -> Verdict:
    """Say what to do about an event on an object of this type. Two of one second, or a doubt, are settled by a read.

    `now` is when the look at the events began: a row that claims to be newer was stamped by a clock that was wrong.
    """
    at, gone = int(event["created"]), event["type"] == mirrored.deleted_by
    believed = Verdict.GONE if gone else Verdict.TAKE if _tells_all(event, mirrored, api_version) else Verdict.DOUBT
    if version is None:
        # A whole list did not show it, and yet it was there: or it is gone since, and that was not told.
        return Verdict.DOUBT if _within_listing(at, standing) and not gone else believed
    if version.at > now + LAG_SECONDS or (version.deleted and not gone and at >= version.at):
        return Verdict.DOUBT
    if version.source is Source.EVENT:
        verdict = believed if at > version.at else Verdict.DOUBT if at == version.at else Verdict.OLD
    elif at < version.at - LAG_SECONDS:
        verdict = Verdict.OLD
    else:
        verdict = believed if at > version.at + _BLUR_SECONDS else Verdict.DOUBT
    late = version.at < (standing.started_at or 0) and _within_listing(at, standing)
    # A list has shown the row as it is since then: the event is older than what was seen last.
    return Verdict.DOUBT if late and verdict is not Verdict.OLD else verdict


def _within_listing(at: int, standing: Standing) -> bool:
    return standing.listed_at is not None and at <= standing.listed_at + _BLUR_SECONDS


def _tells_all(event: Mapping[str, Value], mirrored: Mirrored, api_version: str) -> bool:
    """Say whether a payload has the very shape that a list would show: same API version, nothing left out."""
    raw = event["data"]["object"]
    return event.get("api_version") == api_version and not mirrored.expand and not shortened(mirrored, raw)
