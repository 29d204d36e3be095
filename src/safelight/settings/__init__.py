"""Every setting of Safelight: its name, type, default and meaning, declared once.

A setting `upload_ttl` is read from `SAFELIGHT_UPLOAD_TTL`, from a file `.env` in the working directory, or from a file
of that name in the folder `SAFELIGHT_SECRETS`. Durations are in seconds, sizes in bytes, or as "20MB".
"""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import DirectoryPath, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from safelight.settings import checks
from safelight.settings.secrets import SecretsFolder
from safelight.settings.values import (
    Bytes,
    DatabaseUrl,
    FewSeconds,
    Origins,
    Seconds,
    StorageUrl,
    StorePlace,
    Url,
    Words,
    processors,
)

PREFIX = "SAFELIGHT_"
ENV_FILE = ".env"


class Settings(BaseSettings):
    """All settings. Making one raises a ValidationError that lists every bad setting at once."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=ENV_FILE, extra="ignore", frozen=True)

    # Where things are
    data: Path = Field(Path("safelight-data"), description="Folder of the embedded database, the objects and the keys")
    database_url: DatabaseUrl | None = Field(
        None, description="A Postgres database, postgresql://user:password@host/name; by default SQLite in the folder"
    )
    database_connections: int = Field(
        10,
        ge=2,
        description="Most connections to Postgres of one process for the records; the queue has a few of its own",
    )
    storage_url: StorageUrl | None = Field(
        None, description="An S3 bucket for the objects, s3://bucket?profile=aws&region=...; by default the folder"
    )
    upload_access_key_id: str | None = Field(
        None,
        min_length=1,
        description="Access key that signs uploads to the bucket and can do nothing else; none by default",
    )
    upload_secret_access_key: SecretStr | None = Field(
        None, min_length=1, validate_default=True, description="The secret of that access key"
    )
    upload_aws_profile: str | None = Field(
        None, min_length=1, description="In place of the two, their name, or that of a role, in AWS's shared files"
    )
    storage_mirror: StorePlace | None = Field(
        None,
        validate_default=True,
        description="While objects move: the other store, kept like the first; s3://... or a data folder",
    )
    keyring: Path | None = Field(
        None, description="File with the signing keys, the same on every host; by default one in the folder"
    )
    secrets: DirectoryPath | None = Field(
        None, description="Folder of secrets: a file in it that has the name of a setting holds that setting"
    )
    kinds: Path | None = Field(
        None, description="The kinds file. `up` serves two example kinds without one; `api` and `worker` need it"
    )
    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one")
    worker_port: int = Field(
        8081, ge=0, le=65535, description="Port on which `safelight worker` tells of its health; 0 takes a free one"
    )
    uploads_port: int = Field(8082, ge=0, le=65535, description="Port of `safelight uploads`; 0 takes a free one")
    public_url: Url | None = Field(
        None,
        description="Address of the API as clients see it; host and port if unset. `api` and `worker` need it",
    )
    uploads_url: Url | None = Field(
        None, description="Address of the upload service as clients see it; by default the API's"
    )
    delivery_url: Url | None = Field(
        None, description="Address that images are fetched from, such as a CDN; by default the uploads'"
    )
    allowed_origins: Origins = Field(
        (), description="Origins of pages that may call from a browser (CORS), separated by spaces"
    )
    trusted_proxies: Words = Field(
        (), description="Addresses of proxies whose X-Forwarded-For is believed, separated by spaces"
    )
    bootstrap_key: SecretStr | None = Field(
        None, description="An API key with every scope that exists from the first start"
    )
    log_format: Literal["console", "json"] = Field("console", description="How log lines are written to standard error")

    # Requests
    upload_ttl: Seconds = Field(
        timedelta(minutes=15), le=timedelta(minutes=15), description="How long an upload URL is good"
    )
    max_upload_attempts: int = Field(20, ge=1, le=9999, description="Upload URLs that one image can be given")
    multipart_above: Bytes = Field(
        100_000_000, ge=0, description="Size above which a file comes in parts, where the storage is a bucket"
    )
    max_part_urls: int = Field(100, ge=10, le=1000, description="Parts in one call of POST /v1/images/{id}/parts")
    download_bucket: Seconds = Field(
        timedelta(minutes=5),
        description="Signed download URLs are equal within a bucket of this length, and good for two",
    )
    max_wait: Seconds = Field(timedelta(seconds=30), description="Longest long poll")
    max_body_bytes: Bytes = Field(64_000, ge=1_000, description="Largest request body of the API")
    max_page: int = Field(200, ge=1, description="Most images in one page of a list")
    events_ping: Seconds = Field(timedelta(seconds=15), description="Time between the pings of an event stream")
    events_max: Seconds = Field(
        timedelta(minutes=5), description="Longest event stream; browsers come back by themselves"
    )
    max_waiters: int = Field(1000, ge=1, description="Long polls and event streams at once")

    max_urls: int = Field(200, ge=1, le=1000, description="Images in one call of POST /v1/urls")
    lazy_wait: Seconds = Field(
        timedelta(seconds=10), description="How long a reader waits for a lazy variant before it is told to come back"
    )
    idempotency_retention: Seconds = Field(
        timedelta(days=1), description="How long the answer to a POST is kept for its Idempotency-Key"
    )

    # Users
    jwt_secret: SecretStr | None = Field(
        None, description="Secret of your application's JWTs (HS256), 32 bytes or more; none are taken by default"
    )
    jwt_jwks_url: Url | None = Field(
        None, description="Where the public keys of your users' JWTs are (a JWKS), in place of a secret"
    )
    jwt_algorithms: Words = Field(
        (),
        validate_default=True,
        description="Algorithms of the JWTs, and no others: HS256 with a secret, else RS256, ES256 or EdDSA",
    )
    jwt_issuer: str | None = Field(
        None, min_length=1, validate_default=True, description="The `iss` that JWTs must have; needed with a JWKS"
    )
    jwt_audience: str | None = Field(
        None, min_length=1, validate_default=True, description="The `aud` that JWTs must have; needed with a JWKS"
    )
    jwt_leeway: FewSeconds = Field(timedelta(seconds=30), description="How far clocks may be apart where a JWT ends")
    jwt_jwks_ttl: Seconds = Field(timedelta(minutes=5), description="How long the keys of the JWKS are believed")
    rules_timeout: Seconds = Field(
        timedelta(seconds=2), description="Time for the application to answer rules=Webhook(...); then it is a refusal"
    )

    # Limits
    owner_requests_per_minute: int = Field(120, ge=1, description="Uploads that one owner may request in a minute")
    owner_open_uploads: int = Field(100, ge=1, description="Uploads of one owner that are open at once")
    owner_images: int = Field(10_000, ge=1, description="Images that one owner may have")
    owner_bytes: Bytes = Field(20_000_000_000, ge=1, description="Bytes that the files of one owner may have, as sent")
    address_calls_per_minute: int = Field(
        600, ge=1, description="Calls of the API from one address, without an API key, in a minute"
    )
    address_bad_keys_per_minute: int = Field(
        30, ge=1, description="Calls from one address with an API key that does not exist, in a minute"
    )
    address_downloads_per_minute: int = Field(6000, ge=1, description="Images fetched from one address in a minute")
    token_downloads_per_minute: int = Field(600, ge=1, description="Images fetched with one read token in a minute")

    # Connections
    header_timeout: Seconds = Field(timedelta(seconds=10), description="Time for a request's headers to come")
    max_header_bytes: Bytes = Field(32_768, ge=4096, description="Largest request head")
    body_timeout: Seconds = Field(timedelta(hours=1), description="Time for a whole upload to come")
    body_grace: Seconds = Field(timedelta(seconds=15), description="Time before the least rate holds")
    min_bytes_per_second: Bytes = Field(
        1024, ge=1, description="Least rate of uploads and downloads, on average after the grace"
    )
    max_connections: int = Field(2000, ge=10, description="Connections at once")
    shutdown_delay: FewSeconds = Field(
        timedelta(0),
        description="After SIGTERM, how long to go on serving while /readyz says no, so that load balancers turn away",
    )
    call_grace: FewSeconds = Field(
        timedelta(seconds=10), description="Time for calls under way to be answered, once nothing new is taken"
    )

    # Storage
    min_free_bytes: Bytes = Field(500_000_000, ge=0, description="Free space under which no upload is taken")
    io_threads: int = Field(8, ge=1, description="Threads that wait for the disk")
    incoming_retention: Seconds = Field(
        timedelta(days=30),
        ge=timedelta(days=7),
        description="Age at which a bucket removes incoming bytes by itself, a net under the sweep; whole days. "
        "A failed image can be tried again for so long",
    )

    # Work
    slots: int = Field(
        default_factory=processors,
        ge=1,
        description="Images rendered at once, each in a child process; by default one for each processor",
    )
    render_timeout: Seconds = Field(timedelta(seconds=60), description="Time for one image in the sandbox")
    render_cpu: Seconds = Field(timedelta(seconds=60), description="CPU time for one image in the sandbox")
    render_memory_bytes: Bytes = Field(1 << 30, ge=1 << 27, description="Memory for one image in the sandbox")
    max_rendition_bytes: Bytes = Field(64 << 20, ge=1 << 20, description="Largest rendition")
    process_timeout: Seconds = Field(
        timedelta(minutes=5), description="Time for one image from taking it to its end; also its lease"
    )
    max_process_attempts: int = Field(10, ge=1, description="Tries before an image counts as failed")
    retry_base: Seconds = Field(
        timedelta(seconds=2), description="Wait before the second try; doubled for each further one"
    )
    retry_max: Seconds = Field(timedelta(minutes=10), description="Longest wait between two tries")

    job_heartbeat_timeout: Seconds = Field(
        timedelta(seconds=30),
        description="After so much silence of its worker, a job is given to another; on Postgres",
    )
    job_poll_every: Seconds = Field(
        timedelta(seconds=5), description="Time between two looks at the queue of Postgres, should nothing tell of jobs"
    )
    max_job_tries: int = Field(
        5, ge=1, description="Workers that a job may end, as some purges might; then it is held: safelight jobs"
    )
    stop_grace: FewSeconds = Field(
        timedelta(seconds=5), description="Time for images under way to end, once stopped; the rest is handed back"
    )

    scanner_down: Literal["wait", "accept"] = Field(
        "wait", description="What becomes of a file while its scanner gives no answer: it waits, or is taken unscanned"
    )
    scan_timeout: Seconds = Field(timedelta(seconds=60), description="Time for one file in the scanner")

    # Upkeep
    reconcile_every: Seconds = Field(timedelta(seconds=30), description="Time between two looks for what was lost")
    sweep_every: Seconds = Field(timedelta(minutes=15), description="Time between two sweeps for orphaned objects")
    sweep_whole_every: Seconds = Field(
        timedelta(days=1),
        description="In a bucket each sweep lists what is new and a part of the rest: time in which all is listed",
    )
    orphan_grace: Seconds = Field(timedelta(hours=1), description="Age before an object without a record is an orphan")
    upkeep_batch: int = Field(500, ge=1, le=10_000, description="Records looked at in one go")
    record_retention: Seconds = Field(
        timedelta(days=30), description="How long the record of an image stays after its bytes are gone"
    )
    audit_retention: Seconds = Field(timedelta(days=365), description="How long the audit log is kept")
    audit_flush_every: Seconds = Field(
        timedelta(seconds=1), description="Views and refusals are written to the audit log together, this often"
    )

    # Webhooks
    webhook_private: bool = Field(
        default=False, description="Whether webhooks may go by http, and to private and loopback addresses"
    )
    webhook_url: Url | None = Field(None, description="Where the application is told of images; none by default")
    webhook_secret: SecretStr | None = Field(
        None, validate_default=True, description="Signing secret, whsec_ and base64 of 24 to 64 bytes"
    )
    webhook_timeout: Seconds = Field(timedelta(seconds=10), description="Time for the application to answer")
    webhook_retry_base: Seconds = Field(
        timedelta(seconds=5), description="Wait before a webhook's second try; doubled for each further one"
    )
    webhook_retry_max: Seconds = Field(timedelta(hours=1), description="Longest wait between two tries of a webhook")
    webhook_retry_for: Seconds = Field(timedelta(days=1), description="How long a webhook is tried again")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's own needs a folder that is fixed
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where settings come from, what counts most first."""
        named = (init_settings, env_settings, dotenv_settings)
        return (*named, SecretsFolder(settings_cls, *named))

    _with_its_access_key = field_validator("upload_secret_access_key")(checks.with_its_access_key)
    _alone = field_validator("upload_aws_profile")(checks.alone)
    _is_another_store = field_validator("storage_mirror")(checks.is_another_store)
    _is_long_and_secret = field_validator("jwt_secret")(checks.is_long_and_secret)
    _cannot_be_altered = field_validator("jwt_jwks_url")(checks.cannot_be_altered)
    _of_what_signs = field_validator("jwt_algorithms")(checks.of_what_signs)
    _named_with_a_jwks = field_validator("jwt_issuer", "jwt_audience")(checks.named_with_a_jwks)
    _holds_a_rendering = field_validator("process_timeout")(checks.holds_a_rendering)
    _leaves_time_to_render = field_validator("scan_timeout")(checks.leaves_time_to_render)
    _by_https = field_validator("webhook_url")(checks.by_https)
    _can_sign = field_validator("webhook_secret")(checks.can_sign)
