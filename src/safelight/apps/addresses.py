"""Where clients reach the API, the uploads and the images."""

from dataclasses import dataclass

from safelight.settings import Settings


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where clients reach the API, the uploads and the images; without a slash at the end.

    `own` is where this process listens, whatever stands before it.
    """

    api: str
    uploads: str
    delivery: str
    own: str

    @classmethod
    def of(cls, settings: Settings, *, port: int) -> "Addresses":
        """Return the addresses that the settings name, or else those of this process, listening on `port`."""
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        own = f"http://{host}:{port}"
        api = settings.public_url or own
        uploads = settings.uploads_url or api
        return cls(api, uploads, settings.delivery_url or uploads, own)
