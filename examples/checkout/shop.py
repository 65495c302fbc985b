"""A shop whose checkout charges by a new payment gateway, while the flag says so."""

import html
import json
import secrets
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.requests import HTTPConnection
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from examples.checkout.pennon_server import FLAG
from pennon import Client
from pennon.sdk.web import RequestFlags, request_flags, requires_flags
from pennon.sdk.web.asgi import FlagsMiddleware

JAVASCRIPT = Path(__file__).parents[2] / "js"
_COOKIE = "visitor"

Flags = Annotated[RequestFlags, Depends(request_flags)]


def shop(flags_client: Client, *, pennon_url: str, client_key: str) -> FastAPI:
    """Return the shop. *client_key* is for its page, which asks Pennon at *pennon_url* itself."""
    app = FastAPI(title="The example shop")
    app.add_middleware(
        FlagsMiddleware,
        client=flags_client,
        context=lambda scope: {"targetingKey": HTTPConnection(scope).cookies.get(_COOKIE)},
    )
    app.mount("/pennon", StaticFiles(directory=JAVASCRIPT))
    orders: list[str] = []
    page = files("examples.checkout").joinpath("page.html").read_text("utf-8")

    @app.get("/")
    def home(flags: Flags) -> HTMLResponse:
        visitor = flags.context["targetingKey"] or f"visitor-{secrets.token_hex(8)}"
        flags.add(targetingKey=visitor)
        told = json.dumps({"url": pennon_url, "key": client_key, "visitor": visitor})
        body = page.replace("SETTINGS", html.escape(told)).replace("<!-- bootstrap -->", str(flags.bootstrap()))
        response = HTMLResponse(body, headers={"cache-control": "private, no-store"})
        response.set_cookie(_COOKIE, visitor, httponly=True, samesite="lax")
        return response

    @app.post("/api/checkout/pay")
    @requires_flags(FLAG)
    def pay(flags: Flags) -> dict[str, str]:
        gateway = "new" if flags.boolean(FLAG) else "old"
        orders.append(gateway)
        return {"gateway": gateway, "order": str(len(orders))}

    @app.get("/api/orders")
    def list_orders() -> list[str]:
        return orders

    return app
