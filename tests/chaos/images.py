"""The kinds that chaos is served with."""

from safelight import Kind, cover, fit

photo = Kind(
    "photo",
    public=True,
    variants={
        "thumb": cover(96, 96),
        "card": fit(widths=[240, 480], formats="webp jpeg"),
        "print": fit(800, formats="jpeg", lazy=True),
    },
)
document = Kind("document", variants={"page": fit(480, formats="webp")})
portrait = Kind("portrait", public=True, one_per_record=True, keep_original=False, variants={"thumb": cover(96, 96)})
