"""API keys of Stripe: which mode one is for, and which ones are of no use here."""

from __future__ import annotations

import re

from reconciler.core.values import Secret
from reconciler.errors import WrongTarget

_USABLE = re.compile(r"(?:sk|rk)_(live|test)_[A-Za-z0-9_]+")
_WHERE = "see stripe.api_key in billplan.yaml (by default it names the environment variable STRIPE_API_KEY)"
_WRONG_KINDS = {
    "sk_org_": (
        "is an organisation's and spans several accounts",
        "use a key of the one account that stripe.account names",
    ),
    "pk_": ("is publishable and can neither read nor write billing", "use a secret (sk_) or restricted (rk_) key"),
    "whsec_": ("is a webhook's signing secret, not an API key", "use a secret (sk_) or restricted (rk_) key"),
}


def key_livemode(key: Secret) -> bool:
    """Tell the mode that a key is for, by its prefix; raise WrongTarget for anything but sk_ and rk_ of one mode.

    Sandboxes have keys of test mode: https://docs.stripe.com/keys.
    """
    usable = _USABLE.fullmatch(key.text)
    for prefix, (why, way_out) in _WRONG_KINDS.items():
        if key.text.startswith(prefix):
            raise WrongTarget(f"the API key {why} ({prefix}...)", hint=f"{way_out}; {_WHERE}")
    if usable is None:
        raise WrongTarget(f"the API key {_what_is_wrong(key.text)}", hint=_WHERE)
    return usable[1] == "live"


def _what_is_wrong(text: str) -> str:
    if not text:
        return "is empty"
    if text.split() != [text]:
        return "holds white space"
    return "starts with none of sk_live_, sk_test_, rk_live_ and rk_test_, or holds characters that no key has"
