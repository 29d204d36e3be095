"""What a bucket is told once: which pages may upload, what anybody may read, and what it removes by itself. As data.

Rules of ours are known by what their names begin with; all others in the bucket are somebody else's.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from xml.etree import ElementTree as ET

from safelight.adapters.s3.address import S3Address
from safelight.domain import keys

OURS = "safelight-"
"""What the IDs of our CORS and lifecycle rules begin with."""

OUR_STATEMENTS = "Safelight"
"""What the names of our statements begin with: they may have letters and digits alone."""

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
PREFLIGHT_GOOD_FOR_S = 3600
ABANDONED_AFTER_DAYS = 1
"""When the parts of an upload that was never completed are removed. No upload URL is good for as long."""

BESIDES_UPLOADS = ["s3:AbortMultipartUpload", "s3:Delete*", "s3:Get*", "s3:List*", "s3:PutObject?*"]
"""What can be done with an object, but to put it. Tried on Ceph 16.2, which passes over NotAction."""

OPENING = (
    "s3:x-amz-acl",
    "s3:x-amz-grant-full-control",
    "s3:x-amz-grant-read",
    "s3:x-amz-grant-read-acp",
    "s3:x-amz-grant-write",
    "s3:x-amz-grant-write-acp",
)
"""The conditions' names of headers that open to others what is put: Ceph asks for no right of its own to send them."""

METHODS = ("GET", "HEAD", "POST", "PUT")
HEADERS = ("content-md5", "content-type", "if-none-match")
EXPOSED = ("ETag",)
"""A client needs it of each part of a multipart upload."""


@dataclass(frozen=True, slots=True)
class CorsRule:
    """What pages of some origins may do from a browser. Each list is sorted."""

    id: str
    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]
    max_age_s: int

    @classmethod
    def parse(cls, rule: ET.Element) -> Self:
        """Return what an element says."""
        return cls(
            id=rule.findtext("ID") or "",
            origins=_texts(rule, "AllowedOrigin"),
            methods=_texts(rule, "AllowedMethod"),
            headers=_texts(rule, "AllowedHeader"),
            exposed=_texts(rule, "ExposeHeader"),
            max_age_s=int(rule.findtext("MaxAgeSeconds") or 0),
        )

    def element(self) -> ET.Element:
        """Return it as S3 takes it."""
        rule = ET.Element("CORSRule")
        _add(rule, "ID", self.id)
        for name, values in (
            ("AllowedOrigin", self.origins),
            ("AllowedMethod", self.methods),
            ("AllowedHeader", self.headers),
            ("ExposeHeader", self.exposed),
        ):
            for value in values:
                _add(rule, name, value)
        _add(rule, "MaxAgeSeconds", str(self.max_age_s))
        return rule

    def json(self) -> Mapping[str, Any]:
        """Return it as the aws command line takes it."""
        return {
            "ID": self.id,
            "AllowedOrigins": self.origins,
            "AllowedMethods": self.methods,
            "AllowedHeaders": self.headers,
            "ExposeHeaders": self.exposed,
            "MaxAgeSeconds": self.max_age_s,
        }


