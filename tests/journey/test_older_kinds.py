"""Two workers with different kinds files: what the older one renders lacks nothing in the end."""

import time
from pathlib import Path

from safelight.testing.cluster import Cluster, Size
from safelight.testing.postgres import PostgresServer
from safelight_client import Client

OLD = "from safelight import Kind, cover\navatar = Kind('avatar', public=True, variants={'thumb': cover(96, 96)})\n"
NEW = OLD.replace("cover(96, 96)", "cover(96, 96), 'card': cover(400, 400)")

RENDERED_WITHIN_S = 90
"""A job that was handed back waits for half a minute, and looks are taken as often as that."""


def variants_of(client: Client, image_id: str) -> set[str]:
    return set(client.get(image_id).variants)


def test_an_image_that_a_worker_with_an_older_kinds_file_rendered_gets_the_new_variant(
    tmp_path: Path, photo: Path
) -> None:
    kinds = tmp_path / "images.py"
    kinds.write_text(OLD)
    size = Size(apis=1, workers=2, uploads=1)
    with (
        PostgresServer() as postgres,
        Cluster(tmp_path, postgres=postgres, database="kinds", kinds=kinds, size=size) as cluster,
        Client(cluster.url, api_key=cluster.key) as client,
    ):
        newer, older = cluster.workers
        kinds.write_text(NEW)
        for part in (newer, *cluster.apis):
            part.stop()
            part.start()
        newer.stop()

        image = client.upload(photo, kind="avatar")
        at_first = set(image.variants)
        newer.start()
        older.stop()
        end = time.monotonic() + RENDERED_WITHIN_S
        while (at_last := variants_of(client, image.id)) == at_first and time.monotonic() < end:
            time.sleep(1)

    assert at_first == {"thumb"}
    assert at_last == {"thumb", "card"}
