"""Tables are tables, whatever stands in their cells."""

from safelight.cli.reference.markdown import code, table


def test_a_table_has_its_headings_and_its_rows():
    assert table(("name", ""), [("`one`", "1")]) == "| name |  |\n| --- | --- |\n| `one` | 1 |\n"


def test_a_sign_that_would_end_a_cell_does_not():
    assert table(("name",), [("a|b",)]).endswith("| a\\|b |\n")


def test_words_stand_as_code():
    assert code(["one", "two"]) == "`one`, `two`"
