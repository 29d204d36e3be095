"""Lists a bucket page by page. obstore lists by whole folders alone, and one folder here has all uploads of a day."""

from collections.abc import AsyncIterator
from datetime import datetime
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.requests import S3Requests, refusal
from safelight.domain import keys
from safelight.domain.errors import StorageFailed
from safelight.ports.object_store import StoredObject

NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


async def list_objects(requests: S3Requests, prefix: str) -> AsyncIterator[StoredObject]:
    """Yield the objects of ours whose keys begin so, in the order of their keys. Raises StorageFailed."""
    address = requests.address
    params = {"list-type": "2", "encoding-type": "url", "prefix": address.prefix + prefix}
    while True:
        answer = await requests.send("GET", params=params)
        if not answer.is_success:
            raise refusal(address, answer.status_code, answer.text)
        page = _parsed(answer.content, address)
        for entry in page.iter(f"{NAMESPACE}Contents"):
            found = _stored(entry, address.prefix)
            if found is not None:
                yield found
        token = page.findtext(f"{NAMESPACE}NextContinuationToken")
        if not token:
            return
        params["continuation-token"] = token


def _parsed(content: bytes, address: S3Address) -> ET.Element:
    try:
        return ET.fromstring(content)  # noqa: S314 - from our own store; expat bounds what entities grow to
    except ET.ParseError as error:
        raise StorageFailed(f"{address.endpoint} answers what is no list", "See that it speaks S3") from error


def _stored(entry: ET.Element, prefix: str) -> StoredObject | None:
    """Return what an entry says; None where it is no object of ours."""
    key = keys.parse(unquote(_text(entry, "Key")).removeprefix(prefix))
    if key is None:
        return None
    return StoredObject(
        key,
        int(_text(entry, "Size")),
        _text(entry, "ETag").strip('"'),
        datetime.fromisoformat(_text(entry, "LastModified")).replace(microsecond=0),  # as HEAD says it
    )


def _text(entry: ET.Element, name: str) -> str:
    return entry.findtext(f"{NAMESPACE}{name}") or ""
