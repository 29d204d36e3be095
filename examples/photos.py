"""The two kinds that `safelight up` serves without a kinds file, to go on with on many hosts."""

from safelight import Kind, cover, fit

sizes = {"thumb": cover(200, 200), "medium": fit(800), "large": fit(1600)}
photo = Kind("photo", public=True, variants=sizes)
private_photo = Kind("private-photo", variants=sizes)
