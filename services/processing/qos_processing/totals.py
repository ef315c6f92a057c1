"""Buckets of organisations and of all: what batches added is taken into the sums. The leader sees to it.

No answer depends on it, for a reader adds what is still to be taken in; how long an answer takes does.
"""

import asyncio

from qos_processing.transactions import Connection, Transactions

# In the order of the key: two that do this at once wait for each other, and not in a circle.
_TAKE_IN = """
    WITH taken AS (
        DELETE FROM scope_bucket_changes WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM scope_bucket_changes LIMIT $1 FOR UPDATE SKIP LOCKED
        ))
        RETURNING generation, organisation_id, date, channel, online, measure, bin, value
    ), sums AS (
        SELECT generation, grouping(organisation_id) = 1 AS everything,
            coalesce(organisation_id, '') AS organisation_id, date, channel, online, measure, bin, sum(value) AS value
        FROM taken
        GROUP BY generation, date, channel, online, measure, bin, GROUPING SETS ((organisation_id), ())
        HAVING sum(value) <> 0
    ), added AS (
        INSERT INTO scope_buckets (
            generation, everything, organisation_id, date, channel, online, measure, bin, value
        )
        SELECT * FROM sums ORDER BY generation, everything, organisation_id, measure, date, channel, online, bin
        ON CONFLICT (generation, everything, organisation_id, measure, date, channel, online, bin)
        DO UPDATE SET value = scope_buckets.value + excluded.value
    )
    SELECT count(*) FROM taken
"""


class Totals:
    """Takes changes into the sums, in transactions of `chunk` changes at most, every `every_seconds`."""

    def __init__(self, transactions: Transactions, *, chunk: int = 100_000, every_seconds: float = 1.0) -> None:
        self._transactions = transactions
        self._chunk = chunk
        self._every_seconds = every_seconds

    async def run(self) -> None:
        """Take in again and again, for ever. Raises TransientFailure when the database stays away."""
        while True:
            await self.take_in()
            await asyncio.sleep(self._every_seconds)

    async def take_in(self) -> int:
        """Take in all that waits; how many changes those were."""

        async def chunk(connection: Connection, _doubtful: bool) -> int:
            return int(await connection.fetchval(_TAKE_IN, self._chunk))

        total = taken = await self._transactions.run(chunk)
        while taken == self._chunk:
            taken = await self._transactions.run(chunk)
            total += taken
        return total
