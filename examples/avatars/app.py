"""A web application whose users have avatars: FastAPI, users in memory, and Safelight beside it.

The application never touches a file. It knows its users and gives each a token (a JWT) by which Safelight knows them as
well; with that, the user's browser uploads to Safelight by itself. The application's own API key reads and erases.
"""

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import BaseModel, Field

from safelight_client import AsyncClient

SAFELIGHT_URL = os.environ.get("SAFELIGHT_URL", "http://127.0.0.1:8080")
API_KEY = os.environ["SAFELIGHT_API_KEY"]
JWT_KEY = OctKey.import_key(os.environ["SAFELIGHT_JWT_SECRET"])
"""The same secret as Safelight's: this application signs, Safelight verifies."""

TOKEN_LASTS_S = 3600
ALGORITHM = "HS256"


class Credentials(BaseModel):
    """What a user types."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]{1,30}$")]
    password: Annotated[str, Field(min_length=8, max_length=100)]


@dataclass(frozen=True, slots=True)
class User:
    """An account. The password is kept as a salted hash."""

    id: str
    salt: bytes
    digest: bytes


@dataclass(slots=True)
class Users:
    """Every account, by name. A real application has a database."""

    accounts: dict[str, User] = field(default_factory=dict)

    def add(self, who: Credentials) -> User:
        """Make an account. Raises HTTPException where the name is taken."""
        if who.name in self.accounts:
            raise HTTPException(409, "This name is taken. Choose another one.")
        salt = secrets.token_bytes(16)
        user = self.accounts[who.name] = User(secrets.token_hex(8), salt, _digest(who.password, salt))
        return user

    def check(self, who: Credentials) -> User:
        """Return the account of these credentials. Raises HTTPException, the same for a wrong name and password."""
        user = self.accounts.get(who.name)
        digest = _digest(who.password, user.salt if user else b"nobody's salt")
        if user is None or not hmac.compare_digest(user.digest, digest):
            raise HTTPException(401, "Name or password is wrong.")
        return user


def _digest(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncClient(SAFELIGHT_URL, api_key=API_KEY) as safelight:
        app.state.safelight = safelight
        app.state.users = Users()
        yield


app = FastAPI(title="Avatars", lifespan=_running)


def _safelight(request: Request) -> AsyncClient:
    client: AsyncClient = request.app.state.safelight
    return client


def _users(request: Request) -> Users:
    users: Users = request.app.state.users
    return users


def _user(authorization: Annotated[str, Header()], users: Annotated[Users, Depends(_users)]) -> User:
    """Return the user whose token came along."""
    try:
        token = jwt.decode(authorization.removeprefix("Bearer "), JWT_KEY, algorithms=[ALGORITHM])
        jwt.JWTClaimsRegistry(exp={"essential": True}).validate(token.claims)
    except JoseError:
        raise HTTPException(401, "Log in first.") from None
    found = [user for user in users.accounts.values() if user.id == token.claims.get("sub")]
    if not found:
        raise HTTPException(401, "This account is no more.")
    return found[0]


Safelight = Annotated[AsyncClient, Depends(_safelight)]
Everybody = Annotated[Users, Depends(_users)]
Me = Annotated[User, Depends(_user)]


@app.post("/signup", status_code=201)
async def sign_up(who: Credentials, users: Everybody) -> dict[str, str]:
    """Make an account, and log in."""
    return _welcome(users.add(who))


@app.post("/login")
async def log_in(who: Credentials, users: Everybody) -> dict[str, str]:
    """Log in: return the user's id, and the token for this application and for Safelight."""
    return _welcome(users.check(who))


@app.get("/users/{name}")
async def profile(name: str, users: Everybody, safelight: Safelight) -> dict[str, Any]:
    """Show a user's page: the avatar is wherever Safelight says at this moment. No URL is stored here."""
    if name not in users.accounts:
        raise HTTPException(404, "There is no such user.")
    shown = await safelight.attached(to=("user", users.accounts[name].id), kind="avatar")
    return {"name": name, "avatar": shown.images[0].url("thumb") if shown.images else None}


@app.delete("/me")
async def delete_account(me: Me, users: Everybody, safelight: Safelight) -> dict[str, Any]:
    """Delete the account and everything that its user ever uploaded, bytes included."""
    report = await safelight.erase_owner(me.id)
    users.accounts = {name: user for name, user in users.accounts.items() if user.id != me.id}
    return {"images_deleted": report.images}


def _welcome(user: User) -> dict[str, str]:
    claims = {"sub": user.id, "exp": int(time.time()) + TOKEN_LASTS_S}
    return {"id": user.id, "token": jwt.encode({"alg": ALGORITHM}, claims, JWT_KEY), "uploads": SAFELIGHT_URL}
