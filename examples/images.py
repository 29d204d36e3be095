"""Three kinds of image. Serve them: safelight up --kinds examples/images.py."""

from safelight import Kind, cover, fit

avatar = Kind("avatar", accept="jpeg png webp heic", max_bytes="10MB", public=True, variants={"thumb": cover(96, 96)})
poster = Kind("poster", public=True, variants={"wall": fit(widths=[480, 960], formats="avif webp jpeg")})
passport = Kind("passport", accept="jpeg", keep_original=False, variants={"page": fit(800, formats="webp")})
