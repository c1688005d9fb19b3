"""Stripe's error envelope: the emulated error is the exception that is raised for it.

StripeError
├── ParameterError          400  refused before anything ran: never recorded under an idempotency key
├── AuthenticationError     401
├── PermissionDenied        403
├── IdempotencyConflict     400 or 409, about the key itself
├── RateLimited             429  a limit or a lock
├── EmulatorGap             501  Stripe has it, the emulator does not
└── (StripeError itself)    400, 404, 500  raised by a call that had begun: recorded
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

DOC_URL = "https://stripe.com/docs/error-codes/"


class StripeError(Exception):
    """An answer that is not 2xx, as Stripe words it."""

    status = 400
    type = "invalid_request_error"
    recorded = True

    def __init__(self, message: str, param: str | None = None, code: str | None = None, status: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code
        self.status = status or type(self).status
        self.headers: dict[str, str] = {}

    def envelope(self, request_log_url: str) -> dict[str, Any]:
        """The body that Stripe sends for this error."""
        error: dict[str, Any] = {"message": self.message, "request_log_url": request_log_url, "type": self.type}
        if self.code:
            error["code"] = self.code
        if self.code and self.status != EmulatorGap.status:
            error["doc_url"] = DOC_URL + self.code.replace("_", "-")
        if self.param:
            error["param"] = self.param
        return {"error": error}


class ParameterError(StripeError):
    """The parameters were refused, so the call never began."""

    recorded = False


class AuthenticationError(StripeError):
    """No key, a key that the world does not know, or one that was revoked."""

    status = 401
    recorded = False


class PermissionDenied(StripeError):
    """A restricted key without the permission that the endpoint asks for."""

    status = 403
    recorded = False


class IdempotencyConflict(StripeError):
    """The key was used for another request, or its first request is still running."""

    type = "idempotency_error"
    recorded = False


class RateLimited(StripeError):
    """Too many requests, or an object that another request holds locked."""

    status = 429
    recorded = False

    def __init__(self, message: str, code: str, reason: str = "") -> None:
        super().__init__(message, code=code)
        if reason:
            self.headers["Stripe-Rate-Limited-Reason"] = reason


class EmulatorGap(StripeError):
    """Something that Stripe may well do and the emulator does not: said, never guessed."""

    status = 501
    recorded = False

    def __init__(self, what: str, param: str | None = None) -> None:
        super().__init__(f"The emulator does not implement {what}.", param, "emulator_gap")


class ServerError(StripeError):
    """Stripe's own failure; its result is recorded under the idempotency key like any other."""

    status = 500
    type = "api_error"


def not_set_up(resource: str) -> ParameterError:
    """A resource of a product that the account does not have; worded as Stripe does for Issuing."""
    name = resource.partition(".")[0]
    return ParameterError(
        f"Your account is not set up to use {name.replace('_', ' ').title()}. Please visit "
        f"https://dashboard.stripe.com/{name}/overview to get started."
    )


def unknown_parameter(param: str) -> ParameterError:
    """A parameter that the endpoint does not have."""
    return ParameterError(f"Received unknown parameter: {param}", param, "parameter_unknown")


def missing_parameter(param: str) -> ParameterError:
    """A parameter that the endpoint cannot do without."""
    return ParameterError(f"Missing required param: {param}.", param, "parameter_missing")


def empty_parameter(param: str) -> ParameterError:
    """An empty value for something that cannot be unset."""
    return ParameterError(
        f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; "
        f"however '{param}' cannot be unset. You should remove '{param}' from your request or supply a "
        "non-empty value.",
        param,
        "parameter_invalid_empty",
    )


def exclusive_parameters(params: Sequence[str]) -> ParameterError:
    """Parameters of which only one may be given."""
    names = ", ".join(f"`{param}`" for param in params)
    return ParameterError(f"You may only specify one of these parameters: {names}.", params[0], "parameters_exclusive")


def no_such(what: str, id: str, param: str) -> StripeError:
    """A parameter that names an object which does not exist."""
    return StripeError(f"No such {what}: '{id}'", param, "resource_missing")


def not_found(what: str, id: str) -> StripeError:
    """The object in the path does not exist."""
    return StripeError(f"No such {what}: '{id}'", "id", "resource_missing", 404)
