"""A file that comes in parts: requested, signed for, looked at, confirmed, and given up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from safelight.deeds.permit import PartedUpload, Transport
from safelight.domain import keys
from safelight.domain.errors import (
    ImageGone,
    NothingUploaded,
    NotInParts,
    OwnerBlocked,
    PartsMissing,
    PartsMoving,
    QuotaExceeded,
    RequestInvalid,
    StorageFailed,
    TooLarge,
    UnsupportedTransport,
    UploadEnded,
    WrongState,
)
from safelight.domain.events import Action, Origin
from safelight.domain.image import Image, State
from safelight.domain.jobs import ProcessImage
from safelight.domain.kind import Kind, Kinds
from safelight.domain.multipart import LEAST_PART_BYTES
from safelight.domain.owner import OwnerLimits
from safelight.domain.variant import cover
from safelight.domain.who import Role, Scope, Who
from safelight.journey.confirm import confirm_upload
from safelight.journey.request import Requested, Rules, UploadRequest, request_upload
from safelight.journey.resign import resign_upload
from safelight.journey.see_parts import see_parts
from safelight.journey.sign_parts import SignedParts, sign_parts

TTL = timedelta(minutes=15)
SIZE = 2 * LEAST_PART_BYTES + 5
ABOVE = 1000
WANTED = UploadRequest("scan", "scan.tiff", "image/tiff", SIZE)
LIMITS = OwnerLimits(requests_per_minute=100, open_uploads=100, images=100, bytes=SIZE)
FOR_ANNA = Origin(Who(Role.APPLICATION, "anna", scopes=frozenset(Scope)))


@pytest.fixture
def stage(stage: Any) -> Any:
    stage.kinds = Kinds([Kind("scan", accept="tiff", max_bytes="10GB", variants={"thumb": cover(96, 96)})])
    return stage


async def request(stage: Any, origin: Origin | None = None, **changes: Any) -> Requested:
    return await request_upload(
        replace(WANTED, **changes),
        origin or stage.origin,
        rules=Rules(stage.kinds, stage.policy, TTL, 0, LIMITS, ABOVE),
        records=stage.records,
        objects=stage.objects,
        signer=stage.signer,
        clock=stage.clock,
        ids=stage.ids,
    )


async def requested(stage: Any, **changes: Any) -> Image:
    return (await request(stage, **changes)).image


async def sign(stage: Any, image: Image, *numbers: int) -> SignedParts:
    return await sign_parts(
        image, numbers, stage.origin, records=stage.records, objects=stage.objects, clock=stage.clock, ttl=TTL
    )


async def resign(stage: Any, image: Image, transport: str | None = None) -> Any:
    return await resign_upload(
        image,
        stage.origin,
        records=stage.records,
        objects=stage.objects,
        signer=stage.signer,
        clock=stage.clock,
        ttl=TTL,
        max_attempts=20,
        transport=Transport(transport, ABOVE),
    )


async def confirm(stage: Any, image: Image) -> Image:
    return await confirm_upload(
        image, stage.origin, records=stage.records, objects=stage.objects, signals=stage.signals, clock=stage.clock
    )


def send(stage: Any, image: Image, *numbers: int) -> None:
    """Let parts come, of the size that they should have."""
    for number in numbers:
        size = 5 if number == 3 else LEAST_PART_BYTES
        stage.objects.multipart.send(image.multipart_id, number, bytes([number]) * size)


async def opened(stage: Any) -> set[str]:
    """Return the names of the uploads that are open."""
    return {upload.multipart_id async for upload in stage.objects.multipart.uploads("")}


async def test_a_large_file_comes_in_parts_and_a_small_one_whole(stage: Any):
    large, small = await request(stage), await request(stage, bytes=ABOVE)

    assert isinstance(large.upload, PartedUpload)
    assert (large.upload.division.count, large.upload.expires_at) == (3, stage.clock.now() + TTL)
    assert not isinstance(small.upload, PartedUpload)
    assert (await stage.stored(large.image.id)).multipart_id in await opened(stage)
    assert (await stage.stored(small.image.id)).multipart_id is None


@pytest.mark.parametrize(("transport", "size", "parted"), [("multipart", 1, True), ("put", SIZE, False)])
async def test_whoever_asks_for_a_transport_gets_it(stage: Any, transport: str, size: int, parted: bool):  # noqa: FBT001
    made = await request(stage, transport=transport, bytes=size)

    assert isinstance(made.upload, PartedUpload) is parted


async def test_a_transport_that_there_is_not_is_refused_with_all_that_there_are(stage: Any):
    with pytest.raises(UnsupportedTransport, match="multipart"):
        await request(stage, transport="tus")


async def test_a_store_that_takes_no_parts_takes_large_files_whole_and_says_so_where_parts_are_asked_for(stage: Any):
    stage.objects.multipart = None

    assert not isinstance((await request(stage)).upload, PartedUpload)
    with pytest.raises(UnsupportedTransport) as refused:
        await request(stage, transport="multipart")
    assert "multipart" not in refused.value.supported


async def test_a_store_that_ends_what_was_begun_takes_new_files_whole(stage: Any):
    begun = await requested(stage)
    stage.objects.multipart.begins = False

    assert not isinstance((await request(stage)).upload, PartedUpload)
    send(stage, begun, 1, 2, 3)
    assert (await confirm(stage, begun)).state is State.UPLOADED


@pytest.mark.parametrize("transport", [None, "put"])
async def test_a_file_that_the_store_could_not_copy_is_refused(stage: Any, transport: str | None):
    with pytest.raises(TooLarge) as refused:
        await request(stage, bytes=(5 << 30) + 1, transport=transport)

    assert refused.value.allowed == 5 << 30
    assert await opened(stage) == set()


async def test_a_request_that_is_refused_leaves_no_upload_open(stage: Any):
    with pytest.raises(QuotaExceeded):
        await request(stage, FOR_ANNA, bytes=SIZE + 1)

    assert await opened(stage) == set()


async def test_each_part_is_signed_for_at_its_exact_length(stage: Any):
    image = await requested(stage)
    stage.clock.advance(timedelta(minutes=10))

    signed = await sign(stage, image, 3, 1, 3)

    assert [(part.number, part.bytes) for part in signed.parts] == [(1, LEAST_PART_BYTES), (3, 5)]
    assert all(image.multipart_id in part.url and keys.incoming_of(image) in part.url for part in signed.parts)
    assert signed.expires_at == stage.clock.now() + TTL
    assert (await stage.stored(image.id)).expires_at == signed.expires_at
    assert await stage.actions(image.id) == [Action.REQUESTED, Action.RESIGNED]


@pytest.mark.parametrize("number", [0, 4, -1])
async def test_no_other_part_is_signed_for(stage: Any, number: int):
    image = await requested(stage)

    with pytest.raises(RequestInvalid, match="1 to 3"):
        await sign(stage, image, 1, number)


async def test_nothing_is_signed_for_a_blocked_owner(stage: Any):
    image = (await request(stage, FOR_ANNA)).image
    await stage.block(image)

    with pytest.raises(OwnerBlocked):
        await sign(stage, image, 1)

    assert await stage.stored(image.id) == image


@pytest.mark.parametrize(
    ("state", "error"), [(State.UPLOADED, WrongState), (State.DELETED, ImageGone), (State.REQUESTED, NotInParts)]
)
async def test_only_an_upload_in_parts_that_is_under_way_has_parts(stage: Any, state: State, error: type[Exception]):
    image = await stage.image_in(state)

    with pytest.raises(error):
        await sign(stage, image, 1)
    with pytest.raises(error):
        await see_parts(image, objects=stage.objects)


async def test_whoever_was_broken_off_learns_what_is_missing(stage: Any):
    image = await requested(stage)
    send(stage, image, 2)

    seen = await see_parts(image, objects=stage.objects)

    assert (seen.stored, seen.missing) == ([2], [1, 3])


async def test_a_part_of_another_size_is_missing(stage: Any):
    image = await requested(stage)
    send(stage, image, 1, 2)
    stage.objects.multipart.send(image.multipart_id, 3, b"too long")

    with pytest.raises(PartsMissing) as refused:
        await confirm(stage, image)

    assert (refused.value.count, refused.value.total, refused.value.missing) == (1, 3, (3,))


async def test_parts_that_have_all_come_are_put_together_and_queued(stage: Any):
    image = await requested(stage)
    send(stage, image, 3, 1, 2)

    confirmed = await confirm(stage, image)

    stored = await stage.objects.head(keys.incoming_of(image))
    assert (confirmed.state, stored.bytes) == (State.UPLOADED, SIZE)
    assert stage.queued() == [ProcessImage(image.id)]
    assert await opened(stage) == set()


async def test_two_confirms_at_once_queue_one_job(stage: Any):
    image = await requested(stage)
    send(stage, image, 1, 2, 3)

    first, second = await asyncio.gather(confirm(stage, image), confirm(stage, image))

    assert first.state is second.state is State.UPLOADED
    assert stage.queued() == [ProcessImage(image.id)]


async def test_where_another_host_completes_the_upload_first_the_object_is_found(
    stage: Any, monkeypatch: pytest.MonkeyPatch
):
    image = await requested(stage)
    send(stage, image, 1, 2, 3)
    whole = stage.objects.multipart.complete

    async def completed_before(*names: Any) -> None:
        await whole(*names)
        await whole(*names)

    monkeypatch.setattr(stage.objects.multipart, "complete", completed_before)

    assert (await confirm(stage, image)).state is State.UPLOADED


async def test_an_upload_that_was_completed_and_not_noted_is_confirmed_the_next_time(
    stage: Any, monkeypatch: pytest.MonkeyPatch
):
    image = await requested(stage)
    send(stage, image, 1, 2, 3)
    whole = stage.records.transaction

    @asynccontextmanager
    async def killed() -> AsyncIterator[Any]:
        async with whole():
            raise StorageFailed(reason="killed")
        yield

    monkeypatch.setattr(stage.records, "transaction", killed)
    with pytest.raises(StorageFailed):
        await confirm(stage, image)
    monkeypatch.setattr(stage.records, "transaction", whole)

    assert (await see_parts(image, objects=stage.objects)).missing == []
    assert (await confirm(stage, image)).state is State.UPLOADED


async def test_a_part_that_is_sent_anew_while_it_is_confirmed_is_for_the_next_confirm(
    stage: Any, monkeypatch: pytest.MonkeyPatch
):
    image = await requested(stage)
    send(stage, image, 1, 2, 3)
    listed = stage.objects.multipart.parts

    async def sent_anew(*names: Any) -> Any:
        parts = await listed(*names)
        send(stage, image, 2)
        return parts

    monkeypatch.setattr(stage.objects.multipart, "parts", sent_anew)
    with pytest.raises(PartsMoving):
        await confirm(stage, image)
    monkeypatch.setattr(stage.objects.multipart, "parts", listed)

    assert (await confirm(stage, image)).state is State.UPLOADED


async def test_an_upload_that_the_store_gave_up_is_told_from_one_that_has_no_part_yet(stage: Any):
    image = await requested(stage)
    await stage.objects.multipart.abort(keys.incoming_of(image), image.multipart_id)

    with pytest.raises(UploadEnded):
        await see_parts(image, objects=stage.objects)
    with pytest.raises(NothingUploaded):
        await confirm(stage, image)


async def test_a_fresh_upload_takes_the_place_of_the_one_before(stage: Any):
    image = await requested(stage)
    send(stage, image, 1)

    upload = await resign(stage, image)

    again = await stage.stored(image.id)
    assert upload.division.count == 3
    assert again.multipart_id not in {None, image.multipart_id}
    assert await opened(stage) == {again.multipart_id}
    assert (await see_parts(again, objects=stage.objects)).missing == [1, 2, 3]


async def test_what_came_whole_before_counts_where_parts_are_missing(stage: Any):
    image = await requested(stage, transport="put")
    await resign(stage, image, "multipart")
    stage.upload(image, attempt=1, content=bytes(SIZE))

    confirmed = await confirm(stage, await stage.stored(image.id))

    assert (confirmed.state, confirmed.upload_attempt) == (State.UPLOADED, 1)


async def test_of_two_fresh_uploads_at_once_both_are_known_or_given_up(stage: Any):
    image = await requested(stage)

    await asyncio.gather(resign(stage, image), resign(stage, image))

    again = await stage.stored(image.id)
    assert again.upload_attempt == 3
    assert await opened(stage) == {again.multipart_id}
