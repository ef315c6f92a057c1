"""From what the service answers to the JSON of the answers, in the form that the audience may see."""

import base64
import binascii
from dataclasses import replace

import msgspec

from qos_domain.disclosure import TOKYO_RULES, public_assessment, public_indicators
from qos_domain.procedures import Procedure
from qos_metrics import models
from qos_metrics.access import Audience
from qos_metrics.answers import DigitalisationRate, DueCases, Explanation, Figures, Levels, Listing, Versions
from qos_metrics.ports import MapRow, MapTotals, OneOrganisation, OneProcedure, OrganisationRow, ProcedureRow
from qos_metrics.problems import BadParameter


def cursor_after(procedure_id: str) -> str:
    """An opaque cursor that says: go on after this id."""
    return base64.urlsafe_b64encode(procedure_id.encode()).decode().rstrip("=")


def read_cursor(cursor: str, *, field: str = "cursor") -> str:
    """The id in a cursor. Raises BadParameter for anything else."""
    try:
        name = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        name = ""
    if not name.isprintable() or not name:
        raise BadParameter(field=field, rule="a next_cursor that an earlier answer gave")
    return name


def procedure_summary(row: ProcedureRow) -> models.ProcedureSummary:
    return models.ProcedureSummary(
        procedure_id=row.procedure_id,
        name=models.Name(ja=row.name_ja, en=row.name_en),
        organisation=models.OrganisationSummary(
            organisation_id=row.organisation_id,
            name=models.Name(ja=row.organisation_name_ja, en=row.organisation_name_en),
            kind=row.organisation_kind,
        ),
        kind=row.kind,
        effective_from=row.effective_from,
        retired=row.retired,
        declared_priority=row.declared_priority,
    )


def organisation_entry(row: OrganisationRow) -> models.OrganisationEntry:
    return models.OrganisationEntry(
        organisation_id=row.organisation_id,
        name=models.Name(ja=row.name_ja, en=row.name_en),
        kind=row.kind,
        procedures=row.procedures,
    )


def versions(found: Versions, audience: Audience) -> models.ProcedureAnswer:
    priority = found.priority
    if audience == "public":
        priority = replace(
            priority,
            applications_last_year=TOKYO_RULES.count(priority.applications_last_year),
            applications_this_year=TOKYO_RULES.count(priority.applications_this_year),
        )
    return models.ProcedureAnswer(
        audience=audience,
        as_of=found.as_of,
        freshness=found.freshness,
        procedure=procedure_summary(found.row),
        priority=priority,
        current=_whole(found.current),
        versions=[
            models.VersionEntry(
                effective_from=version.name.effective_from,
                recorded_at=version.name.time,
                source=version.name.source,
                id=version.name.id,
                retired=version.retired,
                procedure=_whole(version.procedure),
            )
            for version in found.versions
        ],
    )


def figures(found: Figures, audience: Audience) -> models.IndicatorsAnswer:
    total, channels, owner = found.total, found.channels, found.owner
    if audience == "public":
        total = public_indicators(total)
        channels = None if channels is None else {name: public_indicators(of_it) for name, of_it in channels.items()}
    question = found.question
    return models.IndicatorsAnswer(
        audience=audience,
        as_of=question.as_of,
        freshness=found.freshness,
        scope="procedure"
        if isinstance(question.scope, OneProcedure)
        else "organisation"
        if isinstance(question.scope, OneOrganisation)
        else "all",
        procedure=procedure_summary(owner) if isinstance(owner, ProcedureRow) else None,
        organisation=_organisation_summary(owner) if isinstance(owner, OrganisationRow) else None,
        window=question.window,
        channel=question.channel,
        forecast_until=found.forecast_until,
        indicators=total,
        channels=channels,
    )


