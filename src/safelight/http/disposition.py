"""The header `Content-Disposition` (RFC 6266)."""

import re
from urllib.parse import quote

from safelight.domain import filename


def disposition(how: str, name: str) -> str:
    """Return e.g. `attachment; filename="a.jpg"; filename*=UTF-8''a.jpg`.

    The name is cleaned first. Old clients get it in plain ASCII; the others, by `filename*`, as it is.
    """
    shown = filename.clean(name)
    plain = re.sub(r'[^ -~]|["%\\]', "_", shown)
    extended = "" if plain == shown else f"; filename*=UTF-8''{quote(shown, safe='')}"
    return f'{how}; filename="{plain}"{extended}'
