"""Tables as they come out of spreadsheets: compressed, with a byte order mark, in another encoding, cut off."""

import gzip
from pathlib import Path

import pytest

from qos_local.importing.errors import UnreadableFile
from qos_local.importing.table import CsvTable, cell_count_rule


def table(path: Path, content: bytes, *, encoding: str = "utf-8-sig", delimiter: str = ",") -> CsvTable:
    path.write_bytes(content)
    return CsvTable(path, encoding=encoding, delimiter=delimiter)


def test_rows_are_told_by_the_line_on_which_they_start(tmp_path: Path) -> None:
    with table(tmp_path / "a.csv", b'a,b\n1,"two\nlines"\n\n3,4\n') as rows:
        assert rows.columns == ("a", "b")
        assert list(rows.rows()) == [(2, ["1", "two\nlines"]), (5, ["3", "4"])]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    with table(tmp_path / "a.csv", b"\xef\xbb\xbfa;b\r\n1;2\r\n", delimiter=";") as rows:
        assert rows.columns == ("a", "b")


def test_gzip_is_recognised_by_content(tmp_path: Path) -> None:
    with table(tmp_path / "a.csv", gzip.compress("手続,期間\n届出,1月\n".encode())) as rows:
        assert list(rows.rows()) == [(2, ["届出", "1月"])]
        assert rows.bytes_read == rows.bytes_total


def test_another_encoding_is_read_when_named_and_told_when_not(tmp_path: Path) -> None:
    content = "a,b\n1,2\n届出,1月\n".encode("cp932")
    with table(tmp_path / "a.csv", content, encoding="cp932") as rows:
        assert [cells for _, cells in rows.rows()] == [["1", "2"], ["届出", "1月"]]
    with pytest.raises(UnreadableFile, match="name the file's encoding in the mapping"):
        table(tmp_path / "a.csv", content)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"a,b,a\n1,2,3\n", "twice: a"),
    ],
)
def test_a_file_without_usable_columns_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    with pytest.raises(UnreadableFile, match=problem):
        table(tmp_path / "a.csv", content)


def test_a_broken_file_is_told_by_its_line(tmp_path: Path) -> None:
    with table(tmp_path / "a.csv", b'a,b\n1,2\n3,"4\n5,6\n') as rows, pytest.raises(UnreadableFile) as caught:
        list(rows.rows())
    assert caught.value.line >= 3
    packed = gzip.compress(b"a,b\n" + b"1,2\n" * 100_000)
    with table(tmp_path / "b.csv.gz", packed[:-50]) as rows, pytest.raises(UnreadableFile):
        list(rows.rows())


def test_a_row_has_as_many_cells_as_there_are_columns() -> None:
    assert cell_count_rule(("a", "b"), ["1", "2"]) is None
    assert cell_count_rule(("a", "b"), ["1"]) == "2 cells, one for each column; this row has 1"
