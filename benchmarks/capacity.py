"""What one image costs, step by step, and what a month of a million and of a billion of them needs.

    python benchmarks/capacity.py PHOTO [PHOTO ...] [--images 20] [--rounds 3] [--keep FILE] [--write docs/scaling.md]
    python benchmarks/capacity.py --kept FILE [--peak 3] [--write-1000 0.005] [...]

Measured on this machine with real servers: Postgres that waits for its disk, Ceph as S3, one `safelight api` and one
`safelight worker`. The projection is for the last photo. What it assumes are options: with `--kept`, other prices need
no other run.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from sizing.assumptions import Limits, Load, Prices, Upkeep
from sizing.findings import Findings, keep, kept
from sizing.measure import measure
from sizing.page import tables, write
from sizing.photo import Photo
from sizing.projection import Assumed

ASSUMED = (Prices, Limits, Load, Upkeep)


def main() -> None:
    """Read the command line, measure, and print the tables."""
    chosen = _parser().parse_args()
    if not chosen.photos and not chosen.kept:
        raise SystemExit("Name a photo to measure with, or findings by --kept")
    found = kept(chosen.kept) if chosen.kept else _measured(chosen.photos, chosen.images, chosen.rounds)
    if chosen.keep:
        keep(found, chosen.keep)
    text = tables(found, Assumed(*(_given(chosen, assumed) for assumed in ASSUMED)))
    if chosen.write:
        write(chosen.write, text)
    else:
        print(text)


def _measured(photos: Sequence[Path], images: int, rounds: int) -> Findings:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(
            measure(
                [Photo(path.name, path.read_bytes()) for path in photos], Path(folder), images=images, rounds=rounds
            )
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="*")
    parser.add_argument("--images", type=int, default=20, help="images in each round, twice")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="write what was found to this file")
    parser.add_argument("--kept", type=Path, help="measure nothing, but take what was found before")
    parser.add_argument("--write", type=Path, help="put the tables into this page")
    for assumed in ASSUMED:
        group = parser.add_argument_group(assumed.__name__.lower())
        for one in fields(assumed):
            group.add_argument(f"--{one.name.replace('_', '-')}", type=type(one.default), default=one.default)
    return parser


def _given(chosen: argparse.Namespace, assumed: type[Any]) -> Any:
    return assumed(**{one.name: getattr(chosen, one.name) for one in fields(assumed)})


if __name__ == "__main__":
    main()
