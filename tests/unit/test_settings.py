"""Settings: mistakes are all told at once, and before anything starts."""

import base64
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from safelight.settings import Settings
from safelight.settings.names import GROUPS, unknown_names

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
UPLOADER: dict[str, Any] = {"upload_access_key_id": "AKID", "upload_secret_access_key": "s3cr3t"}
SHORT = "whsec_" + base64.b64encode(b"s" * 8).decode()


@pytest.fixture(autouse=True)
def no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    monkeypatch.chdir(tmp_path)


def told(**given: Any) -> dict[str, str]:
    """Return what is told of settings that cannot be used."""
    with pytest.raises(ValidationError) as raised:
        Settings(**given)
    return {str(bad["loc"][0]): bad["msg"] for bad in raised.value.errors()}


@pytest.mark.parametrize("secret", [SHORT, SECRET.removeprefix("whsec_"), "whsec_?", "whsec_" + "ä" * 32])
def test_a_secret_that_cannot_sign_is_refused_and_not_repeated(secret: str) -> None:
    bad = told(webhook_url="https://app.example/", webhook_secret=secret)

    assert "24 to 64 bytes" in bad["webhook_secret"]
    assert secret not in bad["webhook_secret"]


def test_a_url_without_a_secret_says_how_to_make_one() -> None:
    bad = told(webhook_url="https://app.example/")

    assert "SAFELIGHT_WEBHOOK_URL is" in bad["webhook_secret"]
    assert "whsec_$(" in bad["webhook_secret"]


def test_http_is_for_private_networks_where_those_are_allowed() -> None:
    bad = told(webhook_url="http://app.example/", webhook_secret=SECRET)

    assert "SAFELIGHT_WEBHOOK_PRIVATE=true" in bad["webhook_url"]
    assert Settings(webhook_url="http://app.example/", webhook_secret=SECRET, webhook_private=True).webhook_url


@pytest.mark.parametrize(
    ("given", "setting", "why"),
    [
        ({"upload_access_key_id": "AKID"}, "upload_secret_access_key", "SAFELIGHT_UPLOAD_ACCESS_KEY_ID is"),
        ({"upload_secret_access_key": "s3cr3t"}, "upload_secret_access_key", "SAFELIGHT_UPLOAD_ACCESS_KEY_ID is not"),
        ({**UPLOADER, "upload_aws_profile": "uploads"}, "upload_aws_profile", "Set one of them"),
        ({**UPLOADER, "upload_access_key_id": ""}, "upload_access_key_id", "at least 1 character"),
    ],
)
def test_the_credentials_of_uploads_are_whole_and_named_in_one_way(
    given: dict[str, Any], setting: str, why: str
) -> None:
    bad = told(**given)

    assert bad.keys() == {setting}
    assert why in bad[setting]
    assert "s3cr3t" not in bad[setting]


def test_the_secret_of_uploads_is_not_shown() -> None:
    settings = Settings(**UPLOADER)

    assert settings.upload_access_key_id in repr(settings)
    assert "s3cr3t" not in repr(settings)


PEM = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----"
JWKS = {
    "jwt_jwks_url": "https://id.example/jwks.json",
    "jwt_issuer": "https://id.example",
    "jwt_audience": "safelight",
}


def test_without_jwt_settings_none_are_taken() -> None:
    assert (Settings().jwt_secret, Settings().jwt_jwks_url, Settings().jwt_algorithms) == (None, None, ())


@pytest.mark.parametrize(
    ("given", "algorithms"),
    [
        ({"jwt_secret": "s" * 32}, ("HS256",)),
        ({"jwt_secret": "s" * 64, "jwt_algorithms": "HS256 HS512"}, ("HS256", "HS512")),
        (JWKS, ("RS256", "ES256", "EdDSA")),
        (JWKS | {"jwt_algorithms": "PS384"}, ("PS384",)),
        (JWKS | {"jwt_jwks_url": "http://localhost:8000/jwks.json"}, ("RS256", "ES256", "EdDSA")),
        (JWKS | {"jwt_jwks_url": "http://[::1]/jwks.json"}, ("RS256", "ES256", "EdDSA")),
    ],
    ids=range(6),
)
def test_what_signs_says_which_algorithms_there_can_be(given: dict[str, Any], algorithms: tuple[str, ...]) -> None:
    assert Settings(**given).jwt_algorithms == algorithms


