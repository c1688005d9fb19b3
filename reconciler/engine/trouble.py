"""The trouble of one request: what it comes to where a look found nothing of it, and how it is told."""

from __future__ import annotations

from reconciler.core.results import Outcome
from reconciler.errors import OutcomeUnknown, RemoteError


def open_outcome(error: RemoteError) -> Outcome:
    """Tell what a request without an answer of its own has come to, where a look found nothing of it.

    Stripe calls the outcome of a 5xx indeterminate (https://docs.stripe.com/error-low-level): behind a gateway's 502
    the request may still be running, and commit after our look. So it is in doubt, as after a lost connection; only
    what was turned away (429) or never left has failed. Nothing can be done twice either way: the attempt's key is not
    given up, so the next run of this plan has the same key while Stripe keeps it and gets the late answer replayed;
    after that, and for a new plan, the listing shows what was made. A 5xx that is replayed is recorded, and final: that
    key makes nothing any more, and the next attempt's is taken once a look has shown that it made nothing before.
    """
    indeterminate = isinstance(error, OutcomeUnknown) or (error.status or 0) >= 500
    return Outcome.IN_DOUBT if indeterminate else Outcome.FAILED


def said(error: RemoteError) -> str:
    """Say what Stripe said, with the way out."""
    return f"{error.message}{f' ({error.hint})' if error.hint else ''}"
