"""The interface's own pages: Swagger UI from an installed package, no CDN."""

from __future__ import annotations

from fastapi import APIRouter, Response

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>CityOps API</title>
<link rel="stylesheet" href="/vendor/swagger-ui.css"></head>
<body><div id="swagger-ui"></div>
<script src="/vendor/swagger-ui.js"></script><script src="/api/docs/start.js"></script>
</body></html>"""

_START = """SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});"""


def docs_router() -> APIRouter:
    """``/api/docs``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/api/docs")
    async def page() -> Response:
        return Response(_PAGE, media_type="text/html")

    @router.get("/api/docs/start.js")
    async def start() -> Response:
        return Response(_START, media_type="text/javascript")

    return router
