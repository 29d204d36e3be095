"""The client that awaits, for asyncio: the same methods as `Client` has."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from types import TracebackType
from typing import Literal, Self

import httpx

from safelight_client import upload
from safelight_client.api import Attached, Erased, Removed
from safelight_client.attach import Attach, attachment, query, record
from safelight_client.errors import SafelightError
from safelight_client.exchange import (
    Body,
    Command,
    Conversation,
    NoAnswer,
    Pause,
    Request,
    Response,
    Result,
    Together,
    Work,
)
from safelight_client.http import LOST, USER_AGENT, answer_of, body_headers, make_api, no_answer, time_limits
from safelight_client.image import Image, Status, Visibility
from safelight_client.kind import Kind
from safelight_client.progress import Listener
from safelight_client.retry import Retry
from safelight_client.source import Uploadable, guess_type
from safelight_client.ticket import Checksum, Order, SignedUpload, Ticket
from safelight_client.upload import Wish


class AsyncClient:
    """Talks to a Safelight server; use it as a context manager, or `close` it. Tasks may share one.

        async with AsyncClient("https://images.example", api_key="sl_...") as safelight:
            image = await safelight.upload("cat.jpg", kind="avatar", attach=("user", 42))

    Every call raises a SafelightError where it cannot do what it says.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        timeout: float = 30.0,
        retry: Retry | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Take the server's address, and an API key or a JWT of the application.

        `timeout` is how many seconds the server may be silent; `retry` says how often what failed is tried again.
        `transport` replaces the network, e.g. for tests. Raises ValueError where the address is none.
        """
        self._api = make_api(base_url, api_key, retry or Retry())
        self._timeout_s = timeout
        self._http = httpx.AsyncClient(transport=transport, headers={"User-Agent": USER_AGENT})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def upload(  # noqa: PLR0913 - one method stands for the whole journey; all but the first are by name
        self,
        file: Uploadable,
        *,
        kind: str,
        filename: str | None = None,
        content_type: str | None = None,
        attach: Attach | None = None,
        owner: str | None = None,
        checksum: Literal["sha256"] | Checksum | None = None,
        on_progress: Listener | None = None,
        wait: bool = True,
        timeout: float = 300.0,  # noqa: ASYNC109 - a bound for the server's work, which ends with an error of its own
    ) -> Image:
        """Upload a file and return its image: ready to be shown, or held for the application's verdict.

        `file` is a path, bytes, or a file opened in binary mode. `filename` and `content_type` are guessed where they
        are not given. `attach` names the application's record that the image is for; `owner` the user for whom an API
        key acts. `checksum="sha256"` reads the file once more beforehand and lets the server compare; one that is
        known already can be given. `on_progress` is called with a Progress, once at a time; while a large file
        is sent, `Client` calls it from other threads. Without `wait` the image is returned as soon as the server has
        it; `timeout` is how many seconds to wait.

        Raises FileRefused where another file is needed, StillProcessing, and the other SafelightErrors; OSError where
        the file cannot be read.
        """
        wish = Wish(kind, filename, content_type, attach, owner, checksum, on_progress, wait, timeout)
        return await self._run(upload.upload(self._api, file, wish))

    async def request(
        self,
        *,
        kind: str,
        filename: str,
        size: int,
        content_type: str | None = None,
        attach: Attach | None = None,
        owner: str | None = None,
        checksum: Checksum | None = None,
    ) -> Ticket:
        """Ask for leave to upload, for someone else who holds the file of `size` bytes, such as a browser."""
        order = Order(kind, filename, size, content_type or guess_type(filename), attachment(attach), owner, checksum)
        return await self._run(self._api.request(order))

    async def resign(self, image_id: str, *, write_token: str | None = None) -> SignedUpload:
        """Return a fresh permission to upload, where the last one has run out."""
        return await self._run(self._api.resign(image_id, write_token))

    async def confirm(self, image_id: str, *, write_token: str | None = None) -> Image:
        """Tell the server that the bytes are there. A second time changes nothing."""
        return (await self._run(self._api.confirm(image_id, write_token))).image

    async def get(self, image_id: str, *, read_token: str | None = None) -> Image:
        """Return how an image stands."""
        return (await self._run(self._api.check(image_id, read_token))).image

    async def wait(
        self,
        image_id: str,
        *,
        read_token: str | None = None,
        timeout: float = 300.0,  # noqa: ASYNC109 - as for `upload`
    ) -> Image:
        """Wait until an image is ready or held, at most so many seconds.

        Raises ImageRejected, ImageFailed, ImageGone, StillProcessing, and the other SafelightErrors.
        """
        return await self._run(upload.wait(self._api, image_id, read_token, timeout))

    async def list(
        self,
        *,
        kind: str | None = None,
        status: Status | str | None = None,
        owner: str | None = None,
        attached_to: Attach | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[Image]:
        """Yield the images that fit, newest first; further pages are fetched as they are needed."""
        wanted = query(kind, status, owner, attached_to, page_size)
        after: str | None = None
        while True:
            page = await self._run(self._api.page({**wanted, "after": after}))
            for image in page.images:
                yield image
            after = page.next
            if after is None:
                return

    async def delete(self, image_id: str, *, write_token: str | None = None) -> None:
        """Delete an image and all of its files."""
        await self._run(self._api.delete(image_id, write_token))

    async def attach(self, image: Image | str, *, to: Attach, kind: str, position: int | None = None) -> Attached:
        """Attach an image, or an image's id, to a record of the application, and return what is there.

        Without a `position`, which counts from 0, a new one comes last. Where a record has one image of this kind, a
        ready one takes the place of the one before, and one that is on its way as soon as it is ready.
        """
        image_id = image.id if isinstance(image, Image) else image
        return await self._run(self._api.attach(image_id, record(to), kind, position))

    async def attached(self, to: Attach, *, kind: str | None = None) -> Attached:
        """Return the images at a record, of one kind or of all."""
        return await self._run(self._api.attached(record(to), kind))

    async def delete_record(self, to: Attach) -> Removed:
        """Delete all images at a record, of every kind, with all of their files."""
        return await self._run(self._api.delete_record(record(to)))

    async def erase_owner(self, owner: str) -> Erased:
        """Delete all images of one of your users, and forget its name. What was broken off can be done again."""
        return await self._run(self._api.erase_owner(owner))

    async def review(self, image_id: str, verdict: Literal["approve", "reject"], *, reason: str | None = None) -> Image:
        """Approve or reject a held image, as an API key may. `reason` is for the server's audit log alone.

        Raises WrongState where it is not held, or was decided otherwise.
        """
        return await self._run(self._api.review(image_id, verdict, reason))

    async def set_public(self, image_id: str, public: bool) -> Visibility:  # noqa: FBT001 - the name says what is true
        """Let anybody see a ready image, or only whoever may. Its old URLs end; a CDN may have to be purged of them."""
        return await self._run(self._api.set_public(image_id, public=public))

    async def kind(self, name: str) -> Kind:
        """Return what a kind accepts and what is made of it."""
        return await self._run(self._api.kind(name))

    async def download(
        self,
        image: Image | str,
        variant: str,
        *,
        format: str | None = None,  # noqa: A002 - what the API calls it
        width: int | None = None,
    ) -> bytes:
        """Return the bytes of a variant of an image, or of an image's id: the largest file, unless one is chosen."""
        image_id, token = (image.id, image.read_token) if isinstance(image, Image) else (image, None)
        return await self._run(self._api.download(image_id, variant, fmt=format, width=width, token=token))

    async def _run(self, conversation: Conversation[Result]) -> Result:
        with closing(conversation):
            try:
                command = next(conversation)
                while True:
                    command = conversation.send(await self._do(command))
            except StopIteration as end:
                result: Result = end.value
                return result

    async def _do(self, command: Command) -> Response | NoAnswer | SafelightError | None:
        match command:
            case Request():
                return await self._send(command)
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Work(run):
                await asyncio.to_thread(run)
            case Together():
                return await self._carry_on(command)
        return None

    async def _carry_on(self, several: Together) -> SafelightError | None:
        waiting = iter(several.conversations)

        async def go() -> None:
            for one in waiting:
                await self._run(one)

        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(several.at_once):
                    tasks.create_task(go())
        except ExceptionGroup as errors:
            if isinstance(errors.exceptions[0], SafelightError):
                return errors.exceptions[0]
            raise errors.exceptions[0] from None
        return None

    async def _send(self, request: Request) -> Response | NoAnswer:
        content = request.content if isinstance(request.content, bytes) else _stream(request.content)
        try:
            response = await self._http.request(
                request.method,
                request.url,
                headers=body_headers(request),
                content=content,
                timeout=time_limits(request, self._timeout_s),
            )
        except LOST as error:
            return no_answer(error)
        return answer_of(response)


async def _stream(body: Body) -> AsyncIterator[bytes]:
    """Read in a thread, so that a slow disk stops nobody else; tell of the progress here, in the event loop."""
    chunks = body.chunks()
    while chunk := await asyncio.to_thread(next, chunks, b""):
        yield chunk
        body.sent(len(chunk))
