"""The kinds of the example: an avatar for each user, which that user alone may set."""

from safelight import Kind, cover

avatar = Kind(
    "avatar",
    accept="jpeg png webp heic",
    max_bytes="10MB",
    public=True,
    one_per_record=True,
    variants={"thumb": cover(96, 96), "card": cover(400, 400)},
    may_upload=lambda who, target: target is not None and (target.type, target.id) == ("user", who.id),
)
