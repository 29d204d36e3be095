"""Two visitors of the example: one sets an avatar, the other fails to, the first replaces it, and both leave for good.

python visit.py http://127.0.0.1:8000 me.jpg another.jpg
"""

import secrets
import sys
from pathlib import Path
from typing import Any

import httpx

from safelight_client import Client, ConnectionFailed, NotAllowed

PASSWORD = "correct horse battery"  # noqa: S105 - a visitor's, of an example


def visit(app_url: str, first: Path, second: Path) -> None:
    """Play the scene, and say what happens. The names are new ones each time."""
    with httpx.Client(base_url=app_url, timeout=30) as app:
        owner, stranger = (_sign_up(app, f"{who}{secrets.token_hex(4)}") for who in ("owner", "stranger"))

        with Client(owner["uploads"], api_key=owner["token"]) as safelight:
            image = safelight.upload(first, kind="avatar", attach=("user", owner["id"]))
            print(f"The owner has an avatar: {_avatar(app, owner)}")

        with Client(stranger["uploads"], api_key=stranger["token"]) as safelight:
            try:
                safelight.upload(second, kind="avatar", attach=("user", owner["id"]))
            except NotAllowed as refused:
                print(f"The stranger may not set it: {refused}")
            else:
                sys.exit("The stranger set the owner's avatar")

        with Client(owner["uploads"], api_key=owner["token"]) as safelight:
            newer = safelight.upload(second, kind="avatar", attach=("user", owner["id"]))
            print(f"The owner has another one, and {image.id} gave way to {newer.id}: {_avatar(app, owner)}")

        print(f"The owner has left: {_leave(app, owner)}")
        print(f"The stranger has left: {_leave(app, stranger)}")


def _sign_up(app: httpx.Client, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = app.post("/signup", json={"name": name, "password": PASSWORD}).raise_for_status().json()
    return answer | {"name": name}


def _avatar(app: httpx.Client, user: dict[str, Any]) -> str:
    profile: dict[str, Any] = app.get(f"/users/{user['name']}").raise_for_status().json()
    return str(profile["avatar"])


def _leave(app: httpx.Client, user: dict[str, Any]) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {user['token']}"}
    deleted: dict[str, Any] = app.delete("/me", headers=headers).raise_for_status().json()
    return deleted


if __name__ == "__main__":
    try:
        visit(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    except httpx.TransportError as error:
        sys.exit(f"The application does not answer at {sys.argv[1]}: {error}")
    except ConnectionFailed as error:
        sys.exit(f"Safelight does not answer: {error}")
