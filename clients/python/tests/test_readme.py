import re
from pathlib import Path
from typing import Any

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_of_the_readme_runs(
    block: str, loopback: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cat.jpg").write_bytes(b"\xff\xd8\xff")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAFELIGHT_URL", loopback.url)
    monkeypatch.setenv("SAFELIGHT_API_KEY", "sl_key")

    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})  # noqa: S102 - the README is ours

    assert "/variants/thumb" in capsys.readouterr().out


def test_the_readme_has_examples() -> None:
    assert len(BLOCKS) == 2
