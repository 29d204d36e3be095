"""The CDN examples: they can be read, and keep what Safelight calls public and nothing else."""

import json
from pathlib import Path
from typing import Any

import yaml

from safelight.domain import keys

FOLDER = Path(__file__).parents[2] / "deploy/cdn"


class Template(yaml.SafeLoader):
    """Reads CloudFormation, whose tags are its functions."""


Template.add_multi_constructor("!", lambda _loader, _suffix, node: node.value)


def cloudfront() -> Any:
    """Return the resources of the template."""
    return yaml.load((FOLDER / "cloudfront.yaml").read_text(), Template)["Resources"]  # noqa: S506 - a safe loader


def test_cloudfront_reads_public_objects_and_no_others():
    (statement,) = cloudfront()["Policy"]["Properties"]["PolicyDocument"]["Statement"]

    assert statement["Action"] == "s3:GetObject"
    assert statement["Resource"].endswith(f"/{keys.PUBLIC}*")
    assert "AWS:SourceArn" in statement["Condition"]["StringEquals"]


def test_cloudfront_keeps_one_copy_whoever_asks():
    keyed = cloudfront()["Caching"]["Properties"]["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"]

    assert keyed["HeadersConfig"] == {"HeaderBehavior": "none"}
    assert keyed["CookiesConfig"] == {"CookieBehavior": "none"}
    assert keyed["QueryStringsConfig"] == {"QueryStringBehavior": "none"}


def test_cloudflare_keeps_public_objects_after_saying_that_nothing_is_kept():
    nothing, public = json.loads((FOLDER / "cloudflare.json").read_text())["rules"]

    assert nothing["action_parameters"] == {"cache": False}
    assert public["action_parameters"]["cache"] is True
    assert f'"/{keys.PUBLIC}")' in public["expression"]


def test_fastly_passes_on_whatever_is_not_public():
    assert f'if (req.url.path !~ "^/{keys.PUBLIC}") {{\n    return(pass);' in (FOLDER / "fastly.vcl").read_text()
