"""Permit an upload: whole, by one signed URL, or in parts, which are signed for as they are sent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from safelight.domain import keys
from safelight.domain.errors import StorageFailed, TooLarge, UnsupportedTransport
from safelight.domain.image import Image, NewImage
from safelight.domain.multipart import Division
from safelight.ports.multipart import MULTIPART, Multipart
from safelight.ports.object_store import ObjectStore, SignedUpload, Signer


@dataclass(frozen=True, slots=True)
class Transport:
    """How a client wants to send its bytes: None leaves it to us, who take over `multipart_above` bytes in parts."""

    wanted: str | None
    multipart_above: int


@dataclass(frozen=True, slots=True)
class PartedUpload:
    """The permission to upload a file in parts. `expires_at` is put off whenever parts are signed for."""

    division: Division
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Permitted:
    """A permission. With one to upload in parts comes what the store calls that upload."""

    upload: SignedUpload | PartedUpload
    multipart_id: str | None = None


@asynccontextmanager
async def permitted_upload(
    image: Image | NewImage,
    attempt: int,
    transport: Transport,
    *,
    objects: ObjectStore,
    signer: Signer,
    expires_at: datetime,
) -> AsyncIterator[Permitted]:
    """Give a permission to the block that notes it in the records. Where that raises, what was begun is given up.

    Killed in between, an upload in parts stays that no record knows of: the sweep finds it.
    Raises UnsupportedTransport, TooLarge.
    """
    key, multipart = keys.incoming_of(image, attempt), objects.multipart
    if multipart is not None and image.declared_bytes > multipart.largest_bytes:
        raise TooLarge(actual=image.declared_bytes, allowed=multipart.largest_bytes)
    if multipart is None or not multipart.begins or not _goes_in_parts(image, transport):
        yield Permitted(_signed(image, key, transport, objects=objects, signer=signer, expires_at=expires_at))
        return
    multipart_id = await multipart.begin(key, content_type=image.declared_type)
    try:
        yield Permitted(PartedUpload(Division(image.declared_bytes), expires_at), multipart_id)
    except BaseException:
        await _abort(multipart, key, multipart_id)
        raise


async def give_up_parts(image: Image, objects: ObjectStore) -> None:
    """Give up the upload in parts that a record names, if it does. What cannot be removed now, the sweep finds."""
    if image.multipart_id is not None and objects.multipart is not None:
        await _abort(objects.multipart, keys.incoming_of(image, image.upload_attempt), image.multipart_id)


def _signed(
    image: Image | NewImage,
    key: keys.Key,
    transport: Transport,
    *,
    objects: ObjectStore,
    signer: Signer,
    expires_at: datetime,
) -> SignedUpload:
    """Return the permission to send a file whole. Raises UnsupportedTransport, which names every one that there is."""
    try:
        return signer.sign_upload(
            key,
            declared_bytes=image.declared_bytes,
            content_type=image.declared_type,
            checksum=image.checksum,
            expires_at=expires_at,
            transport=transport.wanted or "put",
        )
    except UnsupportedTransport as error:
        if objects.multipart is not None and objects.multipart.begins:
            error.supported += f", {MULTIPART}"
        raise


def _goes_in_parts(image: Image | NewImage, transport: Transport) -> bool:
    if transport.wanted is None:
        return image.declared_bytes > transport.multipart_above
    return transport.wanted == MULTIPART


async def _abort(multipart: Multipart, key: keys.Key, multipart_id: str) -> None:
    with suppress(StorageFailed):
        await multipart.abort(key, multipart_id)