@pytest.mark.parametrize(
    ("given", "setting", "why"),
    [
        ({"jwt_secret": "s" * 31}, "jwt_secret", "32 bytes"),
        ({"jwt_secret": ""}, "jwt_secret", "32 bytes"),
        ({"jwt_secret": PEM}, "jwt_secret", "is a public key"),
        ({"jwt_secret": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE9L"}, "jwt_secret", "is a public key"),
        ({"jwt_secret": "s" * 32, "jwt_algorithms": "HS512"}, "jwt_algorithms", "64 bytes"),
        ({"jwt_secret": "s" * 32, "jwt_algorithms": "RS256"}, "jwt_algorithms", "SAFELIGHT_JWT_SECRET"),
        ({"jwt_secret": "s" * 32, "jwt_algorithms": "none"}, "jwt_algorithms", "SAFELIGHT_JWT_SECRET"),
        ({"jwt_algorithms": "HS256"}, "jwt_algorithms", "neither"),
        (JWKS | {"jwt_algorithms": "HS256"}, "jwt_algorithms", "SAFELIGHT_JWT_JWKS_URL"),
        (JWKS | {"jwt_algorithms": "RS256 none"}, "jwt_algorithms", "SAFELIGHT_JWT_JWKS_URL"),
        (JWKS | {"jwt_secret": "s" * 32}, "jwt_jwks_url", "Set one of them"),
        (JWKS | {"jwt_jwks_url": "http://id.example/jwks.json"}, "jwt_jwks_url", "https://"),
        (JWKS | {"jwt_jwks_url": "http://127.0.0.1.evil.example/"}, "jwt_jwks_url", "https://"),
        (JWKS | {"jwt_issuer": None}, "jwt_issuer", "SAFELIGHT_JWT_JWKS_URL is"),
        (JWKS | {"jwt_audience": None}, "jwt_audience", "SAFELIGHT_JWT_JWKS_URL is"),
        (JWKS | {"jwt_audience": ""}, "jwt_audience", "at least 1 character"),
    ],
    ids=range(16),
)
def test_jwts_that_could_be_forged_are_not_agreed_on(given: dict[str, Any], setting: str, why: str) -> None:
    bad = told(**given)

    assert bad.keys() == {setting}
    assert why in bad[setting]


def test_what_is_missing_beside_a_jwks_is_told_at_once() -> None:
    assert told(jwt_jwks_url="https://id.example/").keys() == {"jwt_issuer", "jwt_audience"}


def test_a_scanner_that_hangs_must_leave_time_to_render() -> None:
    """Otherwise it would be the image that took too long, and failed."""
    with pytest.raises(ValidationError, match="it may be 240 at most"):
        Settings(process_timeout=300, render_timeout=60, scan_timeout=241)

    assert Settings(process_timeout=300, render_timeout=60, scan_timeout=240)


def test_every_mistake_is_told_at_once() -> None:
    bad = told(port=-1, webhook_url="http://app.example/", webhook_secret="secret", slots=0)

    assert bad.keys() == {"port", "webhook_url", "webhook_secret", "slots"}


def test_a_name_that_is_no_setting_is_found_with_the_nearest() -> None:
    Path(".env").write_text("SAFELIGHT_PROT=1\nPORT=2\n")

    found = unknown_names({"SAFELIGHT_WEBHOOK_SECRT": "x", "safelight_port": "1", "SAFELIGHT_QQQQ": "", "PATH": "/"})

    assert found == {
        "SAFELIGHT_PROT": "SAFELIGHT_PORT",
        "SAFELIGHT_QQQQ": None,
        "SAFELIGHT_WEBHOOK_SECRT": "SAFELIGHT_WEBHOOK_SECRET",
    }


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of secrets that the environment names."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    monkeypatch.setenv("SAFELIGHT_SECRETS", str(folder))
    return folder


def test_a_file_of_its_name_in_the_folder_of_secrets_holds_a_setting(secrets: Path) -> None:
    (secrets / "SAFELIGHT_JWT_SECRET").write_text("s" * 32 + "\n")

    found = Settings()

    assert found.jwt_secret is not None
    assert found.jwt_secret.get_secret_value() == "s" * 32


def test_a_variable_counts_more_than_a_secret_and_an_option_more_than_both(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secrets / "SAFELIGHT_PORT").write_text("1")
    (secrets / "SAFELIGHT_HOST").write_text("secret.example")
    monkeypatch.setenv("SAFELIGHT_PORT", "2")

    assert (Settings().host, Settings().port, Settings(port=3).port) == ("secret.example", 2, 3)


def test_secrets_may_be_links_as_those_of_kubernetes_are(secrets: Path) -> None:
    (secrets / "..1").mkdir()
    (secrets / "..1" / "SAFELIGHT_HOST").write_text("secret.example")
    (secrets / "..data").symlink_to("..1")
    (secrets / "SAFELIGHT_HOST").symlink_to("..data/SAFELIGHT_HOST")

    assert Settings().host == "secret.example"


def test_a_folder_of_secrets_that_is_not_there_is_told_with_every_other_mistake(tmp_path: Path) -> None:
    assert told(secrets=str(tmp_path / "none"), port=-1).keys() == {"secrets", "port"}


def test_a_secret_whose_name_is_no_setting_is_found_with_the_nearest(secrets: Path) -> None:
    (secrets / "SAFELIGHT_JWT_SECRT").write_text("x")

    assert unknown_names() == {"SAFELIGHT_JWT_SECRT": "SAFELIGHT_JWT_SECRET"}


def test_every_heading_stands_over_a_setting() -> None:
    assert GROUPS.keys() <= Settings.model_fields.keys()
    assert next(iter(GROUPS)) == next(iter(Settings.model_fields))


@pytest.mark.parametrize(
    "origin",
    ["https://a.example/", "a.example", "https://a.example,https://b.example", "https://A.example", "*", "null"],
)
def test_an_origin_that_no_browser_sends_is_refused(origin: str) -> None:
    with pytest.raises(ValidationError, match="is no origin"):
        Settings(allowed_origins=origin)  # type: ignore[arg-type]  # words, as the environment gives them


def test_origins_that_browsers_send_are_taken() -> None:
    said = "https://a.example http://127.0.0.1:8003 http://[::1]:80"

    assert Settings(allowed_origins=said).allowed_origins == tuple(said.split())  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(("said", "bytes_"), [("20MB", 20_000_000), ("1 GiB", 1 << 30), ("5000", 5000)])
def test_sizes_can_be_said_as_kinds_say_them(said: str, bytes_: int) -> None:
    assert Settings(owner_bytes=said).owner_bytes == bytes_  # type: ignore[arg-type]  # text, as the environment gives it


def test_a_size_that_is_none_is_refused_with_what_would_be_one() -> None:
    with pytest.raises(ValidationError, match="'20 mb' is no quantity"):
        Settings(owner_bytes="20 mb")  # type: ignore[arg-type]  # text, as the environment gives it


@pytest.mark.parametrize(
    ("url", "mirror", "said"),
    [
        (None, "s3://bucket?region=eu-central-1", None),
        ("s3://bucket?region=eu-central-1", ".", None),
        ("s3://bucket?region=eu-central-1", "s3://other?region=eu-central-1", None),
        ("s3://bucket?region=eu-central-1", "s3://bucket?region=eu-central-1", "another store"),
        (None, ".", "must be a bucket"),
        ("s3://bucket?region=eu-central-1", "no/such/folder", "data folder that is there"),
    ],
)
def test_a_mirror_is_another_store_and_at_least_one_of_the_two_is_a_bucket(
    url: str | None, mirror: str, said: str | None
):
    given = {"storage_mirror": mirror} | ({"storage_url": url} if url else {})
    if said is None:
        assert Settings(**given).storage_mirror == mirror
        return

    with pytest.raises(ValidationError) as refused:
        Settings(**given)

    assert said in str(refused.value)


@pytest.mark.parametrize("password", ["hid/den", "1234/hid", "hid#den", "hid?den", "hid/d@n"])
def test_a_password_that_cuts_a_database_url_is_refused_and_not_repeated(password: str):
    told_of = told(database_url=f"postgresql://me:{password}@db.example:5432/safelight")["database_url"]

    assert "/ %2F" in told_of
    assert password[:3] not in told_of


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hid%2Fden@db.example:5432/safelight",
        "postgresql://me@[::1]/safelight",
        "postgres:///safelight?host=/var/run/postgresql",
    ],
)
def test_a_database_url_is_taken_in_each_of_its_forms(url: str):
    taken = Settings(database_url=url).database_url

    assert taken is not None
    assert taken.get_secret_value() == url


def test_a_database_url_may_name_the_driver_as_sqlalchemy_writes_it():
    taken = Settings(database_url="postgresql+asyncpg://me@db.example/safelight").database_url

    assert taken is not None
    assert taken.get_secret_value() == "postgresql://me@db.example/safelight"
