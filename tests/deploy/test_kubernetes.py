"""The manifests: valid against the schemas of Kubernetes, whole, sealed off, and in keeping with the settings."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from safelight.apps.kinds import load_kinds
from safelight.cli.app import Commands
from safelight.domain.kind import BYTE_UNITS, parse_quantity
from safelight.settings import Settings

FOLDER = Path(__file__).parents[2] / "deploy/kubernetes"
OLDEST, NEWEST = "1.31", kubernetes_validate.latest_version()
"""1.31 is the first in which everything here is final, and every version since takes it."""

KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}

SECRET_NAMED = re.compile(r'"(?:secretName|secret": {"name)": "([a-z-]+)"')
NOT_LISTED = {"kustomization.yaml", "secret.example.yaml"}

Manifest = Mapping[str, Any]


def manifests() -> Iterator[Manifest]:
    """Yield every manifest, but the kustomization itself."""
    for file in sorted(FOLDER.glob("*.yaml")):
        if file.name != "kustomization.yaml":
            yield from yaml.safe_load_all(file.read_text())


def named(manifest: Manifest) -> str:
    """Return kind and name."""
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


ALL = {named(one): one for one in manifests()}
PODS = {name: one["spec"]["template"]["spec"] for name, one in ALL.items() if "template" in one.get("spec", {})}


def environment(pod: Manifest) -> dict[str, str]:
    """Return the variables of the pod's only container."""
    (container,) = pod["containers"]
    own = {one["name"]: one["value"] for one in container.get("env", [])}
    lines = (FOLDER / "settings.env").read_text().splitlines() if "envFrom" in container else []
    return dict(line.split("=", 1) for line in lines if line[0] != "#") | own


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("manifest", ALL.values(), ids=named)
def test_kubernetes_takes_it(manifest: Manifest, version: str):
    kubernetes_validate.validate(manifest, version, strict=True)


def test_the_schemas_would_see_a_field_that_there_is_not():
    wrong = json.loads(json.dumps(ALL["Deployment/safelight-api"]).replace("readinessProbe", "readynessProbe"))

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, NEWEST, strict=True)


def test_the_kustomization_has_every_file():
    made = [name for one in KUSTOMIZATION["configMapGenerator"] for name in one.get("files", []) + one.get("envs", [])]

    assert {*KUSTOMIZATION["resources"]} == {file.name for file in FOLDER.glob("*.yaml")} - NOT_LISTED
    assert all((FOLDER / name).is_file() for name in made)


def test_every_name_that_a_pod_mounts_is_there():
    secrets = {name.removeprefix("Secret/") for name in ALL if name.startswith("Secret/")}
    maps = {one["name"] for one in KUSTOMIZATION["configMapGenerator"]}

    for pod in PODS.values():
        for volume in pod["volumes"]:
            assert {*SECRET_NAMED.findall(json.dumps(volume))} <= secrets
            assert volume.get("configMap", {}).get("name") in {*maps, None}
        (container,) = pod["containers"]
        assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in pod["volumes"]}
        assert container["image"] in {one["name"] for one in KUSTOMIZATION["images"]}


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS)
def test_a_pod_has_no_right_that_it_does_not_need(pod: Manifest):
    (container,) = pod["containers"]

    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS)
def test_a_pod_runs_a_command_with_settings_that_there_are(pod: Manifest):
    (command,) = pod["containers"][0]["args"]
    settings = [name for name in environment(pod) if name.startswith("SAFELIGHT_")]

    assert command in Commands.table
    assert {name.removeprefix("SAFELIGHT_").lower() for name in settings} <= Settings.model_fields.keys()


def test_only_the_api_can_sign():
    holders = {name for name, pod in PODS.items() if "safelight-api" in json.dumps(pod["volumes"])}

    assert holders == {"Deployment/safelight-api"}


@pytest.mark.parametrize(("part", "setting"), [("api", "port"), ("worker", "worker_port")])
def test_probes_go_where_the_part_listens(part: str, setting: str):
    (container,) = PODS[f"Deployment/safelight-{part}"]["containers"]
    (port,) = container["ports"]

    assert port["containerPort"] == DEFAULTS[setting]
    assert {container[f"{probe}Probe"]["httpGet"]["port"] for probe in ("startup", "liveness", "readiness")} == {
        port["name"]
    }


def test_an_api_has_time_to_end_well():
    pod = PODS["Deployment/safelight-api"]

    delay = float(environment(pod)["SAFELIGHT_SHUTDOWN_DELAY"])
    assert pod["terminationGracePeriodSeconds"] > delay + DEFAULTS["call_grace"].total_seconds()


def test_a_worker_has_time_and_memory_for_all_of_its_slots():
    pod = PODS["Deployment/safelight-worker"]
    slots = int(environment(pod)["SAFELIGHT_SLOTS"])
    limit = parse_quantity(pod["containers"][0]["resources"]["limits"]["memory"].replace("Gi", "GiB"), BYTE_UNITS)

    delay = float(environment(pod)["SAFELIGHT_SHUTDOWN_DELAY"])
    grace = DEFAULTS["stop_grace"] + DEFAULTS["call_grace"]
    assert pod["terminationGracePeriodSeconds"] > delay + grace.total_seconds()
    assert limit > slots * DEFAULTS["render_memory_bytes"] + (512 << 20)


def test_every_selector_finds_a_pod():
    components = {one["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
                  for one in ALL.values() if "template" in one.get("spec", {})}  # fmt: skip
    text = "\n".join((FOLDER / name).read_text() for name in KUSTOMIZATION["resources"])

    chosen = {*re.findall(r"app\.kubernetes\.io/component: (\w+)", text)}
    listed = {word for found in re.findall(r"component, operator: In, values: \[([^]]+)\]", text)
              for word in found.split(", ")}  # fmt: skip
    assert chosen | listed == components


def test_nothing_is_reached_from_outside_but_the_api_and_its_documentation():
    (rule,) = ALL["Ingress/safelight"]["spec"]["rules"]

    assert [path["path"] for path in rule["http"]["paths"]] == ["/v1", "/docs", "/openapi.json"]


def test_the_example_kinds_can_be_loaded():
    assert [*load_kinds(FOLDER / "images.py")] == ["avatar"]
