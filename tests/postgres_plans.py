"""How Postgres goes about statements, in its own words: with how many rows it looks at."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

LOOKS_AT_MOST = 1_000
"""Rows, of any table, for a query that asks for ten. One that reads a whole table looks at many times as many."""

TIMES = 7
"""How often each work is done: from the sixth time on, Postgres may plan a statement for whatever it is asked."""

EXPLAINS = (
    "LOAD 'auto_explain'",
    "SET auto_explain.log_min_duration = 0",
    "SET auto_explain.log_analyze = on",
    "SET auto_explain.log_timing = off",
    "SET auto_explain.log_format = json",
    "SET auto_explain.log_level = notice",
)
"""Lets Postgres tell how it went about each statement, with how many rows it looked at."""


def plans_in(heard: Sequence[str]) -> list[dict[str, Any]]:
    """Return the plans among what a server has told."""
    return [json.loads(said.partition("plan:\n")[2]) for said in heard if "plan:\n" in said]


def looks(node: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield how many rows each part of a plan looks at, with what it does."""
    if "Relation Name" in node and node["Node Type"] != "ModifyTable":
        passed_over = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
        rows = (node["Actual Rows"] + passed_over) * node["Actual Loops"]
        yield f"{node['Node Type']} on {node['Relation Name']}", rows
    for child in node.get("Plans", ()):
        yield from looks(child)
