"""The commands of a document are found where they stand, and run as they are pasted."""

from pathlib import Path

import pytest

from support.documents import commands, sections, terminal

DOCUMENT = """# Title

```sh
echo before
```

## One

```sh
# no heading
export WORD=one
```

### Deeper

```text
not a command
```

```sh
echo "$WORD"
```

## Two

Words only.
"""


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "document.md"
    path.write_text(DOCUMENT, encoding="utf-8")
    return path


def test_the_blocks_of_a_section_with_its_deeper_ones(document: Path) -> None:
    assert commands(document, "## One") == ["# no heading\nexport WORD=one\n", 'echo "$WORD"\n']
    assert len(commands(document, "# Title")) == 3
    assert sections(document) == ["# Title", "## One", "### Deeper", "## Two"]
    for heading in ("## Two", "## Three"):
        with pytest.raises(AssertionError, match="no command under"):
            commands(document, heading)


def test_blocks_are_run_one_after_the_other_in_one_shell(document: Path, tmp_path: Path) -> None:
    with terminal({}, tmp_path) as shell:
        assert [shell.paste(block) for block in commands(document, "## One")] == ["", "one\n"]


def test_a_command_that_fails_or_hangs_is_told_with_what_it_printed(tmp_path: Path) -> None:
    with terminal({}, tmp_path) as shell, pytest.raises(AssertionError, match="nowhere"):
        shell.paste("ls /nowhere\necho never\n")
    with terminal({}, tmp_path) as shell, pytest.raises(AssertionError, match=r"more than 0\.2 seconds"):
        shell.paste("sleep 60", within=0.2)
