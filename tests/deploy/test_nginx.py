"""nginx in front of a real server: the example configuration is taken, and the whole journey goes through it."""

import json
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from behind_nginx import around, nginx
from credentials import bearer
from safelight.settings import Settings
from safelight.testing.debian import installed
from safelight.testing.ports import free_port
from safelight.testing.server import Server
from safelight_client import Client

CONF = Path(__file__).parents[2] / "deploy/nginx/safelight.conf"
GATEWAY = CONF.parents[1] / "compose/gateway.conf"
ORIGIN = "https://app.example"


@dataclass(frozen=True, slots=True)
class Proxied:
    """A server, and nginx in front of it. `tls` trusts the one certificate."""

    server: Server
    url: str
    folder: Path
    tls: ssl.SSLContext

    def client(self, **more: Any) -> httpx.Client:
        """Return a caller with every right, by way of nginx."""
        return httpx.Client(base_url=self.url, headers=bearer(self.server.key), verify=self.tls, timeout=60, **more)

    @property
    def log(self) -> str:
        """What nginx logged."""
        return (self.folder / "access.log").read_text()


def configured(folder: Path, *, https: int, http: int, upstream: str) -> Path:
    """Write the example configuration with these ports and paths, and return what includes it."""
    text = CONF.read_text()
    for example, ours in {
        "127.0.0.1:8080": upstream,
        "    listen [::]:443 ssl http2;\n": "",
        "    listen [::]:80;\n": "",
        "listen 443 ": f"listen 127.0.0.1:{https} ",
        "listen 80;": f"listen 127.0.0.1:{http};",
        "/etc/nginx/tls/images.example": str(folder / "tls"),
        "/var/log/nginx/safelight.log": str(folder / "access.log"),
    }.items():
        assert example in text, f"the example has no {example}"
        text = text.replace(example, ours)
    (folder / "safelight.conf").write_text(text)
    whole = folder / "nginx.conf"
    whole.write_text(around(folder))
    return whole


