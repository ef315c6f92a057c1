"""Publications in the form that the audience may see: a public difference is one of public figures."""

from collections.abc import Iterator, Mapping

from qos_domain.criteria import PRINCIPLES
from qos_domain.disclosure import TOKYO_RULES
from qos_domain.publication import Statement, public_statement
from qos_domain.publication_events import PublicationLineage
from qos_domain.restatement import Change, Value, changes, values
from qos_metrics import models_publications as models
from qos_metrics.access import Audience
from qos_metrics.answers import AnswerFreshness
from qos_metrics.postgres_publications import PublicationEntry, Stated


def entry(found: PublicationEntry) -> models.PublicationModel:
    """The same for everybody."""
    completed = found.completed
    return models.PublicationModel(
        period=completed.period,
        publication_id=completed.publication_id,
        as_of=completed.as_of,
        issued_at=completed.issued_at,
        procedures=completed.procedures,
        organisations=completed.organisations,
        digest=completed.digest,
        criteria=completed.criteria,
        calendar=completed.calendar,
        logic_version=completed.logic_version,
        processed_until=completed.processed_until,
        differing=found.differing,
        restated_at=found.restated_at,
    )


def publication(
    found: PublicationEntry, stated: Stated, audience: Audience, freshness: AnswerFreshness
) -> models.PublicationAnswer:
    issued = stated.issued
    return models.PublicationAnswer(
        audience=audience,
        as_of=found.completed.as_of,
        freshness=freshness,
        publication=entry(found),
        scope=issued.scope,
        procedure_id=issued.id if issued.scope == "procedure" else None,
        organisation_id=issued.id if issued.scope == "organisation" else issued.organisation_id,
        published=models.PublishedModel(
            issued_at=found.completed.issued_at,
            digest=issued.digest if audience == "staff" else None,
            statement=_statement(shown(issued.statement, audience)),
            lineage=_lineage(issued.lineage, audience),
        ),
        restated=_restated(stated, audience),
    )


def shown(statement: Statement, audience: Audience) -> Statement:
    return public_statement(statement) if audience == "public" else statement


def _restated(stated: Stated, audience: Audience) -> models.RestatedModel | None:
    restatement = stated.restatement
    if restatement is None or not restatement.steps:
        return None
    published = before = shown(stated.issued.statement, audience)
    causes = []
    for step in restatement.steps:
        after = shown(step.statement, audience)
        causes.append(models.CauseModel(cause=step.cause, changes=_changes(before, after)))
        before = after
    late = restatement.late_events
    return models.RestatedModel(
        restated_at=restatement.restated_at,
        statement=_statement(before),
        lineage=_lineage(restatement.lineage, audience),
        late_events=TOKYO_RULES.count(late) if audience == "public" and late is not None else late,
        changes=_changes(published, before),
        causes=causes,
    )


def _changes(before: Statement, after: Statement) -> list[models.ChangeModel]:
    return [_change(change) for change in changes(before, after)]


def _change(change: Change) -> models.ChangeModel:
    return models.ChangeModel(
        field=change.field, before=change.before, after=change.after, difference=change.difference
    )


def _statement(statement: Statement) -> models.StatementModel:
    return models.StatementModel(
        indicators=statement.indicators, levels=dict(statement.levels), criteria=dict(statement.criteria)
    )


def _lineage(lineage: PublicationLineage, audience: Audience) -> models.LineageModel:
    registry = lineage.registry
    return models.LineageModel(
        criteria=lineage.criteria,
        calendar=lineage.calendar,
        registry=None
        if registry is None
        else models.RegistryVersionModel(
            effective_from=registry.effective_from, recorded_at=registry.time, source=registry.source, id=registry.id
        ),
        logic_version=lineage.logic_version,
        processed_until=lineage.processed_until,
        positions=dict(lineage.positions) if audience == "staff" else None,
    )


# Column of the open data -> field of a statement (docs/publications.md, Open data). Each comes as it was published,
# and again with `_restated`.
_INDICATOR_COLUMNS: Mapping[str, str] = {
    "applications": "volume.applications",
    "applications_365_days": "volume.applications_365_days",
    "within_period": "compliance.within_period.numerator",
    "results": "compliance.within_period.denominator",
    "calendar_days_n": "processing_time.calendar_days.n",
    "calendar_days_p50": "processing_time.calendar_days.p50",
    "calendar_days_p90": "processing_time.calendar_days.p90",
    "online_applications": "online.applications.numerator",
    "cashless_payments": "cashless.payments.numerator",
    "payments": "cashless.payments.denominator",
    "completed_forms": "forms.completed.numerator",
    "started_forms": "forms.completed.denominator",
    "ratings": "satisfaction.rating.n",
    "ratings_total": "satisfaction.rating.total",
    "inquiries": "inquiries.numerator",
    "corrected": "decisions.corrected.numerator",
    "decided": "decisions.corrected.denominator",
}
COLUMNS: Mapping[str, str] = {
    **{column: f"indicators.{field}" for column, field in _INDICATOR_COLUMNS.items()},
    **{
        f"{principle}_{reading}{suffix}": f"levels.{principle}.{reading}.{part}"
        for principle in PRINCIPLES
        for reading in ("declared", "evidenced")
        for suffix, part in (("", "level"), ("_possible", "possible_level"), ("_settled", "settled"))
    },
}
HEADER: tuple[str, ...] = (
    "period",
    "id",
    "organisation_id",
    *COLUMNS,
    "restated_at",
    "causes",
    *(f"{column}_restated" for column in COLUMNS),
)


def line(stated: Stated, audience: Audience) -> Iterator[Value]:
    """The values of HEADER. What isn't said is None."""
    issued, restatement = stated.issued, stated.restatement
    published = values(shown(issued.statement, audience))
    now = values(shown(stated.now, audience))
    yield issued.period
    yield issued.id
    yield issued.organisation_id
    yield from (published.get(field) for field in COLUMNS.values())
    yield restatement.restated_at.isoformat() if restatement is not None and restatement.steps else None
    yield " ".join(restatement.causes) if restatement is not None else None
    yield from (now.get(field) for field in COLUMNS.values())
