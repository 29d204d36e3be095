"""The kinds of image that your application has: the same file for every container."""

from safelight import Kind, cover, fit

avatar = Kind(
    "avatar",
    accept="jpeg png webp heic",
    max_bytes="10MB",
    public=True,
    variants={"thumb": cover(96, 96), "hero": fit(widths=[480, 960, 1600], formats="avif webp jpeg")},
)
