"""Upload images to Safelight from Python.

with Client("https://images.example", api_key="sl_...") as safelight:
    image = safelight.upload("cat.jpg", kind="avatar", attach=("user", 42))
    image.url("thumb")
"""

from safelight_client.aio import AsyncClient
from safelight_client.api import Attached, Erased, Removed
from safelight_client.client import Client
from safelight_client.errors import (
    BY_CODE,
    ConnectionFailed,
    EmptyFile,
    FileRefused,
    ImageFailed,
    ImageGone,
    ImageNotFound,
    ImageNotReady,
    ImageRejected,
    InProgress,
    InvalidAnswer,
    NotAllowed,
    NotAuthenticated,
    QuotaExceeded,
    RateLimited,
    RequestInvalid,
    SafelightError,
    ServerFailed,
    StillProcessing,
    TooLarge,
    TypeNotAccepted,
    UnknownKind,
    UnknownVariant,
    UploadFailed,
    WrongState,
)
from safelight_client.image import Attachment, Ending, Image, Status, Visibility
from safelight_client.kind import Kind, Recipe
from safelight_client.progress import Progress, Step
from safelight_client.retry import Retry
from safelight_client.ticket import Checksum, SignedUpload, Ticket
from safelight_client.variant import Html, Rendition, Variant

__all__ = [
    "BY_CODE",
    "AsyncClient",
    "Attached",
    "Attachment",
    "Checksum",
    "Client",
    "ConnectionFailed",
    "EmptyFile",
    "Ending",
    "Erased",
    "FileRefused",
    "Html",
    "Image",
    "ImageFailed",
    "ImageGone",
    "ImageNotFound",
    "ImageNotReady",
    "ImageRejected",
    "InProgress",
    "InvalidAnswer",
    "Kind",
    "NotAllowed",
    "NotAuthenticated",
    "Progress",
    "QuotaExceeded",
    "RateLimited",
    "Recipe",
    "Removed",
    "Rendition",
    "RequestInvalid",
    "Retry",
    "SafelightError",
    "ServerFailed",
    "SignedUpload",
    "Status",
    "Step",
    "StillProcessing",
    "Ticket",
    "TooLarge",
    "TypeNotAccepted",
    "UnknownKind",
    "UnknownVariant",
    "UploadFailed",
    "Variant",
    "Visibility",
    "WrongState",
]
