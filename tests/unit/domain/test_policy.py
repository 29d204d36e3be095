"""Closed by default: an application by its key's scope, a user by the kind's rule."""

import pytest

from safelight.domain.image import Attachment
from safelight.domain.kind import Kind
from safelight.domain.policy import may_upload
from safelight.domain.variant import cover
from safelight.domain.who import NOBODY, Role, Scope, Who

OWN = Attachment("user", "42")
THUMB = {"thumb": cover(96, 96)}
CLOSED = Kind("closed", variants=THUMB)


def for_themselves(who: Who, target: Attachment | None) -> bool:
    return target is not None and who.id == target.id


async def for_themselves_later(who: Who, target: Attachment | None) -> bool:
    return for_themselves(who, target)


OPEN = Kind("open", variants=THUMB, may_upload=for_themselves)
OPEN_LATER = Kind("open-later", variants=THUMB, may_upload=for_themselves_later)


@pytest.mark.parametrize("kind", [OPEN, OPEN_LATER])
@pytest.mark.parametrize(("user", "allowed"), [("42", True), ("43", False)])
async def test_a_user_may_what_the_rule_says(kind: Kind, user: str, allowed: bool) -> None:  # noqa: FBT001 - a case
    assert await may_upload(kind, Who(Role.USER, user), OWN) is allowed


@pytest.mark.parametrize("who", [NOBODY, Who(Role.USER, "42")])
async def test_without_a_rule_no_user_may(who: Who) -> None:
    assert not await may_upload(CLOSED, who, OWN)


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("kind", [CLOSED, OPEN])
async def test_a_key_needs_the_scope_whoever_it_acts_for(kind: Kind, scope: Scope) -> None:
    who = Who(Role.APPLICATION, id="42", scopes=frozenset({scope}))

    assert await may_upload(kind, who, OWN) is (scope is Scope.UPLOAD)
