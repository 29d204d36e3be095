"""The reference in `docs/reference/`, made from the code: one module per page.

`make docs` writes the pages; `tests/docs/test_reference.py` sees that they are what the code says.
"""
