"""What a page says of levels: what is shown, what may be, what is only claimed."""

import pytest

from qos_metrics.sheet import Cell


@pytest.mark.parametrize(
    ("cell", "bars", "against"),
    [
        (Cell(evidenced=0, possible=0, declared=0), ("", "", ""), False),
        (Cell(evidenced=3, possible=3, declared=2), ("full", "full", "full"), False),
        (Cell(evidenced=1, possible=2, declared=1), ("full", "maybe", ""), False),
        (Cell(evidenced=1, possible=2, declared=2), ("full", "maybe", ""), False),
        (Cell(evidenced=0, possible=0, declared=3), ("claim", "claim", "claim"), True),
        (Cell(evidenced=1, possible=1, declared=2), ("full", "claim", ""), True),
    ],
)
def test_a_cell_shows_evidence_before_what_may_be_before_what_is_claimed(
    cell: Cell, bars: tuple[str, ...], against: bool
) -> None:
    assert cell.bars == bars
    assert cell.against is against
