"""What day buckets and open cases add up to."""

from qos_processing.migrations.views import LIVE, TODAY, View

_PROCEDURE = "The procedure."
_OWNER = "The organisation that owned the procedure when the case arrived."
_CHANNEL = "How the application came (of ratings and inquiries: how these came)."
_ONLINE = "Whether the procedure counts that channel as online."


def _sum(condition: str, value: str = "value") -> str:
    return f"coalesce(sum({value}) FILTER (WHERE {condition}), 0)::bigint"


def _count(measure: str, more: str = "") -> str:
    return _sum(f"measure = '{measure}'{more}")


_BY_DAY = {
    "procedure_id": ("procedure_id", _PROCEDURE),
    "organisation_id": ("organisation_id", _OWNER),
    "date": ("date", "Local date."),
    "channel": ("channel", _CHANNEL),
    "online": ("online", _ONLINE),
}

# What becomes of a started form is only known later (docs/indicators.md, Days that have to settle).
_SETTLED = f"""
    NOT (measure IN ('started', 'started_submitted', 'started_elsewhere', 'started_abandoned') AND date >= {TODAY})
    AND NOT (measure = 'started_pending' AND date > {TODAY} - 7)
"""
_DAY_BUCKETS = View(
    "day_buckets",
    "Everything that is counted, by day: add values up over anything. The measures, what their bins are and what dates"
    " them are in docs/indicators.md. Starts of forms are shown from the next day on, `started_pending` (abandoned, by"
    " then) from the seventh. Days to come hold the breaches of cases that are open: the forecast.",
    {
        **_BY_DAY,
        "measure": ("measure", "What is counted."),
        "bin": ("bin", "Of which length (days, hours, minutes), rating or kind, as the measure says; else 0."),
        "value": ("value", "How many."),
    },
    f"FROM day_buckets WHERE generation = {LIVE} AND value <> 0 AND {_SETTLED}",
)

_COUNTS = {
    "applications": (_count("arrived"), "Applications, by arrival."),
    "ended": (_count("ended"), "Applications that ended: stopped or withdrawn."),
    "withdrawn": (_count("withdrawn"), "Taken back before any stop."),
    "met": (_count("met"), "Results within the period, by stop."),
    "breached": (_count("breached"), "Results not within the period, by breach date (perhaps to come)."),
    "recovered": (_count("recovered"), "Breached cases that stopped, by stop."),
    "withdrawn_overdue": (_count("withdrawn_overdue"), "Breached cases that were withdrawn, by withdrawal."),
    "decided": (_count("decided"), "Decided cases, by first decision."),
    "corrected": (_count("decided", " AND bin = 1"), "Of those, with at least one correction."),
    "returned": (_count("outcome_returned"), "Decided cases whose latest outcome is `returned`."),
    "notified": (_count("notified"), "Notifications that stopped a case."),
    "notified_electronically": (_count("notified", " AND bin = 1"), "Of those, electronic."),
    "payments": (_count("payments"), "Payments, by their date."),
    "cashless_payments": (_count("payments", " AND bin = 1"), "Of those, cashless."),
    "paid_yen": (_count("paid_yen"), "Yen paid."),
    "cashless_yen": (_count("paid_yen", " AND bin = 1"), "Of those, cashless."),
    "ratings": (_count("rating"), "Ratings, by their date."),
    "rating_points": (_sum("measure = 'rating'", "bin * value"), "Their sum: 1 to 5 each."),
    "satisfied": (_count("rating", " AND bin >= 4"), "Ratings of 4 and 5."),
    "inquiries": (_count("inquiries"), "Contacts about the procedure."),
    "starts": (_count("started"), "Online forms started on an earlier day than today."),
    "starts_submitted": (_count("started_submitted"), "Of those, submitted online."),
    "starts_abandoned": (
        _sum("measure IN ('started_abandoned', 'started_pending')"),
        "Of those, abandoned: an event says so, or nothing came for seven days.",
    ),
    "attachments_stated": (_count("attachments_stated"), "Applications that state their attachments."),
    "with_paper": (_count("attachments_stated", " AND bin = 1"), "Of those, with anything on paper."),
    "devices_stated": (_count("device"), "Applications that state a device."),
    "smartphones": (_count("device", " AND bin = 1"), "Of those, from a smartphone."),
}
_DAILY_FIGURES = View(
    "daily_figures",
    "The usual counts by day, procedure and channel. Handy for one procedure; over many, day_buckets is faster: name"
    " the measures that you want.",
    {**_BY_DAY, **_COUNTS},
    "FROM reporting.day_buckets GROUP BY procedure_id, organisation_id, date, channel, online",
)

