"""Reads and writes the rules of a bucket, by signed calls; and says what right is missing where one is refused."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import httpx

from safelight.adapters.s3 import rules
from safelight.adapters.s3.requests import S3Requests, code_of, refusal
from safelight.domain.errors import StorageFailed

NOT_THERE = frozenset({"NoSuchCORSConfiguration", "NoSuchLifecycleConfiguration", "NoSuchBucketPolicy"})
NOT_OFFERED = frozenset({"NotImplemented", "MethodNotAllowed", "MalformedXML", "UnsupportedOperation"})
"""What servers answer that do not know such a rule."""


@dataclass(frozen=True, slots=True)
class What:
    """One kind of rules: what it is for people, its name in the query, and the rights to read and to write it."""

    name: str
    query: str
    may_read: str
    may_write: str


CORS = What("CORS", "cors", "s3:GetBucketCORS", "s3:PutBucketCORS")
POLICY = What("bucket policy", "policy", "s3:GetBucketPolicy", "s3:PutBucketPolicy")
LIFECYCLE = What("lifecycle", "lifecycle", "s3:GetLifecycleConfiguration", "s3:PutLifecycleConfiguration")

ROOTS = {CORS.query: "CORSConfiguration", LIFECYCLE.query: "LifecycleConfiguration"}


class NotOffered(Exception):
    """The provider has no such rules. The text says which."""


class BucketRules:
    """The rules of one bucket. Every call raises StorageFailed, and NotOffered where the provider has no such rules."""

    def __init__(self, requests: S3Requests) -> None:
        self._requests = requests

    async def document(self, what: What) -> ET.Element:
        """Return the CORS or lifecycle rules, ours and others; an empty document where there are none."""
        text = await self._read(what)
        return ET.Element(ROOTS[what.query]) if text is None else rules.parsed(text)

    async def put_document(self, what: What, document: ET.Element) -> None:
        """Put CORS or lifecycle rules in place of all that are there."""
        await self._write(what, rules.written(document), "application/xml")

    async def policy(self) -> Mapping[str, Any]:
        """Return the bucket's policy; empty where there is none."""
        text = await self._read(POLICY)
        found: Mapping[str, Any] = {} if text is None else json.loads(text)
        return found

    async def put_policy(self, policy: Mapping[str, Any]) -> None:
        """Put a policy in place of the one that is there."""
        await self._write(POLICY, json.dumps(policy).encode(), "application/json")

    async def _read(self, what: What) -> bytes | None:
        answer = await self._requests.send("GET", params={what.query: ""})
        if answer.status_code == httpx.codes.NOT_FOUND and code_of(answer.text) in NOT_THERE:
            return None
        self._see(answer, what, what.may_read)
        return answer.content

    async def _write(self, what: What, content: bytes, content_type: str) -> None:
        digest = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        headers = {"content-type": content_type, "content-md5": digest}  # S3 asks for one with these calls
        answer = await self._requests.send("PUT", params={what.query: ""}, headers=headers, content=content)
        self._see(answer, what, what.may_write)

    def _see(self, answer: httpx.Response, what: What, right: str) -> None:
        if answer.is_success:
            return
        endpoint, code = self._requests.address.endpoint, code_of(answer.text)
        if answer.status_code == httpx.codes.NOT_IMPLEMENTED or code in NOT_OFFERED:
            raise NotOffered(f"{endpoint} has no call for {what.name}: it answers {code or answer.status_code}")
        if answer.status_code == httpx.codes.FORBIDDEN and code == "AccessDenied":
            blocked = " and Block Public Access must let it" if what is POLICY and right == what.may_write else ""
            raise StorageFailed(
                f"the {what.name} of bucket {self._requests.address.bucket} is refused to our credentials",
                f"See that they are right, and give them the right {right}{blocked}",
            )
        raise refusal(self._requests.address, answer.status_code, answer.text)
