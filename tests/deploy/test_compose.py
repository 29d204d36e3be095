"""The compose file: valid, whole, closed but for its gateway, and in keeping with the settings."""

import configparser
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema.validators import validator_for

from safelight.adapters.keyring import read_keyring
from safelight.adapters.s3.address import S3Address
from safelight.apps.kinds import load_kinds
from safelight.cli.app import Commands
from safelight.domain import api_keys
from safelight.settings import Settings

FOLDER = Path(__file__).parents[2] / "deploy/compose"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith("safelight:")}
DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}

SCHEMA = get_builtin_schema("vendor.compose-spec")
"""Of the Compose specification."""

Service = Mapping[str, Any]


def mistakes(compose: Any) -> list[str]:
    """Return what the specification does not take."""
    return [error.message for error in validator_for(SCHEMA)(SCHEMA).iter_errors(compose)]


def test_it_is_as_the_compose_specification_has_it():
    assert mistakes(COMPOSE) == []


def test_the_schema_would_see_a_field_that_there_is_not():
    wrong = json.loads(json.dumps(COMPOSE).replace('"healthcheck"', '"healthchek"'))

    assert "healthchek" in "".join(mistakes(wrong))


@pytest.mark.parametrize("service", OURS.values(), ids=OURS)
def test_a_service_runs_a_command_with_settings_that_there_are(service: Service):
    (command,) = service["command"]
    settings = [name for name in service["environment"] if name.startswith("SAFELIGHT_")]

    assert command in Commands.table
    assert {name.removeprefix("SAFELIGHT_").lower() for name in settings} <= Settings.model_fields.keys()


@pytest.mark.parametrize("service", OURS.values(), ids=OURS)
def test_a_service_has_no_right_that_it_does_not_need(service: Service):
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


def test_only_the_gateway_listens_outside_and_only_on_loopback():
    published = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}

    assert published.keys() == {"gateway"}
    assert all(port.startswith("127.0.0.1:") for port in published["gateway"])


def test_what_keeps_the_records_and_the_bytes_is_reached_from_inside_alone():
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    for name in ("postgres", "s3", "bucket", "migrate"):
        assert SERVICES[name]["networks"] == ["inside"]


def test_only_the_api_can_sign():
    holders = {name for name, one in SERVICES.items() if "keyring" in json.dumps(one.get("secrets", []))}

    assert holders == {"api"}


def test_every_name_is_there_and_none_too_many():
    for part in ("secrets", "configs", "networks", "volumes"):
        used = {name for one in SERVICES.values() for name in map(source, one.get(part, []))}
        assert used == COMPOSE[part].keys()


def source(use: str | Mapping[str, str]) -> str:
    """Return what a service uses, of its short or long form."""
    return use.partition(":")[0] if isinstance(use, str) else use["source"]


def test_nobody_starts_before_what_it_needs_is_there():
    for one in SERVICES.values():
        for name, needed in one.get("depends_on", {}).items():
            ends = needed["condition"] == "service_completed_successfully"
            assert ends == SERVICES[name]["restart"].startswith("on-failure")
            assert ends or "healthcheck" in SERVICES[name] or name == "api"  # whose image has one


def test_every_image_is_of_one_version():
    for one in SERVICES.values():
        assert re.fullmatch(r"[\w./-]+:[\w.-]*\d[\w.-]*", one["image"]), one["image"]


def test_ports_and_times_are_in_keeping_with_the_settings():
    api, worker, gateway = SERVICES["api"], SERVICES["worker"], (FOLDER / "gateway.conf").read_text()

    assert f"http://api:{DEFAULTS['port']};" in gateway
    assert f":{DEFAULTS['worker_port']}/healthz" in json.dumps(worker["healthcheck"])
    grace = DEFAULTS["call_grace"].total_seconds()
    assert seconds(api["stop_grace_period"]) > float(api["environment"]["SAFELIGHT_SHUTDOWN_DELAY"]) + grace
    grace = DEFAULTS["stop_grace"].total_seconds()
    assert seconds(worker["stop_grace_period"]) > float(worker["environment"]["SAFELIGHT_SHUTDOWN_DELAY"]) + grace
    assert (
        int(worker["mem_limit"].removesuffix("g")) << 30
        > int(worker["environment"]["SAFELIGHT_SLOTS"]) * (DEFAULTS["render_memory_bytes"])
    )


def seconds(duration: str) -> int:
    """Return what `30s` means."""
    return int(duration.removesuffix("s"))


def test_the_bucket_is_where_the_settings_say():
    address = S3Address.parse(SERVICES["api"]["environment"]["SAFELIGHT_STORAGE_URL"])
    published = [port.removeprefix("127.0.0.1:").partition(":")[0] for port in SERVICES["gateway"]["ports"]]

    assert address.endpoint == "http://s3:8333"
    assert address.public_endpoint.rpartition(":")[2] in published
    assert f"-name {address.bucket}" in json.dumps(SERVICES["bucket"]["entrypoint"])


def test_the_example_kinds_can_be_loaded():
    assert [*load_kinds(FOLDER / "images.py")] == ["avatar"]


def test_the_secrets_are_made_once_and_fit_each_other(tmp_path: Path):
    made = tmp_path / "secrets"
    script = tmp_path / "secrets.sh"
    script.write_text((FOLDER / "secrets.sh").read_text())
    stand_in_for_docker(tmp_path / "docker", made)

    run = ["sh", script]
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    first = subprocess.run(run, env=env, capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    again = subprocess.run(run, env=env, capture_output=True, text=True, check=False)  # noqa: S603 - our own script

    assert first.returncode == 0, first.stderr
    assert again.returncode != 0
    assert {path.name for path in made.iterdir()} == {Path(one["file"]).name for one in COMPOSE["secrets"].values()}
    assert (made / "postgres-password").read_text() in (made / "database-url").read_text()
    assert Settings(database_url=(made / "database-url").read_text()).database_url  # type: ignore[arg-type]  # as text
    everything, uploader, anybody = json.loads((made / "s3.json").read_text())["identities"]
    assert credentials_of(made / "aws") == {
        "default": everything["credentials"],
        SERVICES["api"]["environment"]["SAFELIGHT_UPLOAD_AWS_PROFILE"]: uploader["credentials"],
    }
    assert uploader["actions"] == ["Write:safelight/incoming/*"]
    assert anybody["actions"] == ["Read:safelight/public/*"]
    assert api_keys.parse((made / "bootstrap-key").read_text()) is not None
    assert len(read_keyring(made / "keyring.json").keys) == 1
    assert made.stat().st_mode & 0o777 == 0o700


def credentials_of(file: Path) -> dict[str, list[dict[str, str]]]:
    """Return the credentials in AWS's shared file by profile, each as SeaweedFS has them."""
    read = configparser.ConfigParser()
    read.read(file)
    return {
        name: [{"accessKey": one["aws_access_key_id"], "secretKey": one["aws_secret_access_key"]}]
        for name, one in read.items()
        if name != read.default_section
    }


def stand_in_for_docker(path: Path, secrets: Path) -> None:
    """Write a program that does as the image would with `safelight`: the folder of secrets is not where it says."""
    safelight = Path(sys.executable).with_name("safelight")
    skip = 'while [ "$1" != safelight:0.1.0 ]; do shift; done'
    path.write_text(f'#!/bin/sh\n{skip}\nexec {safelight} "$2" "$3" "{secrets}/${{4##*/}}"\n')
    path.chmod(0o755)
