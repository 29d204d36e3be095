"""Step 1: who may upload what, and what a client gets for asking."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from safelight.domain import keys
from safelight.domain.errors import (
    DiskFull,
    EmptyFile,
    NotAllowed,
    OwnerBlocked,
    QuotaExceeded,
    RecordFull,
    SafelightError,
    TooLarge,
    TypeNotAccepted,
    UnknownKind,
    UnsupportedTransport,
)
from safelight.domain.events import Action, Origin
from safelight.domain.image import Attachment, Checksum, ChecksumAlgorithm, State
from safelight.domain.owner import Owner, OwnerLimits, Usage
from safelight.domain.who import NOBODY, Role, Scope, Who
from safelight.journey.request import Rules, UploadRequest, request_upload
from safelight.ports.snapshot import ImageFilter

TTL = timedelta(minutes=15)
WANTED = UploadRequest("avatar", "me.jpg", "image/jpeg", 1000)
LIMITS = OwnerLimits(requests_per_minute=5, open_uploads=4, images=3, bytes=2500)
FOR_ANNA = Origin(Who(Role.APPLICATION, "anna", scopes=frozenset(Scope)))


async def request(stage: Any, wanted: UploadRequest = WANTED, origin: Origin | None = None) -> Any:
    return await request_upload(
        wanted,
        origin or stage.origin,
        rules=Rules(stage.kinds, stage.policy, TTL, min_free_bytes=500, owner_limits=LIMITS, multipart_above=1000),
        records=stage.records,
        objects=stage.objects,
        signer=stage.signer,
        clock=stage.clock,
        ids=stage.ids,
    )


async def test_a_request_makes_a_record_and_a_signed_upload(stage: Any):
    checksum = Checksum(ChecksumAlgorithm.CRC32C, "4waSgw==")
    target = Attachment("user", "42")

    made = await request(stage, replace(WANTED, attach=target, checksum=checksum))
    image, upload = made.image, made.upload

    assert image == await stage.stored(image.id)
    assert (image.state, image.kind, image.public) == (State.REQUESTED, "avatar", True)
    assert (image.declared_bytes, image.checksum, image.attached_to) == (1000, checksum, target)
    assert image.expires_at == upload.expires_at == stage.clock.now() + TTL
    assert keys.incoming_of(image) in upload.url
    assert await stage.actions(image.id) == [Action.REQUESTED]


async def test_the_url_permits_exactly_what_was_declared(stage: Any):
    made = await request(stage)
    image, upload = made.image, made.upload

    claims = stage.tokens.verify_upload(upload.url.partition("?token=")[2], now=stage.clock.now())

    assert (claims.key, claims.bytes, claims.content_type) == (keys.incoming_of(image), 1000, "image/jpeg")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"kind": "banner"}, UnknownKind),
        ({"bytes": 0}, EmptyFile),
        ({"bytes": -1}, EmptyFile),
        ({"bytes": 1001}, TooLarge),
        ({"content_type": "text/html"}, TypeNotAccepted),
        ({"content_type": "image/svg+xml"}, TypeNotAccepted),
        ({"content_type": "image/tiff"}, TypeNotAccepted),
        ({"transport": "tus"}, UnsupportedTransport),
    ],
)
async def test_what_cannot_be_is_refused_and_leaves_no_record(
    stage: Any, changes: dict[str, Any], error: type[SafelightError]
):
    with pytest.raises(error):
        await request(stage, replace(WANTED, **changes))

    async with stage.records.reading() as snapshot:
        assert await snapshot.page(ImageFilter(), after=None, limit=10) == []


@pytest.mark.parametrize("declared", ["", "application/octet-stream", "IMAGE/JPEG", "image/jpg", "image/jpeg; a=\r\nb"])
async def test_a_type_that_says_nothing_or_says_it_oddly_passes_in_plain_form(stage: Any, declared: str):
    made = await request(stage, replace(WANTED, content_type=declared))
    image, upload = made.image, made.upload

    assert image.declared_type == declared.partition(";")[0].lower()
    assert upload.headers["content-type"] in {"image/jpeg", "image/jpg", "application/octet-stream"}


@pytest.mark.parametrize(
    ("who", "target"),
    [
        (Who(Role.APPLICATION, scopes=frozenset({Scope.UPLOAD})), None),
        (Who(Role.APPLICATION, "7", scopes=frozenset({Scope.UPLOAD})), Attachment("user", "42")),
        (Who(Role.USER, "42"), Attachment("user", "42")),
    ],
)
async def test_the_application_and_whom_the_rule_lets_may_upload(stage: Any, who: Who, target: Attachment | None):
    image = (await request(stage, replace(WANTED, kind="passport", attach=target), Origin(who))).image

    assert (image.owner, image.attached_to) == (who.id, target)


@pytest.mark.parametrize(
    ("who", "target"),
    [
        (Who(Role.APPLICATION, scopes=frozenset({Scope.READ, Scope.MANAGE})), None),
        (Who(Role.APPLICATION, "42", scopes=frozenset({Scope.READ})), Attachment("user", "42")),
        (Who(Role.USER, "42"), Attachment("user", "43")),
        (Who(Role.USER, "42"), None),
        (NOBODY, Attachment("user", "42")),
    ],
)
async def test_nobody_else_may(stage: Any, who: Who, target: Attachment | None):
    with pytest.raises(NotAllowed):
        await request(stage, replace(WANTED, kind="passport", attach=target), Origin(who))


async def test_a_kind_without_a_rule_is_closed_to_users(stage: Any):
    with pytest.raises(NotAllowed):
        await request(stage, WANTED, Origin(Who(Role.USER, "42")))


@pytest.mark.parametrize("room", [1500, None])
async def test_a_file_is_taken_where_there_is_room_for_it(stage: Any, room: int | None):
    stage.objects.room = room

    assert (await request(stage)).image.state is State.REQUESTED


async def test_a_file_that_would_use_the_room_that_stays_free_is_not_taken(stage: Any):
    stage.objects.room = 1499

    with pytest.raises(DiskFull):
        await request(stage)


async def test_a_file_name_is_for_showing_and_never_part_of_a_key(stage: Any):
    made = await request(stage, replace(WANTED, filename="../../etc/\x00pass\u202ewd.jpg"))

    assert made.image.filename == "passwd.jpg"
    assert "passwd" not in made.upload.url


async def test_what_an_owner_requests_is_counted_with_the_record(stage: Any):
    made = await request(stage, origin=FOR_ANNA)

    assert made.owner == await owner(stage)
    assert (made.owner.used, made.owner.requests) == (Usage(1, 1000, 1), 1)


async def test_what_nobody_is_named_for_is_the_applications_own_and_has_no_quota(stage: Any):
    made = [await request(stage) for _ in range(LIMITS.requests_per_minute + 1)]

    assert {one.owner for one in made} == {None}
    async with stage.records.reading() as snapshot:
        assert await snapshot.list_owners(after=None, limit=10) == []


async def test_a_request_over_the_quota_leaves_nothing(stage: Any):
    for _ in range(2):
        await request(stage, origin=FOR_ANNA)
    before = await owner(stage)

    with pytest.raises(QuotaExceeded) as refused:
        await request(stage, origin=FOR_ANNA)

    assert vars(refused.value) == {"what": "bytes", "used": 2000, "wanted": 1000, "allowed": 2500}
    assert await owner(stage) == before
    async with stage.records.reading() as snapshot:
        assert len(await snapshot.page(ImageFilter(), after=None, limit=10)) == 2


@pytest.mark.parametrize("changes", [{"bytes": 1001}, {"transport": "tus"}])
async def test_a_request_that_is_refused_for_another_reason_is_not_counted(stage: Any, changes: dict[str, Any]):
    with pytest.raises(SafelightError):
        await request(stage, replace(WANTED, **changes), FOR_ANNA)

    assert await owner(stage) == Owner("anna")


async def test_a_blocked_owner_may_request_nothing_whoever_acts_for_it(stage: Any):
    async with stage.records.transaction() as tx:
        await tx.owners.block("anna", at=stage.clock.now())

    with pytest.raises(OwnerBlocked):
        await request(stage, origin=FOR_ANNA)
    with pytest.raises(OwnerBlocked):
        await request(
            stage, replace(WANTED, kind="passport", attach=Attachment("user", "anna")), Origin(Who(Role.USER, "anna"))
        )

    assert (await owner(stage)).used == Usage()


async def owner(stage: Any) -> Owner:
    async with stage.records.reading() as snapshot:
        return await snapshot.owner("anna")


POST = Attachment("post", "7")


async def test_images_of_a_record_are_in_the_order_in_which_they_were_requested(stage: Any):
    images = [(await request(stage, replace(WANTED, attach=POST))).image for _ in range(3)]

    async with stage.records.reading() as snapshot:
        assert list(await snapshot.attached(POST)) == images
    assert [image.position for image in images] == [0, 1, 2]


async def test_a_record_that_is_full_takes_no_request_and_nothing_is_kept_of_it(stage: Any):
    wanted = replace(WANTED, kind="picture", attach=POST)

    results = await asyncio.gather(*(request(stage, wanted) for _ in range(12)), return_exceptions=True)

    async with stage.records.reading() as snapshot:
        kept = await snapshot.page(ImageFilter(), after=None, limit=20)
    assert sum(isinstance(result, RecordFull) for result in results) == 9
    assert len(kept) == 3


async def test_an_image_for_no_record_needs_no_room(stage: Any):
    images = [(await request(stage, replace(WANTED, kind="picture"))).image for _ in range(5)]

    assert {(image.attached_to, image.position) for image in images} == {(None, 0)}


async def test_any_number_may_be_on_their_way_where_one_will_stay(stage: Any):
    wanted = replace(WANTED, kind="portrait", attach=POST)

    images = [(await request(stage, wanted)).image for _ in range(5)]

    assert {image.state for image in images} == {State.REQUESTED}


@pytest.mark.parametrize(("kind", "public", "hidden"), [("avatar", True, False), ("reviewed", False, True)])
async def test_an_image_that_is_to_be_reviewed_is_hidden_and_not_public_whatever_its_kind(
    stage: Any,
    kind: str,
    public: bool,  # noqa: FBT001 - a column of the table
    hidden: bool,  # noqa: FBT001 - a column of the table
):
    image = (await request(stage, replace(WANTED, kind=kind))).image

    assert (image.public, image.hidden) == (public, hidden)
