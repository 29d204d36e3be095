"""Closed by default: an application by its key's scope, a user by the kind's rule, an owner by being it."""

from typing import Any

import pytest

from safelight.domain.image import State
from safelight.domain.policy import owns, upload_by_role
from safelight.domain.who import NOBODY, SYSTEM, Role, Scope, Who

USER = Who(Role.USER, "42")


@pytest.mark.parametrize("scope", Scope)
def test_a_key_needs_the_scope_whoever_it_acts_for(scope: Scope) -> None:
    who = Who(Role.APPLICATION, id="42", scopes=frozenset({scope}))

    assert upload_by_role(who) is (scope is Scope.UPLOAD)


def test_about_a_user_the_kinds_rule_is_asked() -> None:
    assert upload_by_role(USER) is None


@pytest.mark.parametrize("who", [NOBODY, SYSTEM, Who(Role.NOBODY, "42", scopes=frozenset(Scope))])
def test_nobody_else_may_upload(who: Who) -> None:
    assert upload_by_role(who) is False


@pytest.mark.parametrize(
    ("who", "owner", "owned"),
    [
        (USER, "42", True),
        (USER, "43", False),
        (USER, None, False),
        (Who(Role.USER, None), None, False),
        (Who(Role.APPLICATION, "42", scopes=frozenset(Scope)), "42", False),
        (Who(Role.NOBODY, "42"), "42", False),
    ],
)
async def test_an_image_is_of_the_user_that_it_was_uploaded_for(
    stage: Any, who: Who, owner: str | None, *, owned: bool
):
    image = await stage.image_in(State.READY, owner=owner)

    assert owns(who, image) is owned
