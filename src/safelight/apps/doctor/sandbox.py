"""The sandbox: whether it starts, and a tiny image of every format comes back from it."""

from collections.abc import Sequence

from safelight.apps.doctor.finding import Finding, Visit, fine, warning, wrong
from safelight.apps.worker import sandbox
from safelight.domain.errors import KindInvalid, RenderingFailed
from safelight.domain.formats import InputFormat
from safelight.worker.self_test import self_test
from safelight.worker.slot import COMMAND


async def sandbox_round_trip(visit: Visit, *, zygote: Sequence[str] = COMMAND) -> list[Finding]:
    """Send an image of every format into a sandbox of one slot, which `zygote` starts."""
    try:
        async with sandbox(visit.settings.model_copy(update={"slots": 1}), zygote=zygote) as renderer:
            formats = await self_test(renderer)
    except RenderingFailed as error:
        return wrong(
            "sandbox",
            f"it fails: {error.reason}",
            "See the lines above. Install Safelight anew, so that its image libraries fit this machine; in a "
            "container, allow processes, memfd_create and enough memory (SAFELIGHT_RENDER_MEMORY_BYTES for each slot)",
        )
    return fine("sandbox", f"starts, and renders {' '.join(formats)}") + _heic(visit, formats)


def _heic(visit: Visit, formats: tuple[InputFormat, ...]) -> list[Finding]:
    """See that HEIC can be read where a kind accepts it."""
    if InputFormat.HEIC in formats or isinstance(visit.kinds, KindInvalid):
        return []
    accepting = [kind.name for kind in visit.kinds.values() if InputFormat.HEIC in kind.accept]
    if not accepting:
        return []
    tell = wrong if visit.settings.kinds else warning
    return tell(
        "HEIC",
        f"photos of iPhones are rejected, although {', '.join(accepting)} accepts heic: its extra is not installed",
        "pip install 'safelight[heic]'; or leave heic out of accept",
    )
