"""Files served from memory, compressed ahead: gzip of a large body would hold up the loop."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter, Request, Response

from dashboard import theme
from telemetry.errors import ConfigError, NotFoundError

_DAY = "public, max-age=86400"
_CHECK = "no-cache"
"""Kept, but asked about each time: the ETag makes the answer small."""


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A body in both encodings, with its ETag."""

    body: bytes
    packed: bytes
    media_type: str
    etag: str
    cache: str

    def answer(self, request: Request) -> Response:
        """The body as the request can take it, or 304 where it has it already."""
        headers = {"ETag": self.etag, "Cache-Control": self.cache, "Vary": "Accept-Encoding"}
        if self.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(self.body, media_type=self.media_type, headers=headers)
        headers["Content-Encoding"] = "gzip"
        return Response(self.packed, media_type=self.media_type, headers=headers)


def pack(body: bytes, media_type: str, cache: str = _CHECK, *, level: int = 6) -> PackedFile:
    """Compress a body once. CPU work: call it from a thread where a loop is running."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
    return PackedFile(body, gzip.compress(body, level), media_type, etag, cache)


def vendor_router() -> APIRouter:
    """The theme's style sheet, MapLibre and the API viewer, from the installed packages."""
    files = {
        "theme.css": pack(theme.stylesheet().encode(), "text/css"),
        "maplibre-gl.js": _packaged("maplibre", "srcjs/maplibre-gl.js", "text/javascript"),
        "maplibre-gl.css": _packaged("maplibre", "srcjs/maplibre-gl.css", "text/css"),
        "swagger-ui.js": _packaged("fastapi_offline", "static/swagger-ui-bundle.js", "text/javascript"),
        "swagger-ui.css": _packaged("fastapi_offline", "static/swagger-ui.css", "text/css"),
    }
    router = APIRouter(include_in_schema=False)

    @router.get("/vendor/{name}")
    async def vendor(name: str, request: Request) -> Response:
        if name not in files:
            raise NotFoundError("file", name)
        return files[name].answer(request)

    return router


def _packaged(package: str, path: str, media_type: str) -> PackedFile:
    # find_spec does not run the package: only its files are wanted.
    spec = find_spec(package)
    folder = Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None
    try:
        return pack((folder / path).read_bytes() if folder else b"", media_type, _DAY)
    except OSError as error:
        raise ConfigError(
            f"{package} has no {path}", cure="install the versions of constraints.txt"
        ) from error
