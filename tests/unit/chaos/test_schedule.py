"""Every fault gets its turns, some with another; and a seed is the same run whenever it is run again."""

from collections import Counter

from chaos.registry import FAULTS
from chaos.schedule import PER_SEED, schedule

ALL = list(FAULTS.values())
SEEDS = range(1, 21)


def test_a_seed_is_the_same_whenever_it_is_run() -> None:
    assert [schedule(seed, ALL) for seed in SEEDS] == [schedule(seed, ALL) for seed in SEEDS]
    assert len({str(schedule(seed, ALL)) for seed in SEEDS}) == len(SEEDS)


def test_twenty_seeds_inject_every_fault_four_times_and_more() -> None:
    for first in (0, 1, 17, 1_000):
        injected = Counter(
            fault.name for seed in range(first, first + 20) for step in schedule(seed, ALL) for fault in step.faults
        )
        assert min(injected[name] for name in FAULTS) >= 4, injected


def test_two_at_once_never_need_the_same_part() -> None:
    pairs = [step.faults for seed in range(200) for step in schedule(seed, ALL) if len(step.faults) == 2]
    assert len(pairs) > 150
    assert not [pair for pair in pairs if pair[0].parts & pair[1].parts]


def test_no_fault_comes_twice_in_a_seed() -> None:
    for seed in range(200):
        names = [fault.name for step in schedule(seed, ALL) for fault in step.faults]
        assert len(names) == len(set(names)) == PER_SEED


def test_fewer_faults_are_all_injected() -> None:
    (step,) = schedule(3, [FAULTS["worker-killed"]])
    assert str(step) == "worker-killed"
    two = [FAULTS["worker-killed"], FAULTS["worker-frozen"]]
    assert sorted(str(step) for step in schedule(3, two)) == ["worker-frozen", "worker-killed"]