def digitalisation(found: DigitalisationRate, audience: Audience) -> models.DigitalisationAnswer:
    """Exact for everybody: what it counts are procedures, which the registry publishes one by one, not applications."""
    return models.DigitalisationAnswer(
        audience=audience,
        as_of=found.as_of,
        freshness=found.freshness,
        scope="all" if found.owner is None else "organisation",
        organisation=None if found.owner is None else _organisation_summary(found.owner),
        digitalisation=found.digitalisation,
    )


def levels(found: Levels, audience: Audience) -> models.LevelsAnswer:
    return models.LevelsAnswer(
        audience=audience,
        as_of=found.live.as_of,
        freshness=found.freshness,
        procedure=procedure_summary(found.row),
        live=public_assessment(found.live) if audience == "public" else found.live,
        settled=found.settled,
        settled_on=found.settled_on,
        announced_revision=found.revision,
        announced_at=found.announced_at,
    )


def map_entry(row: MapRow) -> models.MapEntry:
    return models.MapEntry(
        procedure=procedure_summary(row.procedure),
        assessed_at=row.assessed_at,
        principles={
            name: models.MapReadings(declared=readings.declared, evidenced=readings.evidenced)
            for name, readings in row.principles.items()
        }
        or None,
        contradictions=row.contradictions,
    )


def quality_map(found: Listing, totals: MapTotals, audience: Audience) -> models.QualityMapAnswer:
    """Levels, statuses and numbers of procedures are the same for everybody."""
    return models.QualityMapAnswer(
        audience=audience,
        as_of=found.as_of,
        freshness=found.freshness,
        totals=models.MapTotalsModel(
            procedures=totals.procedures,
            assessed=totals.assessed,
            contradicted=totals.contradicted,
            evidenced_levels=dict(totals.levels),
        ),
        entries=[map_entry(row) for row in found.rows],
        next_cursor=cursor_after(found.rows[-1].procedure.procedure_id) if found.has_next and found.rows else None,
    )


def due_cases(found: DueCases) -> models.DueCasesAnswer:
    return models.DueCasesAnswer(
        audience="staff",
        as_of=found.as_of,
        freshness=found.freshness,
        procedure=procedure_summary(found.row),
        cases=[
            models.DueCaseEntry(
                application_id=case.application_id,
                state=case.state,
                organisation_id=case.organisation_id,
                channel=case.channel,
                arrival_date=case.arrival_date,
                due_date=case.due_date,
                breach_date=case.breach_date,
                due_at=case.due_at,
            )
            for case in found.cases
        ],
        next_cursor=cursor_after(found.cases[-1].application_id) if found.has_next else None,
    )


def explanation(found: Explanation, procedure_id: str, application_id: str) -> models.ExplanationAnswer:
    version, judgement, period = found.version, found.judgement, found.period
    rules = None if version is None else version.procedure.clock
    submission = found.view.submission
    return models.ExplanationAnswer(
        audience="staff",
        as_of=found.as_of,
        freshness=found.freshness,
        procedure_id=procedure_id,
        application_id=application_id,
        channel=None if submission is None else submission.payload.channel,
        version_effective_from=None if version is None else version.name.effective_from,
        rules=None if rules is None else models.RulesModel.model_validate(msgspec.structs.asdict(rules)),
        period=None if period is None else models.PeriodModel.model_validate(msgspec.structs.asdict(period)),
        judgement=None
        if judgement is None
        else models.JudgementModel.model_validate(
            msgspec.structs.asdict(judgement)
            | {
                "suspended": [{"from": begin, "to": end} for begin, end in judgement.suspended],
                "flags": sorted(judgement.flags),
            }
        ),
        ledger=[models.LedgerEntry.model_validate(msgspec.structs.asdict(day)) for day in found.ledger],
    )


def _organisation_summary(row: OrganisationRow) -> models.OrganisationSummary:
    return models.OrganisationSummary(
        organisation_id=row.organisation_id, name=models.Name(ja=row.name_ja, en=row.name_en), kind=row.kind
    )


def _whole(procedure: Procedure) -> dict[str, object]:
    return msgspec.to_builtins(procedure)  # type: ignore[no-any-return]
