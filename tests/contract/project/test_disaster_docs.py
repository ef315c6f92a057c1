"""docs/disaster.md is executed: each chapter with commands is pasted by a test, which names it."""

from pathlib import Path

import pytest

from support.documents import DOCS, commands, sections

DISASTER = DOCS / "disaster.md"
TESTS = Path(__file__).parents[2]


def test_each_chapter_with_commands_is_pasted_by_a_test() -> None:
    sources = [path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py") if path != Path(__file__)]
    pasting = "\n".join(source for source in sources if "support.documents" in source)
    chapters = [heading for heading in sections(DISASTER) if heading.startswith("## ")]
    assert {"## PostgreSQL is lost", "## A restored backup"} <= set(chapters)
    for heading in chapters:
        if f'"{heading}"' not in pasting:
            with pytest.raises(AssertionError, match="no command under"):
                commands(DISASTER, heading)
