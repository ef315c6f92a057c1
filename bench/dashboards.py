"""How long the statements of the dashboards take at the size of Tokyo: `DATABASE_URL=... python -m bench.dashboards`.

On the database of `bench.figures`, as the role that reads the views for reports: each dashboard as it is opened.
"""

import argparse
import asyncio
import json
import os
import time
from datetime import timedelta
from pathlib import Path

import asyncpg

from bench.figures import NOW, fill
from bench.store import database_on
from qos_processing.migrate import migrate

DASHBOARDS = Path(__file__).parents[1] / "deploy" / "grafana" / "dashboards" / "en"


def statements(dashboard: Path) -> dict[str, str]:
    """Title -> statement, over the days that the dashboard begins with."""
    model = json.loads(dashboard.read_text("utf-8"))
    amount, unit = model["time"]["from"][4:-1], model["time"]["from"][-1]
    since = NOW - timedelta(**{{"d": "days", "h": "hours"}[unit]: int(amount)})
    found = {}
    for panel in model["panels"]:
        for target in panel.get("targets", ()):
            if "rawSql" in target:
                text = target["rawSql"].replace("$__timeFrom()", f"'{since}'").replace("$__timeTo()", f"'{NOW}'")
                text = text.replace("$organisation", "organisation-7").replace("$procedure", "procedure-7")
                found[panel["title"]] = text
    return found


async def run(database_url: str, procedures: int) -> None:
    await migrate(database_url)
    await fill(database_url, procedures)
    connection = await asyncpg.connect(database_url)
    await connection.execute("SET ROLE qos_reader")
    for dashboard in sorted(DASHBOARDS.glob("*.json")):
        taken = {}
        for title, statement in statements(dashboard).items():
            began = time.perf_counter()
            await connection.fetch(statement)
            taken[title] = time.perf_counter() - began
        slowest = max(taken, key=lambda title: taken[title])
        print(
            f"  {dashboard.stem}: {len(taken)} statements, {sum(taken.values()):.2f} s in all;"
            f" the slowest {taken[slowest]:.2f} s ({slowest})"
        )
    await connection.close()


async def measure(server_url: str, procedures: int) -> None:
    async with database_on(server_url) as database_url:
        await run(database_url, procedures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--procedures", type=int, default=28_000, help="registered procedures (default: 28,000)")
    asyncio.run(measure(os.environ["DATABASE_URL"], parser.parse_args().procedures))


if __name__ == "__main__":
    main()
