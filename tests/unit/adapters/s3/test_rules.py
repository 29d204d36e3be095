"""The rules of a bucket as data: what is ours is put beside what is not."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from safelight.adapters.s3 import rules
from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.rules import CorsRule, LifecycleRule

WHOLE = S3Address.parse("s3://bucket?region=eu-central-1")
PART = S3Address.parse("s3://bucket?profile=generic&endpoint=https://s3.example&prefix=shop/images")

OTHERS = """
<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Rule><ID>logs</ID><Prefix>logs/</Prefix><Status>Enabled</Status><Expiration><Days>7</Days></Expiration></Rule>
  <Rule><ID>off</ID><Filter><Prefix>a/</Prefix></Filter><Status>Disabled</Status></Rule>
  <Rule><ID>safelight-incoming-bytes</ID><Filter><Prefix>incoming/</Prefix></Filter><Status>Enabled</Status>
    <Expiration><Days>1</Days></Expiration></Rule>
</LifecycleConfiguration>
"""


def parse_all(document: ET.Element) -> list[LifecycleRule | None]:
    return [LifecycleRule.parse(rule) for rule in document]


@pytest.mark.parametrize("address", [WHOLE, PART])
def test_what_is_written_is_read_back_the_same(address: S3Address):
    cors = rules.cors_rules(address, ["https://b.example", "https://a.example"])
    lifecycle = rules.lifecycle_rules(address, keep_incoming_days=30, aborts=True)

    read_cors = rules.parsed(rules.written(rules.with_ours(ET.Element("CORSConfiguration"), cors)))
    read_lifecycle = rules.parsed(rules.written(rules.with_ours(ET.Element("LifecycleConfiguration"), lifecycle)))

    assert [CorsRule.parse(rule) for rule in read_cors] == cors
    assert parse_all(read_lifecycle) == lifecycle


def test_two_parts_of_a_bucket_have_rules_of_their_own():
    names = [
        {rule.id for rule in rules.lifecycle_rules(address, keep_incoming_days=30, aborts=True)}
        | {rule.id for rule in rules.cors_rules(address, ["https://a.example"])}
        | {rules.public_statement(address)["Sid"]}
        for address in (WHOLE, PART)
    ]

    assert names[0].isdisjoint(names[1])
    assert rules.public_statement(PART)["Resource"] == "arn:aws:s3:::bucket/shop/images/public/*"
    assert rules.public_statement(PART)["Sid"].isalnum()


def test_ours_take_the_place_of_those_of_their_names_and_others_stay():
    wanted = rules.lifecycle_rules(WHOLE, keep_incoming_days=30, aborts=False)

    merged = rules.with_ours(rules.parsed(OTHERS), wanted)

    assert parse_all(merged) == [LifecycleRule("logs", "logs/", 7), None, *wanted]


def test_a_statement_takes_the_place_of_that_of_its_name_and_others_stay():
    theirs = {"Sid": "Theirs", "Effect": "Deny"}
    earlier = {**rules.public_statement(WHOLE), "Resource": "arn:aws:s3:::bucket/*"}

    merged = rules.policy_with(
        {"Version": "2008-10-17", "Statement": [theirs, earlier]}, [rules.public_statement(WHOLE)]
    )

    assert merged == {"Version": "2008-10-17", "Statement": [theirs, rules.public_statement(WHOLE)]}


def test_an_uploader_is_let_put_below_incoming_and_denied_all_else():
    allowed, *denied = rules.uploader_statements(PART, "arn:aws:iam::1:user/uploads")
    incoming = "arn:aws:s3:::bucket/shop/images/incoming/*"

    assert (allowed["Effect"], allowed["Action"], allowed["Resource"]) == ("Allow", "s3:PutObject", incoming)
    assert {one["Effect"] for one in denied} == {"Deny"}
    assert {"Action": "s3:*", "NotResource": incoming}.items() <= denied[1].items()
    assert all(one["Principal"] == {"AWS": "arn:aws:iam::1:user/uploads"} for one in (allowed, *denied))
    names = [one["Sid"] for one in (allowed, *denied)]
    assert len(set(names)) == len(names)
    assert all(name.isalnum() and name.endswith("ShopImages") for name in names)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Action": ["s3:GetObject"]}, True),
        ({"Action": ["s3:GetObject", "s3:PutObject"]}, False),
        ({"Resource": "arn:aws:s3:::bucket/*"}, False),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, False),
    ],
)
def test_a_statement_is_known_again_however_the_server_writes_it(changes: dict[str, Any], same: bool):  # noqa: FBT001 - a column of the table
    wanted = rules.public_statement(WHOLE)

    assert rules.is_same_statement({**wanted, **changes}, wanted) is same