_LATE = f"coalesce(CASE WHEN due_at IS NOT NULL THEN due_at < now() ELSE breach_date <= {TODAY} END, false)"
_SOON = (
    f"coalesce(CASE WHEN due_soon_at IS NOT NULL THEN due_soon_at <= now() ELSE due_soon_date <= {TODAY} END, false)"
)
_OPEN_CASES = View(
    "open_cases",
    "Open cases as they stand now, counted by procedure and channel.",
    {
        "procedure_id": ("procedure_id", _PROCEDURE),
        "organisation_id": ("organisation_id", _OWNER),
        "channel": ("channel", _CHANNEL),
        "online": ("online", _ONLINE),
        "open": ("count(*)", "Open."),
        "suspended": ("count(*) FILTER (WHERE still)", "Of those, suspended."),
        "due_soon": ("count(*) FILTER (WHERE soon AND NOT late AND NOT still)", "Of those, due soon."),
        "overdue": ("count(*) FILTER (WHERE late)", "Of those, overdue."),
        "oldest_arrival_date": ("min(arrival_date)", "When the oldest one arrived."),
    },
    f"""
    FROM (
        SELECT procedure_id, organisation_id, channel, online, arrival_date, suspended @> {TODAY} AS still,
            {_LATE} AS late, {_SOON} AS soon
        FROM cases WHERE generation = {LIVE} AND status = 'open' AND arrival_date <= {TODAY}
    ) c
    GROUP BY procedure_id, organisation_id, channel, online
    """,  # noqa: S608 - our own conditions
)

_ERROR_BUDGETS = View(
    "error_budgets",
    "What each procedure's objective leaves of this fiscal year (from 1 April), in whole cases, as of today.",
    {
        "procedure_id": ("procedure_id", _PROCEDURE),
        "organisation_id": ("p.organisation_id", "The organisation that owns it."),
        "objective": ("p.objective", "The share within the period that is promised, of the version in force."),
        "met": ("r.met", "Results within the period so far."),
        "breached": ("r.breached", "Results not within it: the budget used."),
        "allowed": (
            "floor((1 - p.objective) * (r.met + r.breached))::bigint",
            "Breaches that so many results may hold.",
        ),
        "remaining": (
            "floor((1 - p.objective) * (r.met + r.breached))::bigint - r.breached",
            "allowed - breached; below 0 when overspent.",
        ),
    },
    f"""
    FROM reporting.procedures p JOIN (
        SELECT procedure_id, {_count("met")} AS met, {_count("breached")} AS breached
        FROM reporting.day_buckets WHERE measure IN ('met', 'breached') AND date <= {TODAY}
            AND date >= (date_trunc('year', {TODAY} - interval '3 months') + interval '3 months')::date
        GROUP BY procedure_id
    ) r USING (procedure_id)
    """,  # noqa: S608 - our own conditions
)

_RETRACTED_BREACHES = View(
    "retracted_breaches",
    "Breaches that were announced and that a late fact took back. Live knowledge, outside generations.",
    {
        "procedure_id": ("procedure_id", _PROCEDURE),
        "organisation_id": ("organisation_id", _OWNER),
        "date": ("date", "The local date of the retraction."),
        "breaches": ("breaches", "How many."),
    },
    "FROM retracted_breaches",
)


VIEWS = (_DAY_BUCKETS, _DAILY_FIGURES, _OPEN_CASES, _ERROR_BUDGETS, _RETRACTED_BREACHES)
