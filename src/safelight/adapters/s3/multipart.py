"""Multipart uploads to a bucket: begun, listed, completed and aborted by us; the parts come from the client."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import httpx

from safelight.adapters.s3.auth import SigV4
from safelight.adapters.s3.requests import S3Requests, refusal
from safelight.adapters.s3.signer import SKEW, absent_headers
from safelight.domain import keys
from safelight.domain.delivery import OCTETS
from safelight.domain.errors import ObjectChanged, ObjectMissing, StorageFailed
from safelight.domain.formats import UNTYPED
from safelight.domain.keys import Key
from safelight.ports.multipart import OpenUpload, SignedPart, StoredPart

NO_UPLOAD = ("<Code>NoSuchUpload</Code>", "<Code>NoSuchKey</Code>")  # the second is what Ceph says of its parts
CHANGED = ("<Code>InvalidPart</Code>", "<Code>InvalidPartOrder</Code>")

ANY = "{*}"
"""Stands for the namespace of an element: not all servers write that of AWS."""


class S3Multipart:
    """Uploads in parts, of one bucket. Fulfils `Multipart`. By the `uploader` parts are signed, and nothing else."""

    def __init__(self, requests: S3Requests, uploader: SigV4) -> None:
        self._requests = requests
        self._uploader = uploader
        self._address = requests.address

    @property
    def largest_bytes(self) -> int:
        """See `Multipart.largest_bytes`: a copy is a PUT, to the server."""
        return self._address.profile.largest_put

    @property
    def begins(self) -> bool:
        """See `Multipart.begins`."""
        return True

    async def begin(self, key: Key, *, content_type: str) -> str:
        """See `Multipart.begin`."""
        declared = OCTETS if content_type in UNTYPED else content_type
        answer = await self._requests.send("POST", key, params={"uploads": ""}, headers={"content-type": declared})
        return _text(self._document(answer), "UploadId")

    async def sign_parts(
        self, key: Key, multipart_id: str, sizes: Mapping[int, int], *, begins_at: datetime, expires_at: datetime
    ) -> Sequence[SignedPart]:
        """See `Multipart.sign_parts`. The server is not asked."""

        def url(number: int, size: int) -> str:
            return self._uploader.url(
                "PUT",
                self._address.public_url(key),
                begins_at=begins_at - SKEW,
                expires_at=expires_at,
                headers={"content-length": str(size)},
                params={"partNumber": str(number), "uploadId": multipart_id},
                absent=absent_headers(self._address),
            )

        return [SignedPart(number, size, url(number, size)) for number, size in sizes.items()]

    async def parts(self, key: Key, multipart_id: str) -> Sequence[StoredPart]:
        """See `Multipart.parts`."""
        found: list[StoredPart] = []
        params = {"uploadId": multipart_id}
        while True:
            answer = await self._requests.send("GET", key, params=params)
            if _is_missing(answer):
                raise ObjectMissing(key)
            page = self._document(answer)
            found += map(_part, page.iterfind(f"{ANY}Part"))
            if not _goes_on(page):
                return found
            params["part-number-marker"] = _text(page, "NextPartNumberMarker")

    async def complete(self, key: Key, multipart_id: str, parts: Sequence[StoredPart]) -> None:
        """See `Multipart.complete`."""
        wanted = ET.Element("CompleteMultipartUpload", xmlns="http://s3.amazonaws.com/doc/2006-03-01/")
        for part in parts:
            entry = ET.SubElement(wanted, "Part")
            ET.SubElement(entry, "PartNumber").text = str(part.number)
            ET.SubElement(entry, "ETag").text = f'"{part.etag}"'
        answer = await self._requests.send(
            "POST",
            key,
            params={"uploadId": multipart_id},
            headers={"content-type": "application/xml"},
            content=ET.tostring(wanted),
        )
        if _is_missing(answer):
            raise ObjectMissing(key)
        if any(code in answer.text for code in CHANGED):
            raise ObjectChanged(key)
        if answer.is_server_error:
            await self.parts(key, multipart_id)  # of an upload that is gone, Ceph has no more to say than that
        self._document(answer)

    async def abort(self, key: Key, multipart_id: str) -> None:
        """See `Multipart.abort`."""
        answer = await self._requests.send("DELETE", key, params={"uploadId": multipart_id})
        if not answer.is_success and not _is_missing(answer):
            raise refusal(self._address, answer.status_code, answer.text)

    async def uploads(self, prefix: str) -> AsyncIterator[OpenUpload]:
        """See `Multipart.uploads`."""
        params = {"uploads": "", "encoding-type": "url", "prefix": self._address.prefix + prefix}
        while True:
            page = self._document(await self._requests.send("GET", params=params))
            for entry in page.iterfind(f"{ANY}Upload"):
                found = _upload(entry, self._address.prefix)
                if found is not None:
                    yield found
            if not _goes_on(page):
                return
            params |= _place(page)

    def _document(self, answer: httpx.Response) -> ET.Element:
        """Return what was answered. Raises StorageFailed; AWS may begin to say 200 before it knows."""
        if not answer.is_success or "<Error>" in answer.text:
            raise refusal(self._address, answer.status_code, answer.text)
        return ET.fromstring(answer.content)  # noqa: S314 - from our own store; expat bounds what entities grow to


def _is_missing(answer: httpx.Response) -> bool:
    return answer.status_code == httpx.codes.NOT_FOUND and any(code in answer.text for code in NO_UPLOAD)


def _part(entry: ET.Element) -> StoredPart:
    return StoredPart(int(_text(entry, "PartNumber")), int(_text(entry, "Size")), _text(entry, "ETag").strip('"'))


def _upload(entry: ET.Element, prefix: str) -> OpenUpload | None:
    """Return what an entry says; None where it is to become no object of ours."""
    key = keys.parse(unquote(_text(entry, "Key")).removeprefix(prefix))
    if key is None:
        return None
    return OpenUpload(key, _text(entry, "UploadId"), datetime.fromisoformat(_text(entry, "Initiated")))


def _place(page: ET.Element) -> Mapping[str, str]:
    """Return where the next page of uploads begins."""
    key, multipart_id = unquote(_text(page, "NextKeyMarker")), _text(page, "NextUploadIdMarker")
    return {"key-marker": key, "upload-id-marker": multipart_id}


def _goes_on(page: ET.Element) -> bool:
    return _text(page, "IsTruncated") == "true"


def _text(entry: ET.Element, name: str) -> str:
    found = entry.findtext(f"{ANY}{name}")
    if found is None:
        raise StorageFailed(f"the S3 server leaves {name} out of its answer", "See that it is one")
    return found