def certify(folder: Path) -> ssl.SSLContext:
    """Write a certificate for loopback, and return what trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "images.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8
    (folder / "tls.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
    )
    return ssl.create_default_context(cafile=folder / "tls.crt")


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """A server behind nginx, for all tests."""
    folder = tmp_path_factory.mktemp("nginx")
    https, http = free_port(), free_port()
    url = f"https://127.0.0.1:{https}"
    settings = {
        "min_free_bytes": "0",
        "public_url": url,
        "trusted_proxies": "127.0.0.1",
        "allowed_origins": ORIGIN,
        "events_ping": "0.3",
        "address_calls_per_minute": "30",
    }
    tls = certify(folder)
    with Server(folder / "data", settings) as server:
        configuration = configured(folder, https=https, http=http, upstream=server.url.removeprefix("http://"))
        with nginx(configuration, https):
            yield Proxied(server, url, folder, tls)


def requested(http: httpx.Client, content: bytes) -> dict[str, Any]:
    """REQUEST."""
    wanted = {"kind": "photo", "filename": "p.jpg", "size": len(content), "content_type": "image/jpeg"}
    answer = http.post("/v1/images", json=wanted)
    assert answer.status_code == 201, answer.text
    said: dict[str, Any] = answer.json()
    return said


def test_nginx_takes_the_example(tmp_path: Path):
    certify(tmp_path)
    configuration = configured(tmp_path, https=free_port(), http=free_port(), upstream="127.0.0.1:8080")

    done = checked(configuration)

    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


def test_nginx_takes_the_gateway_of_the_compose_file(tmp_path: Path):
    (tmp_path / "safelight.conf").write_text(GATEWAY.read_text().replace("/dev/stdout", str(tmp_path / "access.log")))
    (tmp_path / "nginx.conf").write_text(around(tmp_path))

    done = checked(tmp_path / "nginx.conf")

    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


def checked(configuration: Path) -> subprocess.CompletedProcess[str]:
    """Let nginx say whether it takes a configuration."""
    return subprocess.run(  # noqa: S603 - Debian's program
        [installed("nginx", "nginx"), "-t", "-c", configuration], capture_output=True, text=True, check=False
    )


def test_an_image_goes_the_whole_road_through_nginx(proxied: Proxied, photo: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(proxied.folder / "tls.crt"))

    with Client(proxied.url, api_key=proxied.server.key) as client:
        image = client.upload(photo, kind="photo")
    shown = httpx.get(image.variants["thumb"].renditions[0].url)

    assert shown.url.host == "127.0.0.1"
    assert str(shown.url).startswith(f"{proxied.url}/public/")
    assert shown.status_code == 200
    assert shown.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_events_come_one_by_one_while_an_image_is_on_its_way(proxied: Proxied, photo: Path):
    content = photo.read_bytes()
    with proxied.client() as http:
        image = requested(http, content)
        statuses = []
        with http.stream("GET", f"/v1/images/{image['id']}/events") as events:
            for line in events.iter_lines():
                if not line.startswith("data:"):
                    continue
                statuses.append(json.loads(line.removeprefix("data:"))["status"])
                if statuses == ["requested"]:  # so this one came before there was anything else to send
                    send(proxied, http, image, content)

    assert statuses[0] == "requested"
    assert statuses[-1] == "ready"


def send(proxied: Proxied, http: httpx.Client, image: dict[str, Any], content: bytes) -> None:
    """UPLOAD and CONFIRM."""
    upload = image["upload"]
    stored = httpx.put(upload["url"], content=content, headers=upload["headers"], verify=proxied.tls)
    assert stored.status_code == 201, stored.text
    assert http.post(f"/v1/images/{image['id']}/confirm").status_code == 202


def test_an_upload_is_passed_on_as_it_comes(
    proxied: Proxied, photo: Path, eventually: Callable[[Callable[[], object]], None]
):
    content = photo.read_bytes()
    half = len(content) // 2
    with proxied.client() as http:
        upload = requested(http, content)["upload"]

    def in_two_halves() -> Iterator[bytes]:
        yield content[:half]
        eventually(lambda: any(file.stat().st_size >= half // 2 for file in unfinished(proxied.server)))
        yield content[half:]

    headers = upload["headers"] | {"content-length": str(len(content))}
    stored = httpx.put(upload["url"], content=in_two_halves(), headers=headers, verify=proxied.tls, timeout=60)

    assert stored.status_code == 201, stored.text


def unfinished(server: Server) -> list[Path]:
    """Return what is being written."""
    return [path for path in server.stored() if not path.match("incoming/*/*") and path.exists()]


@pytest.mark.parametrize(
    ("path", "size", "sent", "who"),
    [
        ("/v1/images", 70_000, 70_000, "application/problem+json"),
        ("/v1/images", 200_000, 0, "text/html"),
        ("/incoming/x", 101 << 20, 0, "text/html"),
    ],
    ids=["a body of the API, by Safelight", "one that is much too large, by nginx", "an upload that no kind takes"],
)
def test_what_is_too_large_is_refused_early(proxied: Proxied, path: str, size: int, sent: int, who: str):
    connection = HTTPSConnection(proxied.url.removeprefix("https://"), context=proxied.tls, timeout=30)
    with closing(connection):
        connection.putrequest("POST", path)
        connection.putheader("Content-Length", str(size))
        connection.endheaders(b" " * sent)
        answer = connection.getresponse()

    assert (answer.status, answer.headers["content-type"]) == (413, who)


def test_safelight_knows_who_asks_whatever_they_claim(proxied: Proxied):
    def asks(address: str) -> list[int]:
        with proxied.client(transport=httpx.HTTPTransport(verify=proxied.tls, local_address=address)) as http:
            del http.headers["authorization"]
            claims = [{"x-forwarded-for": f"203.0.113.{number}"} for number in range(40)]
            return [http.get("/v1/kinds", headers=claim).status_code for claim in claims]

    first, second = asks("127.0.0.2"), asks("127.0.0.3")

    assert first.count(429) == second.count(429) == 10


def test_one_id_stands_in_the_answer_and_in_the_log_and_no_token_does(
    proxied: Proxied, eventually: Callable[[Callable[[], object]], None]
):
    path, secret = f"/v1/images/{'0' * 32}", "0123456789"
    with proxied.client() as http:
        answer = http.get(f"{path}?read_token={secret}", headers={"referer": f"https://a.example/?t={secret}"})

    eventually(lambda: f'"GET {path}"' in proxied.log)
    line = next(line for line in proxied.log.splitlines() if path in line)
    assert line.endswith(answer.headers["x-request-id"])
    assert secret not in proxied.log


@pytest.mark.parametrize(
    "path", ["/metrics", "/readyz", "/metrics/", "/readyz/", "/metrics%2F", "//metrics", "/%6detrics//", "/metrics?a=b"]
)
def test_what_is_for_yourselves_is_not_for_everybody(proxied: Proxied, path: str):
    with proxied.client() as http:
        assert http.get(path).status_code == 404
    assert httpx.get(f"{proxied.server.url}{path}").status_code == 200


def test_timeouts_and_sizes_are_longer_than_the_settings_they_stand_over():
    text = CONF.read_text()
    defaults = {name: field.default for name, field in Settings.model_fields.items()}

    assert f"server 127.0.0.1:{defaults['port']};" in text
    assert "proxy_read_timeout 75s;" in text
    assert defaults["max_wait"].total_seconds() < 75
    assert defaults["events_max"].total_seconds() < 330
    assert defaults["max_body_bytes"] < 128 * 1024
