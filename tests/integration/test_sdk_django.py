"""Flags of a request under the real Django: the right user, one revision from beginning to end, and no leaks."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import django  # type: ignore[import-untyped]
import pytest
from django.conf import settings  # type: ignore[import-untyped]
from django.http import HttpRequest, HttpResponse, JsonResponse  # type: ignore[import-untyped]
from django.template import loader  # type: ignore[import-untyped]
from django.test import AsyncClient as DjangoAsyncClient  # type: ignore[import-untyped]
from django.test import Client as DjangoClient
from django.urls import path  # type: ignore[import-untyped]

from pennon import Client
from pennon.sdk.web import request_flags, requires_flags
from pennon.testing import InMemorySource, flag

SOURCE = InMemorySource()
CLIENT = Client(source=SOURCE)


@pytest.fixture(autouse=True)
def flags() -> None:
    SOURCE.put(flag("vip").on().serving("off").rule("on", targetingKey=["ada", "7"]), flag("beta").on())


def answer() -> dict[str, Any]:
    """Evaluate by the flags of the request that is served here, with a change in between."""
    first = request_flags().boolean("beta")
    SOURCE.put(flag("beta").off())
    return {"vip": request_flags().boolean("vip"), "same": request_flags().boolean("beta") is first}


class User:
    """As Django's users, as far as this goes."""

    is_authenticated = True
    pk = 7


def sign_in(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    def middleware(request: HttpRequest) -> Any:
        if request.headers.get("x-user"):
            request.user = User()
        return get_response(request)

    return middleware


def django_view(request: HttpRequest) -> JsonResponse:
    assert request.flags is request_flags()
    return JsonResponse(answer())


async def django_async_view(request: HttpRequest) -> JsonResponse:
    await asyncio.sleep(0)
    return JsonResponse(answer())


def django_template_view(request: HttpRequest) -> Any:
    return HttpResponse(loader.render_to_string("home.html", request=request))


@requires_flags("beta")
def django_guarded_view(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("paid")


@requires_flags("beta")
async def django_async_guarded_view(_request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0)
    return HttpResponse("paid")


urlpatterns = [
    path("", django_view),
    path("async", django_async_view),
    path("template", django_template_view),
    path("guarded", django_guarded_view),
    path("async-guarded", django_async_guarded_view),
]


@pytest.fixture(scope="module")
def django_settings() -> None:
    templates = {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "context_processors": ["pennon.sdk.web.django.flags"],
            "loaders": [("django.template.loaders.locmem.Loader", {"home.html": "{{ flags.context.targetingKey }}"})],
        },
    }
    settings.configure(
        DEBUG=False,
        SECRET_KEY="test",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=[f"{__name__}.sign_in", "pennon.sdk.web.django.FlagsMiddleware"],
        PENNON_CLIENT=lambda: CLIENT,
        TEMPLATES=[templates],
    )
    django.setup()


@pytest.mark.usefixtures("django_settings")
def test_django_requests_have_their_flags() -> None:
    web = DjangoClient()
    for place in ("/", "/async"):
        assert web.get(place, headers={"x-user": "7"}).json() == {"vip": True, "same": True}
        assert web.get(place).json() == {"vip": False, "same": True}
    assert web.get("/template", headers={"x-user": "7"}).content == b"7"


@pytest.mark.usefixtures("django_settings")
def test_asynchronous_django_requests_have_their_flags() -> None:
    async def ask() -> list[Any]:
        web = DjangoAsyncClient()
        return [(await web.get(place, headers={"x-user": "7"})).json() for place in ("/", "/async")]

    assert asyncio.run(ask()) == [{"vip": True, "same": True}] * 2


@pytest.mark.usefixtures("django_settings")
def test_django_refuses_requests_with_old_flags() -> None:
    async def ask(place: str) -> Any:
        return await DjangoAsyncClient().get(place, headers=seen)

    seen = {"X-Flags-Version": str(CLIENT.flags_version()), "X-Flags-Seen": "beta=on"}
    assert [DjangoClient().get(place, headers=seen).content for place in ("/guarded", "/async-guarded")] == [
        b"paid"
    ] * 2
    SOURCE.put(flag("beta").off())
    for place in ("/guarded", "/async-guarded"):
        for refused in (DjangoClient().get(place, headers=seen), asyncio.run(ask(place))):
            expected = {"error": "flags_outdated", "flagsVersion": CLIENT.flags_version(), "flags": ["beta"]}
            assert (refused.status_code, refused.json()) == (409, expected)
            assert (refused["content-type"], refused["cache-control"]) == ("application/json", "no-store")
        assert DjangoClient().get(place, headers={"X-Flags-Seen": "beta=off"}).content == b"paid"


@pytest.fixture(scope="module", autouse=True)
def _close() -> Iterator[None]:
    yield
    CLIENT.close()
