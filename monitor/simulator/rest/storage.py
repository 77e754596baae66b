"""Signed storage URLs that schedule documents are PUT to: not a Platform API, so no token and no rate limit."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from monitor.simulator.organisation.refusal_bodies import RefusedError
from monitor.simulator.organisation.schedule_bodies import UPLOAD_HEADERS
from monitor.simulator.rest.gate import read_body

MAX_UPLOAD_BYTES: Final = 20_000_000
MAX_WAITING: Final = 200  # uploads promised and not used; the oldest is forgotten


@dataclass(slots=True)
class Upload:
    """One promised upload: it must bring exactly these headers and this many bytes. purpose: what it is for."""

    key: str
    purpose: str
    length: int
    signature: str = field(repr=False)
    headers: dict[str, str]
    content: bytes | None = None


class Storage:
    """Uploads promised, received, and not yet used."""

    def __init__(self) -> None:
        self._uploads: dict[str, Upload] = {}

    def promise(self, purpose: str, length: int) -> Upload:
        """A new upload of `length` bytes for that purpose."""
        while len(self._uploads) >= MAX_WAITING:
            self._uploads.pop(next(iter(self._uploads)))
        upload = Upload(secrets.token_hex(16), purpose, length, secrets.token_hex(32), dict(UPLOAD_HEADERS))
        self._uploads[upload.key] = upload
        return upload

    def path(self, upload: Upload) -> str:
        """The signed path and query that the document is PUT to."""
        return f"/storage/uploads/{upload.key}?X-Amz-Signature={upload.signature}"

    def take(self, key: str, purpose: str) -> Upload | None:
        """Use up an upload that has arrived and was promised for that purpose; None when there is none."""
        upload = self._uploads.get(key)
        if upload is None or upload.content is None or upload.purpose != purpose:
            return None
        return self._uploads.pop(key)

    def routes(self) -> list[Route]:
        """PUT to a signed URL."""
        return [Route("/storage/uploads/{key}", self._put, methods=["PUT"])]

    async def _put(self, request: Request) -> Response:
        upload = self._uploads.get(request.path_params["key"])
        signature = request.query_params.get("X-Amz-Signature", "")
        if upload is None or not secrets.compare_digest(upload.signature.encode(), signature.encode()):
            return _denied(403, "SignatureDoesNotMatch", "The request signature does not match.")
        if wrong := _wrong_header(upload, request):
            return _denied(403, "SignatureDoesNotMatch", f"Header {wrong} is not what was signed.")
        if "authorization" in request.headers:
            return _denied(400, "InvalidArgument", "Only one auth mechanism allowed.")
        try:
            content = await read_body(request, upload.length)
        except (RefusedError, ClientDisconnect):
            content = b""
        if len(content) != upload.length:
            return _denied(403, "SignatureDoesNotMatch", "Content-Length is not what was signed.")
        upload.content = content
        return Response(status_code=200)


def _wrong_header(upload: Upload, request: Request) -> str | None:
    """The first header that is missing, changed, or of the storage's own kind and not signed."""
    for name, value in upload.headers.items():
        if request.headers.get(name) != value:
            return name
    signed = {name.lower() for name in upload.headers}
    return next((name for name in request.headers if name.startswith("x-amz-") and name not in signed), None)


def _denied(status: int, code: str, message: str) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(body, status, media_type="application/xml")
