"""The application: FastAPI with the REST interface and the live feed, and Dash on it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import metadata

from fastapi import APIRouter, Depends, FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from dashboard.api import (
    alerts,
    bench,
    detection,
    devices,
    exports,
    health,
    inbox,
    labels,
    people,
    session,
    socket,
)
from dashboard.api.access import answer_errors
from dashboard.api.cities import city_router
from dashboard.api.docs import docs_router
from dashboard.api.overview import overview_router
from dashboard.api.schema import document_rights
from dashboard.appearance import AppearanceMiddleware
from dashboard.auth.access import viewer
from dashboard.auth.middleware import SignedIn
from dashboard.auth.pages import pages_router
from dashboard.auth.verifier import Verifier
from dashboard.compression import CompressedScripts
from dashboard.languages import LanguageMiddleware
from dashboard.runtime import make_runtime
from dashboard.security import SecurityHeaders, allowed_hosts
from dashboard.shell import mount_pages
from dashboard.static import vendor_router
from telemetry.city import City
from telemetry.settings import Settings

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def create_app(settings: Settings, city: City) -> FastAPI:
    """Everything under one server; nothing runs until its lifespan begins."""
    runtime = make_runtime(settings, city)
    verifier = Verifier(runtime)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        await pages.begin()
        async with runtime.running():
            yield

    api = FastAPI(
        title="CityOps",
        version=metadata.version("cityops"),
        description="Devices, readings and alerts of a city.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    api.state.runtime = runtime
    api.state.verifier = verifier
    answer_errors(api)
    api.include_router(_v1(city))
    api.include_router(health.router)
    api.include_router(health.metrics_router(runtime))
    api.include_router(socket.router)
    api.include_router(docs_router())
    api.include_router(vendor_router())
    api.include_router(pages_router(runtime, verifier))
    api.include_router(_unknown())
    document_rights(api)
    pages = mount_pages(api, runtime)
    # The last one added is the first one asked.
    api.add_middleware(CompressedScripts)
    api.add_middleware(SignedIn, verifier=verifier)
    api.add_middleware(LanguageMiddleware)
    api.add_middleware(AppearanceMiddleware)
    api.add_middleware(SecurityHeaders, script_hashes=pages.csp_hashes)
    api.add_middleware(TrustedHostMiddleware, allowed_hosts=allowed_hosts(settings.http_host))
    return api


def _v1(city: City) -> APIRouter:
    # The least a caller must have, whatever a route asks for besides.
    router = APIRouter(prefix="/api/v1", dependencies=[Depends(viewer)])
    for part in (
        city_router(city),
        overview_router(city),
        devices.router,
        exports.router,
        alerts.router,
        inbox.router,
        detection.router,
        bench.router,
        labels.router,
        session.router,
        people.router,
    ):
        router.include_router(part)
    return router


def _unknown() -> APIRouter:
    """404 for what the interface does not have: Dash would answer any GET with a page."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/api/{path:path}", methods=_METHODS)
    @router.api_route("/vendor/{path:path}", methods=_METHODS)
    @router.api_route("/ws/{path:path}", methods=_METHODS)
    async def unknown() -> None:
        raise HTTPException(404, "there is nothing here")

    return router
