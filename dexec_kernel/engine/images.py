"""The verbs for images; see :mod:`client`.

Source: Docker Engine API, "Inspect an image", "Create an image", "Import images".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from urllib.parse import quote, urlencode

from dexec_kernel.backend.images import ImageInspect, PullProgress
from dexec_kernel.engine import answers, codec
from dexec_kernel.engine.calls import EngineCalls
from dexec_kernel.engine.http.answer import FIRST_ERROR_STATUS
from dexec_kernel.engine.http.exchange import Exchange
from dexec_kernel.engine.image_reports import Pull, Report, ReportDecoder, loaded_names
from dexec_kernel.errors import (
    ConfigurationError,
    EngineApiError,
    ImageNotFound,
    ImageNotLoaded,
    ImageNotPulled,
)

#: In seconds: until a registry has answered the engine; until the engine has unpacked an archive.
_REGISTRY_TIMEOUT, _UNPACK_TIMEOUT = 180.0, 3600.0


class ImageCalls(EngineCalls):
    """Look at, pull and load images: see :class:`backend.images.Images`."""

    async def image_inspect(self, image: str) -> ImageInspect:
        """Look at an image (Go's ``ImageInspect``). Raises :class:`ImageNotFound`."""
        path = f"/images/{quote(image, safe='/:@')}/json"
        try:
            answer = await self._call("GET", path)
        except EngineApiError as error:
            if error.status == answers.NOT_FOUND:
                raise ImageNotFound.of(image) from error
            raise
        return codec.image_inspect(answer.json())

    async def image_pull(
        self, image: str, progress: Callable[[PullProgress], None] = lambda _progress: None
    ) -> None:
        """Pull an image (Go's ``ImagePull``). Raises :class:`ImageNotPulled`."""
        name, tag = split_name(image)
        query = urlencode({"fromImage": name, "tag": tag})
        pull = Pull()
        async with await self._open_images(f"create?{query}") as exchange:
            await exchange.send(answer_timeout=_REGISTRY_TIMEOUT)
            if exchange.status >= FIRST_ERROR_STATUS:
                reason = await exchange.error_message()
                raise ImageNotPulled.of(image, reason, status=exchange.status)
            async for report in _reports(exchange):
                if report.error:
                    raise ImageNotPulled.of(image, report.error)
                progress(pull.receive(report))

    async def image_load(self, content: AsyncIterator[bytes]) -> tuple[str, ...]:
        """Load the images of an archive (Go's ``ImageLoad``); return their names.

        Raises :class:`ImageNotLoaded`.
        """
        names: list[str] = []
        # Quiet, or the engine would answer while it is still sent something.
        async with await self._open_images("load?quiet=1") as exchange:
            await exchange.send(content, answer_timeout=_UNPACK_TIMEOUT)
            if exchange.status >= FIRST_ERROR_STATUS:
                reason = await exchange.error_message()
                raise ImageNotLoaded.of(reason, status=exchange.status)
            async for report in _reports(exchange):
                if report.error:
                    raise ImageNotLoaded.of(report.error)
                names += loaded_names(report.text)
        return tuple(dict.fromkeys(names))

    async def _open_images(self, verb: str) -> Exchange:
        version = await self.api_version()
        return await Exchange.open(self._address, "POST", f"/v{version}/images/{verb}")


def split_name(image: str) -> tuple[str, str]:
    """Return an image's name, and its digest, or else its tag: without one, engines pull all."""
    name, _, digest = image.partition("@")
    base, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:  # A colon before a slash is that of a port.
        base, tag = name, ""
    if not base:
        raise ConfigurationError(f"{image!r} is not the name of an image.")
    return base, digest or tag or "latest"


async def _reports(exchange: Exchange) -> AsyncIterator[Report]:
    decoder = ReportDecoder()
    async for data in exchange.body():
        for report in decoder.receive_data(data):
            yield report
    for report in decoder.receive_eof():
        yield report
