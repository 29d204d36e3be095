"""`safelight storage setup --print`: the rules as data, and what is to be done by hand."""

import json
from typing import Any

import pytest

ORIGIN = "https://app.example"


@pytest.fixture(autouse=True)
def one_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFELIGHT_ALLOWED_ORIGINS", ORIGIN)


def test_what_is_printed_is_json_for_the_aws_command_line(run: Any):
    printed = run("storage", "setup", "--print", "--url", "s3://bucket?region=eu-central-1")

    documents = ["".join(part.partition("\n")[2]) for part in printed.stdout.split("# aws s3api ")[1:]]
    cors, policy, lifecycle = (json.loads(document.partition("\n#")[0]) for document in documents)
    assert cors["CORSRules"][0]["AllowedOrigins"] == [ORIGIN]
    assert policy["Statement"][0]["Resource"] == "arn:aws:s3:::bucket/public/*"
    assert {rule["ID"] for rule in lifecycle["Rules"]} == {"safelight-incoming-bytes", "safelight-incoming-parts"}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://bucket?profile=r2&endpoint=https://0.r2.cloudflarestorage.com", "R2 has no bucket policies"),
        ("s3://bucket?profile=b2&region=us-west-004", "B2 has no bucket policies"),
        ("s3://bucket?profile=minio&endpoint=https://minio.example", "MINIO_API_CORS_ALLOW_ORIGIN"),
        ("s3://bucket?profile=gcs", "managed folder"),
    ],
)
def test_what_a_provider_has_no_rules_for_is_told(run: Any, url: str, said: str):
    printed = run("storage", "setup", "--print", "--url", url)

    assert said in " ".join(printed.stdout.split())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://bucket?region=eu-central-1", "aws iam put-user-policy"),
        ("s3://bucket?profile=r2&endpoint=https://0.r2.cloudflarestorage.com", "do without"),
        ("s3://bucket?profile=b2&region=us-west-004", "b2 key create"),
        ("s3://bucket?profile=minio&endpoint=https://minio.example", "mc admin policy attach"),
        ("s3://bucket?profile=gcs", "roles/storage.objectCreator"),
        ("s3://bucket?profile=ceph&endpoint=https://rgw.example", "radosgw-admin subuser create"),
    ],
)
def test_the_policy_of_credentials_that_only_upload_is_printed_and_how_they_come_to_have_it(
    run: Any, url: str, said: str
):
    printed = run("storage", "setup", "--print", "--url", f"{url}&prefix=part").stdout

    how, _, policy = printed.partition("# For credentials that only sign uploads. ")[2].partition("\n")
    assert said in how
    assert json.loads(policy.partition("\n#")[0])["Statement"] == [
        {
            "Sid": "SafelightUploadsPart",
            "Effect": "Allow",
            "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::bucket/part/incoming/*",
        }
    ]


def test_an_uploader_that_is_named_stands_in_the_policy_of_the_bucket(run: Any):
    uploader = "arn:aws:iam::123456789012:user/uploads"

    printed = run("storage", "setup", "--print", "--uploader", uploader, "--url", "s3://bucket?region=eu-central-1")

    statements = json.loads(printed.stdout.partition("--policy file://FILE\n")[2].partition("\n#")[0])["Statement"]
    assert [one["Effect"] for one in statements if one["Principal"] == {"AWS": uploader}] == ["Allow", *["Deny"] * 8]


@pytest.mark.parametrize("uploader", ["uploads", "arn:aws:iam::123456789012:root", "arn:aws:iam:::user/*"])
def test_an_uploader_that_is_no_arn_of_one_is_refused(run: Any, uploader: str):
    refused = run("storage", "setup", "--uploader", uploader, "--url", "s3://bucket?region=eu-central-1")

    assert refused.exit_code == 2
    assert "arn:aws:iam::" in refused.stderr


def test_where_a_policy_names_no_users_it_is_told_what_does(run: Any):
    url = "s3://bucket?profile=minio&endpoint=https://minio.example"

    refused = run("storage", "setup", "--uploader", "arn:aws:iam:::user/uploads", "--url", url)

    assert refused.exit_code == 2
    assert "mc admin policy attach" in refused.stderr


def test_without_a_bucket_it_says_how_to_name_one(run: Any):
    refused = run("storage", "setup")

    assert refused.exit_code == 2
    assert "SAFELIGHT_STORAGE_URL" in refused.stderr


def test_without_allowed_origins_a_note_stands_in_place_of_empty_rules(run: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("SAFELIGHT_ALLOWED_ORIGINS")

    printed = run("storage", "setup", "--print", "--url", "s3://bucket?region=eu-central-1")

    assert "# SAFELIGHT_ALLOWED_ORIGINS is not set" in printed.stdout
    assert "CORSRules" not in printed.stdout
    assert "put-bucket-cors" not in printed.stdout
    assert "put-bucket-policy" in printed.stdout
