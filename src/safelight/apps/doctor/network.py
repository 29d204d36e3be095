"""Addresses: what is listened on, and whether clients reach this Safelight where they are told to."""

import errno
import os
import socket
from datetime import timedelta

import httpx

from safelight.adapters.disk.signer import DiskSigner
from safelight.adapters.keyring import KeyringInvalid, read_keyring
from safelight.apps.addresses import Addresses
from safelight.apps.doctor.finding import Finding, Visit, fine, warning, wrong
from safelight.apps.wiring import keyring_path
from safelight.domain import keys
from safelight.domain.image import ImageId
from safelight.domain.loopback import is_loopback
from safelight.domain.tokens import Tokens
from safelight.settings import Settings

ANSWERS_WITHIN_S = 5.0
SIGNED_FOR = timedelta(minutes=1)

ALIVE = {"status": "ok"}
NO_IMAGE = ImageId("0" * 32)
"""Of no image: whoever knows our keys says that it is missing, and anybody else that the URL is not valid."""

NOT_FOUND = 404


def listening_address(visit: Visit) -> list[Finding]:
    """See that only this machine reaches it."""
    host = visit.settings.host
    if is_loopback(host):
        return fine("address", f"{host}: only this machine can reach it")
    return warning(
        "address",
        f"{host}: other machines can reach it, and the sandbox has not got its full lock yet",
        "Listen on 127.0.0.1 behind a proxy that ends TLS; SAFELIGHT_PUBLIC_URL says what clients call it",
    )


async def port(visit: Visit) -> list[Finding]:
    """See that the port is free for the server, or that the server is behind it."""
    settings = visit.settings
    address = Addresses.of(settings.model_copy(update={"public_url": None}), port=settings.port).api
    if settings.database_url is not None:  # another host may serve, or this one
        return await _free_or_ours(settings, address)
    if not visit.running:
        return _bind(settings.host, settings.port)
    if await _not_alive(address):
        return warning(
            "port",
            f"a server runs on this data folder, and does not answer at {address}",
            "Name the port that it was started with: --port. If that is it, the server hangs: see its log, restart it",
        )
    return fine("port", f"the server answers at {address}")


async def public_url(visit: Visit) -> list[Finding]:
    """See that the API answers where clients are told that it is."""
    url = visit.settings.public_url
    if url is None:
        return []
    if not visit.running:
        return fine("public URL", f"{url} (asked only while a server runs)")
    if failure := await _not_alive(url):
        return wrong(
            "public URL",
            f"{url} does not answer as Safelight: {failure}",
            "See the proxy, the name's address and the certificate, or mend SAFELIGHT_PUBLIC_URL",
        )
    return fine("public URL", f"Safelight answers at {url}")


async def delivery_url(visit: Visit) -> list[Finding]:
    """See that signed URLs come to this very server: to one that has the same keys. A bucket's go elsewhere."""
    settings = visit.settings
    if settings.storage_url is not None:
        return fine("signed URLs", "lead to the bucket: safelight doctor --storage proves them")
    if not visit.running or not (settings.public_url or settings.uploads_url or settings.delivery_url):
        return []
    try:
        keyring = read_keyring(keyring_path(settings))
    except KeyringInvalid:
        return []  # told already
    addresses = Addresses.of(settings, port=settings.port)
    signer = DiskSigner(Tokens(lambda: keyring), uploads_url=addresses.uploads, delivery_url=addresses.delivery)
    url = signer.sign_download(keys.original(NO_IMAGE), expires_at=visit.clock.now() + SIGNED_FOR)
    try:
        async with _http() as http:
            answer = await http.get(url)
        seen = f"it says {answer.status_code} where this one would say {NOT_FOUND}"
    except httpx.HTTPError as error:
        answer, seen = None, _words(error)
    if answer is not None and answer.status_code == NOT_FOUND and "image_not_found" in answer.text:
        return fine("signed URLs", f"{addresses.delivery} is this Safelight")
    return wrong(
        "signed URLs",
        f"{addresses.delivery} is not this Safelight: {seen}",
        "Let the proxy or CDN pass path and query on unchanged, to this server; or mend SAFELIGHT_DELIVERY_URL, "
        "SAFELIGHT_UPLOADS_URL, SAFELIGHT_PUBLIC_URL",
    )


async def _free_or_ours(settings: Settings, address: str) -> list[Finding]:
    if await _not_alive(address):
        return _bind(settings.host, settings.port)
    return fine("port", f"a server answers at {address}")


def _bind(host: str, number: int) -> list[Finding]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, number), family=family).close()
    except OSError as error:
        cures = {
            errno.EADDRINUSE: f"Stop what has it (ss -ltnp sport = :{number} shows it), or take another: --port",
            errno.EACCES: "Take a port from 1024 on (--port), behind a proxy",
            errno.EADDRNOTAVAIL: "Name an address of this machine: --host",
        }
        reason = os.strerror(error.errno) if error.errno else str(error)
        return wrong("port", f"{host}:{number} cannot be had: {reason}", cures.get(error.errno or 0, "Take another"))
    return fine("port", f"{host}:{number} is free" if number else "any that is free")


async def _not_alive(url: str) -> str | None:
    """Return what is wrong with the answer of a Safelight at `url`; None where nothing is."""
    try:
        async with _http() as http:
            answer = await http.get(f"{url}/healthz")
        if answer.is_success and answer.json() == ALIVE:
            return None
    except httpx.HTTPError as error:
        return _words(error)
    except ValueError:
        return "something else answers"
    return f"it says {answer.status_code}"


def _http() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=ANSWERS_WITHIN_S, trust_env=False)


def _words(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__
