"""Kinds of image, as an application declares them.

    avatar = Kind("avatar", accept="jpeg png webp", max_bytes="10MB", public=True, variants={"thumb": cover(96, 96)})

A declaration is checked when it is written; a kind is closed by default.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from safelight.domain.errors import KindInvalid, UnknownKind
from safelight.domain.formats import DECLARED, UNTYPED, InputFormat, Words, media_type, parse_formats
from safelight.domain.hooks import ClamAV, Scan, UploadRule, ViewRule, Webhook
from safelight.domain.variant import Variant

MAX_RENDITIONS = 64
"""Renditions of one image at the most: each is an open file in the sandbox."""

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
"""Names of kinds and variants stand in URLs and object keys."""

DEFAULT_ACCEPT = "jpeg png webp gif avif heic"
DEFAULT_MAX_BYTES = "20MB"
DEFAULT_MAX_PIXELS = "50MP"
DEFAULT_MAX_FRAMES = 300

BYTE_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
PIXEL_UNITS = {"px": 1, "MP": 10**6}


@dataclass(frozen=True, slots=True, init=False)
class Kind:
    """A declared sort of image.

    `name`: lower-case letters and digits, with - between; stands in URLs.
    `variants`: what is rendered: names, each with `cover(...)` or `fit(...)`.
    `accept`: types that are taken: words out of jpeg png webp gif avif tiff heic.
    `max_bytes`: largest file: "10MB", or a number.
    `max_pixels`: width x height at the most, read from the header before anything is decoded: "50MP", or a number.
    `max_frames`: frames of an animation at the most; only the first is decoded.
    `public`: renditions have direct URLs that need no token.
    `keep_original`: keep the verified file, privately; without it nothing can be rendered again.
    `may_upload`: function of `who` and `target` that says which users may upload, besides the application's API keys;
        by default none. It may be a coroutine function.
    `may_view`: function of `who` and `image` that says which users may see an image that is not public, besides its
        owner and the application's API keys; by default none. It may be a coroutine function.
    `rules`: `Webhook(...)`, which asks the application both, in place of the two functions.
    `one_per_record`: a record of the application has one image of this kind; a new one takes the place of the old as
        soon as it is ready.
    `at_most`: a record of the application has so many images of this kind.
    `review`: "before": nobody but the application sees an image until the application has said so.
    `scan`: `ClamAV(...)`, or a coroutine function that reads the file and says whether it is clean.

    Raises KindInvalid.
    """

    name: str
    variants: Mapping[str, Variant]
    accept: tuple[InputFormat, ...]
    max_bytes: int
    max_pixels: int
    max_frames: int
    public: bool
    keep_original: bool
    may_upload: UploadRule | None = field(compare=False)
    may_view: ViewRule | None = field(compare=False)
    rules: Webhook | None
    one_per_record: bool
    at_most: int | None
    review: Literal["before"] | None
    scan: ClamAV | Scan | None = field(compare=False)

    def __init__(  # noqa: PLR0913 - a declaration has as many words as there are things to declare
        self,
        name: str,
        *,
        variants: Mapping[str, Variant],
        accept: Words = DEFAULT_ACCEPT,
        max_bytes: int | str = DEFAULT_MAX_BYTES,
        max_pixels: int | str = DEFAULT_MAX_PIXELS,
        max_frames: int = DEFAULT_MAX_FRAMES,
        public: bool = False,
        keep_original: bool = True,
        may_upload: UploadRule | None = None,
        may_view: ViewRule | None = None,
        rules: Webhook | None = None,
        one_per_record: bool = False,
        at_most: int | None = None,
        review: Literal["before"] | None = None,
        scan: ClamAV | Scan | None = None,
    ) -> None:
        _see_variants(name, variants)
        if max_frames < 1:
            raise KindInvalid(f"max_frames of kind {name!r} must be 1 or more")
        _see_that_it_agrees(name, variants, keep_original=keep_original, ruled=(may_upload or may_view, rules))
        _see_association(name, one_per_record=one_per_record, at_most=at_most)
        _see_hooks(name, review, scan)
        values = {
            "name": name,
            "variants": MappingProxyType(dict(variants)),
            **_parsed(name, accept, max_bytes, max_pixels),
            "max_frames": max_frames,
            "public": public,
            "keep_original": keep_original,
            "may_upload": may_upload,
            "may_view": may_view,
            "rules": rules,
            "one_per_record": one_per_record,
            "at_most": at_most,
            "review": review,
            "scan": scan,
        }
        for key, value in values.items():
            object.__setattr__(self, key, value)

    @property
    def eager(self) -> Mapping[str, Variant]:
        """The variants that are rendered when an image is processed; the others when they are first asked for."""
        return {name: variant for name, variant in self.variants.items() if not variant.lazy}

    def accepts(self, declared_type: str) -> bool:
        """Whether a file declared as this media type may come. A type that says nothing may: the bytes decide."""
        named = media_type(declared_type)
        return named in UNTYPED or DECLARED.get(named) in self.accept


class Kinds(Mapping[str, Kind]):
    """Every kind of an installation, by name. Looking for one that is not there raises UnknownKind."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        """Take the kinds. Raises KindInvalid when two have one name."""
        self._kinds: dict[str, Kind] = {}
        for kind in kinds:
            if kind.name in self._kinds:
                raise KindInvalid(f"there are two kinds named {kind.name!r}")
            self._kinds[kind.name] = kind

    def __getitem__(self, name: str) -> Kind:
        if name not in self._kinds:
            raise UnknownKind(kind=name, known=", ".join(sorted(self._kinds)))
        return self._kinds[name]

    def __contains__(self, name: object) -> bool:
        return name in self._kinds

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


def _see_variants(name: str, variants: Mapping[str, Variant]) -> None:
    for word in (name, *variants):
        if not NAME.fullmatch(word):
            raise KindInvalid(f"kind {name!r}: {word!r} is no name: lower-case letters and digits, with - between")
    for word, variant in variants.items():
        if not isinstance(variant, Variant):
            raise KindInvalid(f"variant {word!r} of kind {name!r} must be cover(...) or fit(...)")
    renditions = sum(len(variant.widths) * len(variant.formats) for variant in variants.values())
    if not 1 <= renditions <= MAX_RENDITIONS:
        raise KindInvalid(f"kind {name!r} has {renditions} renditions; 1 to {MAX_RENDITIONS} are possible")


def _see_that_it_agrees(
    name: str, variants: Mapping[str, Variant], *, keep_original: bool, ruled: tuple[object, Webhook | None]
) -> None:
    """Raise KindInvalid where one word of a declaration makes another senseless."""
    if not keep_original and any(variant.lazy for variant in variants.values()):
        raise KindInvalid(f"kind {name!r} has lazy variants, which are rendered from the original: keep it")
    if all(ruled):
        raise KindInvalid(f"kind {name!r} has rules=, which answers for may_upload and may_view: leave them out")


def _see_association(name: str, *, one_per_record: bool, at_most: int | None) -> None:
    if one_per_record and at_most is not None:
        raise KindInvalid(f"kind {name!r}: one_per_record says already that there is at most one")
    if at_most is not None and at_most < 1:
        raise KindInvalid(f"at_most of kind {name!r} must be 1 or more")


def _see_hooks(name: str, review: object, scan: object) -> None:
    if review not in {None, "before"}:
        raise KindInvalid(f'review of kind {name!r} must be "before", or not be there')
    if isinstance(scan, type) or not (scan is None or isinstance(scan, ClamAV) or callable(scan)):
        raise KindInvalid(f"scan of kind {name!r} must be ClamAV(...), or a coroutine function")


def _parsed(name: str, accept: Words, max_bytes: int | str, max_pixels: int | str) -> Mapping[str, object]:
    """Return what may be written in several ways. Raises KindInvalid, which names the kind."""
    try:
        return {
            "accept": parse_formats(InputFormat, accept),
            "max_bytes": parse_quantity(max_bytes, BYTE_UNITS),
            "max_pixels": parse_quantity(max_pixels, PIXEL_UNITS),
        }
    except KindInvalid as error:
        raise KindInvalid(f"kind {name!r}: {error.reason}") from None


def parse_quantity(value: int | str, units: Mapping[str, int]) -> int:
    """Return the number that e.g. "10MB" or 10_000_000 means in the smallest of `units`. Raises KindInvalid."""
    if isinstance(value, int) and value > 0:
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", str(value))
    if not match or match[2] not in units or float(match[1]) <= 0:
        raise KindInvalid(f"{value!r} is no quantity: a number and one of {' '.join(units)}")
    return int(float(match[1]) * units[match[2]])