@dataclass(frozen=True, slots=True)
class LifecycleRule:
    """When the bucket removes by itself what begins so: objects, or the parts of uploads never completed."""

    id: str
    prefix: str
    expire_days: int | None = None
    abort_days: int | None = None

    @classmethod
    def parse(cls, rule: ET.Element) -> Self | None:
        """Return what an element says; None where it is not in force."""
        if rule.findtext("Status") != "Enabled":
            return None
        expire = rule.findtext("Expiration/Days")
        abort = rule.findtext("AbortIncompleteMultipartUpload/DaysAfterInitiation")
        return cls(
            id=rule.findtext("ID") or "",
            prefix=rule.findtext("Filter/Prefix") or rule.findtext("Prefix") or "",
            expire_days=int(expire) if expire else None,
            abort_days=int(abort) if abort else None,
        )

    def element(self) -> ET.Element:
        """Return it as S3 takes it."""
        rule = ET.Element("Rule")
        _add(rule, "ID", self.id)
        _add(ET.SubElement(rule, "Filter"), "Prefix", self.prefix)
        _add(rule, "Status", "Enabled")
        if self.expire_days is not None:
            _add(ET.SubElement(rule, "Expiration"), "Days", str(self.expire_days))
        if self.abort_days is not None:
            _add(ET.SubElement(rule, "AbortIncompleteMultipartUpload"), "DaysAfterInitiation", str(self.abort_days))
        return rule

    def json(self) -> Mapping[str, Any]:
        """Return it as the aws command line takes it."""
        expires = {} if self.expire_days is None else {"Expiration": {"Days": self.expire_days}}
        aborts = (
            {}
            if self.abort_days is None
            else {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": self.abort_days}}
        )
        return {"ID": self.id, "Filter": {"Prefix": self.prefix}, "Status": "Enabled", **expires, **aborts}


def cors_rules(address: S3Address, origins: Sequence[str]) -> list[CorsRule]:
    """Return what pages of these origins need to upload, and to read what they may: nothing where there are none."""
    if not origins:
        return []
    checksums = (f"x-amz-checksum-{algorithm}" for algorithm in sorted(address.profile.checksums))
    name = OURS + (address.prefix.rstrip("/").replace("/", "-") or "pages")
    headers = (*HEADERS, *checksums)
    return [CorsRule(name, tuple(sorted(origins)), METHODS, headers, EXPOSED, PREFLIGHT_GOOD_FOR_S)]


def lifecycle_rules(address: S3Address, *, keep_incoming_days: int, aborts: bool) -> list[LifecycleRule]:
    """Return the net under our own sweep. `aborts`: whether the provider removes abandoned parts by such a rule."""
    prefix = address.prefix + keys.INCOMING
    name = OURS + prefix.replace("/", "-")
    rules = [LifecycleRule(f"{name}bytes", prefix, expire_days=keep_incoming_days)]
    if aborts:
        rules.append(LifecycleRule(f"{name}parts", prefix, abort_days=ABANDONED_AFTER_DAYS))
    return rules


def public_statement(address: S3Address) -> Mapping[str, Any]:
    """Return what lets anybody read what is public, and nothing else."""
    return {
        "Sid": _sid("Public", address),
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": _resource(address, keys.PUBLIC),
    }


def uploader_statement(address: S3Address) -> Mapping[str, Any]:
    """Return all that the credentials that sign uploads need, for a policy of their own."""
    return {
        "Sid": _sid("Uploads", address),
        "Effect": "Allow",
        "Action": "s3:PutObject",
        "Resource": _resource(address, keys.INCOMING),
    }


def uploader_statements(address: S3Address, principal: str) -> list[Mapping[str, Any]]:
    """Return the same for the bucket's policy, and that they may do nothing else, whatever other policies say."""
    incoming, whose = _resource(address, keys.INCOMING), {"Principal": {"AWS": principal}}
    denied = {"Effect": "Deny", **whose}
    opened = {**denied, "Action": "s3:PutObject", "Resource": incoming}
    return [
        {**uploader_statement(address), **whose},
        {"Sid": _sid("UploadsOnly", address), **denied, "Action": BESIDES_UPLOADS, "Resource": incoming},
        {"Sid": _sid("UploadsHere", address), **denied, "Action": "s3:*", "NotResource": incoming},
        *(
            {"Sid": _sid(f"UploadsPrivate{number}", address), **opened, "Condition": {"StringLike": {header: "?*"}}}
            for number, header in enumerate(OPENING, 1)
        ),
    ]


def parsed(text: bytes | str) -> ET.Element:
    """Return a document without its namespace."""
    document = ET.fromstring(text)  # noqa: S314 - from our own store; expat bounds what entities grow to
    for element in document.iter():
        element.tag = element.tag.rpartition("}")[2]
    return document


def written(document: ET.Element) -> bytes:
    """Return a document as S3 takes it."""
    whole = ET.Element(document.tag, xmlns=NAMESPACE)
    whole.extend(document)
    return ET.tostring(whole, encoding="unicode").encode()


def readable(document: ET.Element) -> str:
    """Return a document for people."""
    copy = ET.fromstring(ET.tostring(document))  # noqa: S314 - just written
    ET.indent(copy)
    return ET.tostring(copy, encoding="unicode") if len(copy) else ""


def with_ours(document: ET.Element, ours: Sequence[CorsRule] | Sequence[LifecycleRule]) -> ET.Element:
    """Return a document with these rules in place of those of the same names, and all others as they are."""
    names = {rule.id for rule in ours}
    merged = ET.Element(document.tag)
    merged.extend(rule for rule in document if rule.findtext("ID") not in names)
    merged.extend(rule.element() for rule in ours)
    return merged


def policy_with(policy: Mapping[str, Any], ours: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return a policy with these statements in place of those of the same names, and all others as they are."""
    names = {statement["Sid"] for statement in ours}
    others = [one for one in statements(policy) if one.get("Sid") not in names]
    return {**policy, "Version": policy.get("Version", "2012-10-17"), "Statement": [*others, *ours]}


def statements(policy: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the statements of a policy, of which one may stand alone."""
    found = policy.get("Statement", [])
    return [found] if isinstance(found, Mapping) else list(found)


def is_same_statement(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two statements say the same: servers give back a list where one word was put, and the other way round."""
    return _plain(one) == _plain(other)


def readable_policy(policy: Mapping[str, Any]) -> str:
    """Return a policy for people."""
    return json.dumps(policy, indent=2) if policy else ""


def _sid(what: str, address: S3Address) -> str:
    """Return the name of a statement of ours, another one for each part of a bucket."""
    words = address.prefix.replace("-", "/").replace("_", "/").split("/")
    return "".join((OUR_STATEMENTS, what, *(word.capitalize() for word in words)))


def _resource(address: S3Address, area: str) -> str:
    return f"arn:aws:s3:::{address.bucket}/{address.prefix}{area}*"


def _texts(rule: ET.Element, name: str) -> tuple[str, ...]:
    """Return the values of a name in their alphabet's order: servers keep none."""
    return tuple(sorted(one.text or "" for one in rule.findall(name)))


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text


def _plain(statement: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        name: value[0] if isinstance(value, list) and len(value) == 1 else value for name, value in statement.items()
    } | {"Principal": _principal(statement.get("Principal"))}


def _principal(principal: Any) -> Any:
    """Return who is meant: anybody is written in several ways."""
    return "*" if principal in ("*", {"AWS": "*"}, {"AWS": ["*"]}, ["*"]) else principal
