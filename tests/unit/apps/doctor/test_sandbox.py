"""The check of the sandbox, with zygotes that have a fault."""

import sys
from collections.abc import Callable
from pathlib import Path

from safelight.apps.doctor.finding import Level, Visit
from safelight.apps.doctor.sandbox import sandbox_round_trip

MakeVisit = Callable[..., Visit]

WITHOUT_HEIC = "import sys; sys.modules['pillow_heif'] = None; from safelight.sandbox.__main__ import main; main()"


async def test_a_sandbox_that_renders_every_format_is_well(visit: MakeVisit) -> None:
    (found,) = await sandbox_round_trip(visit())

    assert found.level is Level.OK
    assert "jpeg png webp gif avif tiff heic" in found.seen


async def test_a_sandbox_that_does_not_start_is_wrong(visit: MakeVisit) -> None:
    (found,) = await sandbox_round_trip(visit(), zygote=("/bin/false",))

    assert found.level is Level.WRONG
    assert "the zygote died" in found.seen
    assert "Install Safelight anew" in found.cure


async def test_a_kind_that_accepts_heic_without_its_extra_is_wrong(visit: MakeVisit, tmp_path: Path) -> None:
    kinds = tmp_path / "kinds.py"
    kinds.write_text(
        "from safelight import Kind, fit\na = Kind('avatar', accept='heic jpeg', variants={'s': fit(9)})\n"
    )
    zygote = (sys.executable, "-I", "-c", WITHOUT_HEIC)

    starts, declared = await sandbox_round_trip(visit(kinds=kinds), zygote=zygote)
    _, example = await sandbox_round_trip(visit(), zygote=zygote)

    assert starts.level is Level.OK
    assert (declared.name, declared.level) == ("HEIC", Level.WRONG)
    assert "avatar accepts heic" in declared.seen
    assert "safelight[heic]" in declared.cure
    assert example.level is Level.WARNING


async def test_without_a_kind_that_accepts_heic_nobody_misses_it(visit: MakeVisit, tmp_path: Path) -> None:
    kinds = tmp_path / "kinds.py"
    kinds.write_text("from safelight import Kind, fit\na = Kind('avatar', accept='jpeg', variants={'s': fit(9)})\n")

    (found,) = await sandbox_round_trip(visit(kinds=kinds), zygote=(sys.executable, "-I", "-c", WITHOUT_HEIC))

    assert found.level is Level.OK
