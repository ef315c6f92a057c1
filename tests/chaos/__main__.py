"""`python -m chaos`: the system under faults, seed after seed, each compared exactly with the pure core's fold."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from chaos.fault import Fault
from chaos.registry import FAULTS
from chaos.report import differences, document, table
from chaos.run import Outcome, Plan, run
from chaos.schedule import PER_SEED, schedule
from qos_local.demo.interrupting import until_interrupted

_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Options:
    seeds: int
    first_seed: int
    faults: Sequence[str]
    per_seed: int
    cases: int
    seconds: float
    jobs: int
    format: str
    logs: Path

    @property
    def chosen(self) -> list[Fault]:
        return [FAULTS[name] for name in self.faults]

    def plan(self, seed: int) -> Plan:
        steps = schedule(seed, self.chosen, per_seed=self.per_seed)
        return Plan(seed=seed, steps=steps, cases=self.cases, seconds=self.seconds, logs=self.logs)

    def command(self, seed: int) -> str:
        """Runs one seed of these options again."""
        words = f"make chaos SEEDS=1 FIRST={seed}"
        arguments = []
        if list(self.faults) != list(FAULTS):
            arguments.append(f"--faults {','.join(self.faults)}")
        for name, usual in (("per_seed", PER_SEED), ("cases", CASES), ("seconds", SECONDS)):
            if getattr(self, name) != usual:
                arguments.append(f"--{name.replace('_', '-')} {getattr(self, name):g}")
        return f"{words} ARGS='{' '.join(arguments)}'" if arguments else words


CASES = 1_200
SECONDS = 50.0


def _names(text: str) -> list[str]:
    names = list(dict.fromkeys(text.split(",")))
    unknown = [name for name in names if name not in FAULTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no fault {unknown[0]!r}; there are {', '.join(FAULTS)}")
    return names


def _from(lowest: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if value < lowest:
            raise argparse.ArgumentTypeError(f"{value} is too small: at least {lowest}")
        return value

    return number


def options(arguments: Sequence[str] | None = None) -> Options:
    width = max(map(len, FAULTS))
    parser = argparse.ArgumentParser(
        prog="python -m chaos",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Runs intake, workers and metrics on a Kafka and a PostgreSQL of their own, sends them a\n"
        "simulated life, injects faults, and compares every case, bucket, total, level, announcement\n"
        "and figure with the pure core's fold of what was sent. A seed takes some minutes.",
        epilog="faults:\n"
        + "".join(f"  {name:{width}}  {fault.summary}\n" for name, fault in FAULTS.items())
        + "\nexamples:\n"
        "  make chaos\n"
        "  make chaos SEEDS=1 FIRST=17\n"
        "  make chaos SEEDS=4 ARGS='--faults worker-killed,postgres-killed'\n"
        "  PYTHONPATH=tests python -m chaos --seeds 20 --jobs 2 --format json > chaos.json\n"
        "\nexit code 0: nothing lost, nothing doubled; 1: something was, or a run failed; 130: interrupted.",
    )
    parser.add_argument("--seeds", type=_from(1), default=20, help="how many seeds (default: 20)")
    parser.add_argument("--first-seed", type=_from(0), default=1, help="the first of them (default: 1)")
    parser.add_argument(
        "--faults", type=_names, metavar="A,B", help="only these faults (default: all that this machine can have)"
    )
    parser.add_argument("--per-seed", type=_from(0), default=PER_SEED, help=f"faults in a seed (default: {PER_SEED})")
    parser.add_argument("--cases", type=_from(10), default=CASES, help=f"applications in a seed (default: {CASES:,})")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help=f"how long a seed sends at least (default: {SECONDS:g})"
    )
    parser.add_argument("--jobs", type=_from(1), default=1, help="seeds side by side (default: 1)")
    parser.add_argument("--format", choices=["table", "json"], default="table", help="what to write (default: table)")
    parser.add_argument(
        "--logs", type=Path, default=Path(".chaos"), help="where logs of a seed go that isn't exact (default: .chaos)"
    )
    given = parser.parse_args(arguments)
    lacking = {name: what for name in given.faults or FAULTS if (what := FAULTS[name].lacking()) is not None}
    if given.faults and lacking:
        name, what = next(iter(lacking.items()))
        parser.error(f"--faults: {name} needs {what}")
    for name, what in lacking.items():
        sys.stderr.write(f"{name} is left out; it needs {what}\n")
    given.faults = [name for name in given.faults or FAULTS if name not in lacking]
    return Options(**vars(given))


class Seeds:
    """Runs seeds, shows how far they are, and keeps what came of them."""

    def __init__(self, wanted: Options, console: Console) -> None:
        self._wanted = wanted
        self._console = console
        self.outcomes: list[Outcome] = []

    async def run(self) -> None:
        slots = asyncio.Semaphore(self._wanted.jobs)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            total = progress.add_task("seeds", total=self._wanted.seeds)

            async def one(seed: int) -> None:
                async with slots:
                    await self._seed(progress, seed)
                    progress.advance(total)

            async with asyncio.TaskGroup() as seeds:
                for seed in range(self._wanted.first_seed, self._wanted.first_seed + self._wanted.seeds):
                    seeds.create_task(one(seed))

    async def _seed(self, progress: Progress, seed: int) -> None:
        plan = self._wanted.plan(seed)
        task: TaskID = progress.add_task(f"seed {seed}", total=None)
        began = monotonic()

        def tell(text: str) -> None:
            progress.update(task, description=f"seed {seed}: {text[:90]}")
            if not self._console.is_terminal:
                self._console.print(f"seed {seed}, {monotonic() - began:.0f} s: {text}", markup=False)

        try:
            outcome = await run(plan, tell)
        finally:
            progress.remove_task(task)
        self.outcomes.append(outcome)
        if outcome.exact:
            slowest = max((took for _, took in outcome.recovered), default=0.0)
            self._console.print(
                f"seed {seed} is exact: {outcome.events:,} events, {', '.join(outcome.steps)};"
                f" {outcome.seconds:.0f} s, recovered within {slowest:.1f} s"
            )
        else:
            self._console.print(differences(outcome, self._wanted.command(seed)), markup=False)
            self._console.print(f"  logs: {self._wanted.logs / f'seed-{seed}'}")


def main() -> int:
    wanted = options()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that a broker is away is no news here
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    seeds = Seeds(wanted, console)
    interrupted = asyncio.run(until_interrupted(seeds.run()))
    done = sorted(seeds.outcomes, key=lambda outcome: outcome.seed)
    if wanted.format == "json":
        sys.stdout.write(document(done) + "\n")
    elif done:
        Console(soft_wrap=True, highlight=False).print(table(done))
    if interrupted:
        return _INTERRUPTED
    return 0 if all(outcome.exact for outcome in done) else 1


if __name__ == "__main__":
    sys.exit(main())
