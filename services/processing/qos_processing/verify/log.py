"""The facts in the tables against those in the log, up to the offsets that the tables stand at."""

from collections.abc import Callable, Collection, Iterable, Mapping

from qos_domain.facts import NO_FACTS, Fact, Facts, decode_facts, encode_facts, join
from qos_processing.log_shares import LogReader, Share, Told, reading, shares
from qos_processing.verify.findings import Findings, Mismatch
from qos_processing.verify.snapshot import Snapshot
from qos_runtime.kafka import partition_of
from qos_runtime.settings import RuntimeSettings


async def compare(
    settings: RuntimeSettings,
    snapshot: Snapshot,
    procedure_ids: Collection[str],
    findings: Findings,
    progress: Callable[[str, int, int], None],
) -> None:
    """Read the log from its beginning and compare the facts of the procedures' cases (of all, where none is named).

    Raises LogMismatch, TransientFailure (see `LogReader.tell`).
    """
    stored = procedure_ids or await snapshot.procedures()
    wanted = shares(await snapshot.offsets())
    total, done = sum(share.records for share in wanted), 0

    def read(records: int) -> None:
        nonlocal done
        done += records
        progress("log", done, total)

    async with reading(settings, client_id="qos-verify") as log:
        for share in wanted:
            in_share = [p for p in stored if _belongs(p, share, settings.partitions)]
            if in_share or not procedure_ids:
                await _compare_share(log, snapshot, share, in_share, findings, read, every=not procedure_ids)


async def _compare_share(
    log: LogReader,
    snapshot: Snapshot,
    share: Share,
    stored: Collection[str],
    findings: Findings,
    read: Callable[[int], None],
    *,
    every: bool,
) -> None:
    told = await log.tell(share, progress=read)
    cases = _cases_by_procedure(told)
    procedure_ids = {*stored, *(cases.keys() | told.procedures.keys() if every else ())}
    for procedure_id in sorted(procedure_ids):
        registry = encode_facts(await snapshot.registry_facts(procedure_id))
        place = {"procedure_id": procedure_id}
        _compare(place, registry, _text(told.procedures.get(procedure_id, ())), findings)
        in_log, in_table = cases.get(procedure_id, {}), await snapshot.facts_of(procedure_id)
        for application_id in sorted(in_log.keys() | in_table.keys()):
            place = {"procedure_id": procedure_id, "application_id": application_id}
            _compare(place, in_table.get(application_id, "[]"), _text(in_log.get(application_id, ())), findings)


def _compare(place: Mapping[str, str], stored: str, expected: str, findings: Findings) -> None:
    """One mismatch for each event that differs; never with what it says."""
    findings.checked["log"] += 1
    if stored == expected:
        return
    before, after = decode_facts(stored), decode_facts(expected)
    for source, id_ in sorted(before.keys() | after.keys()):
        known, told = before.get((source, id_)), after.get((source, id_))
        if known is None or told is None or encode_facts({(source, id_): known}) != encode_facts({(source, id_): told}):
            findings.add(Mismatch("log", {**place, "source": source, "id": id_}, "event", _kind(known), _kind(told)))


def _kind(fact: Fact | None) -> str | None:
    return None if fact is None else f"{fact.type} of {fact.time.isoformat()}"


def _belongs(procedure_id: str, share: Share, partitions: int) -> bool:
    key = procedure_id.encode()
    return partition_of(key, partitions) == share.partition and share.holds(key)


def _cases_by_procedure(told: Told) -> dict[str, dict[str, list[Fact]]]:
    found: dict[str, dict[str, list[Fact]]] = {}
    for (procedure_id, application_id), facts in told.cases.items():
        found.setdefault(procedure_id, {})[application_id] = facts
    return found


def _text(facts: Iterable[Fact]) -> str:
    joined: Facts = join(NO_FACTS, facts)
    return encode_facts(joined)
