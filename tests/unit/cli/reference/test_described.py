"""The docstrings that Python forgets are read from the source."""

import sys
from enum import StrEnum

from safelight.cli.reference.described import about, meanings, parameters

ABOVE = 1
"""What stands under a module's name
is one line."""


class Fruit(StrEnum):
    """What grows on trees."""

    APPLE = "apple"
    """It is red."""
    PEAR = "pear"
    PLUM = "plum"
    """It is blue,

    and small."""

    def peeled(self) -> str:
        """Return it without its skin."""
        return self


DECLARED = """Declare a thing.

`first`: what comes first: `second` comes later.
`second`: what goes on
    over a line.

Raises `nothing`: never.
"""


def test_each_name_of_a_class_has_what_stands_under_it():
    assert meanings(Fruit) == {"APPLE": "It is red.", "PEAR": "", "PLUM": "It is blue, and small."}


def test_so_does_each_name_of_a_module():
    assert meanings(sys.modules[Fruit.__module__])["ABOVE"] == "What stands under a module's name is one line."


def test_a_class_made_inside_a_function_can_be_read_too():
    class Inner(StrEnum):
        ONE = "one"
        """The one."""

    assert meanings(Inner) == {"ONE": "The one."}


def test_each_parameter_has_its_lines():
    assert parameters(DECLARED) == {
        "first": "what comes first: `second` comes later.",
        "second": "what goes on over a line.",
    }


def test_what_is_left_is_about_the_whole():
    assert about(DECLARED) == "Declare a thing.\n\nRaises `nothing`: never."
