"""Complete records out of any pieces of bytes."""

import csv
import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qos_intake.csv_records import MAX_RECORD_BYTES, CsvRecords, Record
from qos_intake.problems import Refused

cells = st.text(alphabet=st.sampled_from('ab,"\n é水道;'), max_size=6)
tables = st.lists(st.lists(cells, min_size=1, max_size=4), min_size=1, max_size=6)


def read(file: bytes, cuts: list[int], charset: str = "utf-8") -> list[Record]:
    """Read a file in pieces cut at these places."""
    records = CsvRecords(charset)
    places = sorted({0, len(file), *(cut % (len(file) + 1) for cut in cuts)})
    found = [record for start, end in pairwise(places) for record in records.feed(file[start:end])]
    return found + list(records.feed(b"", last=True))


@given(table=tables, cuts=st.lists(st.integers(0, 200), max_size=8), end=st.sampled_from(("\n", "\r\n")))
def test_any_pieces_give_what_the_whole_file_gives(table: list[list[str]], cuts: list[int], end: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(table)

    found = read(text.getvalue().encode(), cuts)

    assert [record.cells for record in found] == table
    assert [record.row for record in found] == list(range(1, len(table) + 1))


def test_blank_lines_are_skipped_and_counted() -> None:
    assert read(b"a,b\n\n1,2\n \n3,4", []) == [Record(1, ["a", "b"]), Record(3, ["1", "2"]), Record(5, ["3", "4"])]


def test_the_mark_that_spreadsheets_put_first_is_no_part_of_the_first_column() -> None:
    assert read("\ufeffid\n1\n".encode(), [2]) == [Record(1, ["id"]), Record(2, ["1"])]


def test_a_japanese_code_page() -> None:
    text = 'id,名前\n1,"表, ソ"\n'
    assert read(text.encode("cp932"), [9, 10, 11], "shift_jis")[1] == Record(2, ["1", "表, ソ"])


def test_a_row_of_other_bytes_or_bad_quotes_is_that_row_only() -> None:
    assert read(b'a\n\xff\n"x"y\nb\n', []) == [Record(1, ["a"]), Record(2, None), Record(3, None), Record(4, ["b"])]


@pytest.mark.parametrize(
    "endless", [b'"' + b"x" * MAX_RECORD_BYTES, b"x" * (MAX_RECORD_BYTES + 1), b'"' + b"\n" * 70_000]
)
def test_a_row_without_end_ends_the_file(endless: bytes) -> None:
    records = CsvRecords()
    assert list(records.feed(b"a\n")) == [Record(1, ["a"])]
    with pytest.raises(Refused) as caught:
        list(records.feed(endless))
    assert caught.value.problem.field == "row 2"


def test_a_quote_that_is_never_closed() -> None:
    with pytest.raises(Refused) as caught:
        read(b'a\n"b\nc\n', [])
    assert (caught.value.problem.reason, caught.value.problem.field) == ("malformed_request", "row 2")


def test_an_unknown_character_set() -> None:
    with pytest.raises(Refused, match="unsupported_media_type"):
        CsvRecords("utf-16")
