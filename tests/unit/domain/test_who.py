"""Only the application's own key has scopes, and the audit log names callers without secrets."""

import pytest

from safelight.domain.who import NOBODY, ApiKeyId, Role, Scope, Who

EVERY_SCOPE = frozenset(Scope)


@pytest.mark.parametrize("scope", Scope)
def test_a_key_may_what_its_scopes_say(scope: Scope) -> None:
    who = Who(Role.APPLICATION, scopes=frozenset({scope}))

    assert {other for other in Scope if who.may(other)} == {scope}


@pytest.mark.parametrize("who", [NOBODY, Who(Role.NOBODY, scopes=EVERY_SCOPE), Who(Role.USER, "42", EVERY_SCOPE)])
def test_nobody_else_may_anything_by_scope(who: Who) -> None:
    assert not any(who.may(scope) for scope in Scope)


@pytest.mark.parametrize(
    ("who", "name"),
    [
        (NOBODY, "nobody"),
        (Who(Role.USER, "42"), "user:42"),
        (Who(Role.APPLICATION, api_key=ApiKeyId("k1")), "key:k1"),
        (Who(Role.APPLICATION, "42", api_key=ApiKeyId("k1")), "key:k1 for 42"),
    ],
)
def test_the_audit_log_names_who_asked(who: Who, name: str) -> None:
    assert who.name == name
