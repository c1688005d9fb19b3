"""Stripe's documented rate limits: a bucket for the account and one for each endpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.emulator.errors import RateLimited

ENDPOINT_RATE = 25.0
ROUNDING = 1e-4


class LimitMode(StrEnum):
    """Which account's figures hold: none, a sandbox's or a live account's."""

    OFF = "off"
    TEST = "test"
    LIVE = "live"


GLOBAL_RATE = {LimitMode.TEST: 25.0, LimitMode.LIVE: 100.0}


@dataclass
class Bucket:
    """Tokens that come back at a rate, up to one second's worth."""

    rate: float
    tokens: float
    at: float

    def refill(self, now: float) -> bool:
        """Add what has come back since; true if a token is there to take."""
        self.tokens = min(self.rate, self.tokens + max(now - self.at, 0.0) * self.rate)
        self.at = now
        # A client that keeps exactly to the rate must not fail on the rounding of epoch seconds.
        return self.tokens >= 1 - ROUNDING


@dataclass
class Limits:
    """The buckets of one account."""

    mode: LimitMode = LimitMode.OFF
    buckets: dict[str, Bucket] = field(default_factory=dict)

    def take(self, endpoint: str, now: float) -> None:
        """Count one request; refuses it, and names the bucket, if either is empty."""
        if self.mode is LimitMode.OFF:
            return
        account = self._bucket("", GLOBAL_RATE[self.mode], now)
        named = self._bucket(endpoint, ENDPOINT_RATE, now)
        if not account.refill(now):
            raise rate_limited("global-rate")
        if not named.refill(now):
            raise rate_limited("endpoint-rate")
        account.tokens -= 1
        named.tokens -= 1

    def _bucket(self, name: str, rate: float, now: float) -> Bucket:
        return self.buckets.setdefault(name, Bucket(rate, rate, now))


def rate_limited(reason: str) -> RateLimited:
    """The answer to one request too many."""
    return RateLimited(
        "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.",
        "rate_limit",
        reason,
    )
