"""Security: how clients say who they are, from the `security` of routes, routers and guards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from arlen_core.errors import StartupError

if TYPE_CHECKING:
    from arlen_openapi.walks import Step

__all__ = ["requirements", "schemes"]

_KINDS = {
    "apiKey": {"name", "in"},
    "http": {"scheme"},
    "mutualTLS": set(),
    "oauth2": {"flows"},
    "openIdConnect": {"openIdConnectUrl"},
}
"""What each type of scheme has to say (OpenAPI 3.1 §4.8.27)."""


def requirements(step: Step) -> list[dict[str, list[str]]] | None:
    """Return the alternatives of a route, any of which is enough; `[]` for nobody in particular, `None` for unsaid.

    What the route or its routers say counts; without that, what its guards and middleware say, the innermost first.

    Raises `StartupError` for a scheme that the application does not have.
    """
    told = step.options.get("security")
    for each in (*reversed(step.guards), *reversed(step.middleware)):
        told = getattr(each, "security", None) if told is None else told
    if told is None:
        return None
    return [_one(each, step) for each in told]


def schemes(known: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the schemes of an application, checked and sorted by name; raises `StartupError` for a wrong one.

    >>> schemes({"key": {"type": "apiKey", "name": "X-Key", "in": "header"}})
    {'key': {'type': 'apiKey', 'name': 'X-Key', 'in': 'header'}}
    """
    for name, scheme in known.items():
        missing = sorted(_KINDS.get(scheme.get("type", ""), {"type"}) - set(scheme))
        if scheme.get("type") not in _KINDS or missing:
            reason = f"the security scheme {name!r} says no {' and no '.join(missing or ['known type'])}"
            fix = f"a type is one of {', '.join(_KINDS)}; see OpenAPI 3.1, Security Scheme Object"
            raise StartupError(reason, fix=fix, code="openapi_scheme")
    return {name: dict(known[name]) for name in sorted(known)}


def _one(told: Any, step: Step) -> dict[str, list[str]]:
    pairs: Mapping[str, Sequence[str]] = {told: ()} if isinstance(told, str) else told
    unknown = sorted(set(pairs) - set(step.app.schemes))
    if unknown:
        raise StartupError(
            f"{step.route.template} ({step.route.source}): there is no security scheme {unknown[0]!r}",
            fix=f"declare it: app.schemes[{unknown[0]!r}] = {{'type': 'http', 'scheme': 'bearer'}}",
            code="openapi_scheme",
        )
    return {name: list(scopes) for name, scopes in pairs.items()}
