"""CHECK by poll, long poll and events; list, delete and reprocess."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from typing import Annotated

import msgspec
from litestar import Response, delete, get, post
from litestar.params import FromQuery, HeaderParameter, QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from safelight.domain import errors, keys
from safelight.domain.errors import RequestInvalid, WrongState
from safelight.domain.events import Action
from safelight.domain.image import Attachment, Image, ImageId, State
from safelight.domain.report import ImageReport
from safelight.domain.tokens import Purpose
from safelight.domain.who import Role, Scope
from safelight.http.audit import ACTION
from safelight.http.auth import ApiParts, ApiRequest, PathId, ReadToken, caller_of, is_application, reach_image
from safelight.http.callers import WHO, By
from safelight.http.openapi import REACHING, problems, success
from safelight.http.parts import Parts
from safelight.http.prefer import wanted_wait
from safelight.http.reports import no_news_response, report_of, report_response, revision_in, standing_of
from safelight.http.wire.images import EventOut, PageOut
from safelight.journey.check import Standing, check_image, follow_image
from safelight.ports.snapshot import ImageFilter
from safelight.upkeep.delete import delete_image
from safelight.upkeep.owed import owe_reprocess
from safelight.upkeep.retry import retry_image

DEFAULT_PAGE = 50
"""Images in one page of a list, where the caller does not say."""

SEERS = (By.READ_KEY, By.OWNER, By.VIEWER, By.READ_TOKEN, By.WRITE_TOKEN)
"""Who may see how an image is coming along."""

STREAM_EVENT = "image"
"""What every event of a stream is called."""

Prefer = Annotated[str | None, HeaderParameter(name="prefer", description="`wait=N`: wait N seconds for news")]
IfNoneMatch = Annotated[str | None, HeaderParameter(name="if-none-match", description="The ETag that was seen last")]
LastEventId = Annotated[str | None, HeaderParameter(name="last-event-id", description="Sent by browsers that return")]
After = Annotated[str | None, QueryParameter(pattern=f"^{keys.ID}$", description="`next` of the page before")]


@get(
    "/v1/images/{image_id:str}",
    tags=["5 Check"],
    summary="See how an image is coming along",
    opt={WHO: SEERS, ACTION: Action.CHECKED},
    responses={200: success(ImageReport, "How it stands"), 304: success(None, "Nothing changed")}
    | problems(*REACHING, RequestInvalid),
)
async def check(
    image_id: PathId,
    request: ApiRequest,
    parts: ApiParts,
    read_token: ReadToken = None,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,
) -> Response[ImageReport] | Response[None]:
    """Answer at once, or with `Prefer: wait=N` as soon as the image is final, at the latest after N seconds.

    With `If-None-Match`, the wait ends at the first change, and 304 says that there was none.
    """
    image = await _readable(image_id, request, parts, read_token)
    seen = revision_in(if_none_match)
    wait = min(wanted_wait(prefer) or timedelta(0), parts.limits.max_wait)
    with parts.metrics.step("check"):
        standing = await check_image(
            image.id, records=parts.records, signals=parts.signals, clock=parts.clock, at_most=wait, seen=seen
        )
    if seen == standing.image.revision:
        return no_news_response(standing)
    return report_response(standing, request, parts)


@get(
    "/v1/images/{image_id:str}/events",
    tags=["5 Check"],
    summary="Follow an image as server-sent events",
    opt={WHO: SEERS, ACTION: Action.CHECKED},
    responses={
        200: success(EventOut, "Events, each with the JSON of CHECK", media_type="text/event-stream"),
        204: success(None, "The last event was seen and no other will come; a browser does not ask again"),
    }
    | problems(*REACHING, RequestInvalid),
)
async def events(
    image_id: PathId,
    request: ApiRequest,
    parts: ApiParts,
    read_token: ReadToken = None,
    last_event_id: LastEventId = None,
) -> ServerSentEvent | Response[None]:
    """Send an event `image` with the report now and after every change, until the image is final."""
    image = await _readable(image_id, request, parts, read_token)
    if last_event_id == str(image.revision) and Standing(image, ()).is_final:
        return Response(None, status_code=204)
    standings = follow_image(
        image.id, records=parts.records, signals=parts.signals, at_least_every=parts.limits.events_ping
    )
    first = await anext(standings)  # before the answer begins, so that a refusal can still be said
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    tell = partial(_event, parts=parts, to_application=is_application(request))
    return ServerSentEvent(_events(first, standings, tell, parts), headers=headers)


async def _events(
    first: Standing | None,
    later: AsyncGenerator[Standing | None, None],
    tell: Callable[[Standing | None], ServerSentEventMessage],
    parts: Parts,
) -> AsyncIterator[ServerSentEventMessage]:
    until = parts.clock.now() + parts.limits.events_max
    async with aclosing(later) as standings:
        yield tell(first)
        async for standing in standings:
            yield tell(standing)
            if parts.clock.now() >= until:
                return


def _event(standing: Standing | None, parts: Parts, *, to_application: bool) -> ServerSentEventMessage:
    if standing is None:
        return ServerSentEventMessage(data=None, comment="ping")
    body = msgspec.json.encode(report_of(standing, parts, to_application=to_application)).decode()
    return ServerSentEventMessage(data=body, event=STREAM_EVENT, id=str(standing.image.revision))


@get(
    "/v1/images",
    tags=["Manage"],
    summary="List images, newest first",
    response_description="One page",
    opt={WHO: (By.READ_KEY,), ACTION: Action.LISTED},
    responses=problems(errors.NotAuthenticated, errors.NotAllowed, RequestInvalid),
)
async def page(
    request: ApiRequest,
    parts: ApiParts,
    kind: FromQuery[str | None] = None,
    status: FromQuery[State | None] = None,
    owner: Annotated[str | None, QueryParameter(description="The user that it was uploaded for")] = None,
    attached_type: Annotated[str | None, QueryParameter(description="With attached_id: what it is attached to")] = None,
    attached_id: FromQuery[str | None] = None,
    after: After = None,
    limit: Annotated[int, QueryParameter(ge=1, description="Most images in the page; the server has a limit, too")] = (
        DEFAULT_PAGE
    ),
) -> PageOut:
    """Return one page. `next` is the `after` of the following one, and null on the last."""
    caller = await caller_of(request, parts)
    caller.needs(Scope.READ, "list images")
    attached = _attached(attached_type, attached_id)
    limit = min(limit, parts.limits.max_page)
    async with parts.records.reading() as snapshot:
        images = await snapshot.page(
            ImageFilter(kind, status, owner, attached),
            after=ImageId(after) if after else None,
            limit=limit + 1,
        )
        shown = images[:limit]
        renditions = await snapshot.renditions_of([image.id for image in shown])
    reports = [report_of(Standing(image, renditions.get(image.id, ())), parts, to_application=True) for image in shown]
    return PageOut(reports, next=shown[-1].id if len(images) > limit else None)


@delete(
    "/v1/images/{image_id:str}",
    tags=["Manage"],
    summary="Delete an image, or cancel an upload",
    response_description="Nobody sees it any more",
    opt={WHO: (By.MANAGE_KEY, By.OWNER, By.WRITE_TOKEN), ACTION: Action.DELETED},
    responses=problems(*REACHING, errors.OwnerBlocked, errors.ImageGone),
)
async def remove(image_id: PathId, request: ApiRequest, parts: ApiParts) -> None:
    """Hide the image at once and purge its bytes in the background.

    The image's owner and its write token may do this until it is final.
    """
    caller = await caller_of(request, parts)
    image = await reach_image(
        caller,
        ImageId(image_id),
        parts,
        scope=Scope.MANAGE,
        purposes=(Purpose.WRITE,),
        action="delete images",
    )
    with parts.metrics.step("delete"):
        await delete_image(
            image,
            caller.origin,
            records=parts.records,
            signals=parts.signals,
            clock=parts.clock,
            ids=parts.ids,
            told=parts.told,
            spares_final=caller.who.role is not Role.APPLICATION,
        )


@post(
    "/v1/images/{image_id:str}/reprocess",
    status_code=202,
    tags=["Manage"],
    summary="Render what is stale",
    response_description="The work is queued",
    opt={WHO: (By.MANAGE_KEY,), ACTION: Action.REPROCESSED},
    responses=problems(errors.NotAuthenticated, errors.NotAllowed, errors.ImageNotFound, WrongState),
)
async def reprocess(image_id: PathId, request: ApiRequest, parts: ApiParts) -> Response[ImageReport]:
    """Queue the rendering of what is missing or was declared otherwise. The image stays as it is meanwhile.

    One that failed is sent round again. The answer shows the image as it was before.
    """
    caller = await caller_of(request, parts)
    caller.needs(Scope.MANAGE, "reprocess images")
    standing = await standing_of(ImageId(image_id), parts)
    if standing.image.state is State.FAILED:
        await retry_image(
            standing.image.id, caller.origin, records=parts.records, signals=parts.signals, clock=parts.clock
        )
    else:
        await owe_reprocess(standing.image, caller.origin, records=parts.records, clock=parts.clock)
    return report_response(standing, request, parts, status=202)


def _attached(attached_type: str | None, attached_id: str | None) -> Attachment | None:
    """Return what both parameters name. One alone would seem to restrict the list, and would not."""
    if attached_type and attached_id:
        return Attachment(attached_type, attached_id)
    if attached_type is None and attached_id is None:
        return None
    raise RequestInvalid(reason="attached_type and attached_id: give both, or neither")


async def _readable(image_id: str, request: ApiRequest, parts: Parts, read_token: str | None) -> Image:
    return await reach_image(
        await caller_of(request, parts, read_token),
        ImageId(image_id),
        parts,
        scope=Scope.READ,
        purposes=(Purpose.READ, Purpose.WRITE),
        action="see images",
    )
