"""The key that a request carries."""

from starlette.requests import Request


def presented_key(request: Request) -> str:
    """What stands in X-API-Key, or in Authorization as a bearer token; empty when there is neither."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return request.headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")
