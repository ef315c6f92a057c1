"""Procedures and organisations as tables, with the figures of the days shown and links to what is behind them."""

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from qos_local.dashboards.levels import PRINCIPLES
from qos_local.dashboards.panels import (
    BANDS,
    CASHLESS_STEPS,
    COMPLIANCE_STEPS,
    NONE_IS_GOOD,
    Column,
    Columns,
    level_mappings,
    rows,
)
from qos_local.dashboards.queries import APPLICATIONS, CASHLESS, OF_ALL, ONLINE_RATE, WITHIN_PERIOD, Sql, of_buckets
from qos_local.dashboards.site import Site

_FIGURES = {
    "applications": APPLICATIONS,
    "online": ONLINE_RATE,
    "within": WITHIN_PERIOD,
    "cashless": CASHLESS,
}
_LEVELS = ", ".join(
    f"max(level || CASE WHEN possible_level > level THEN '?' ELSE '' END) FILTER (WHERE principle = '{principle}')"
    f" AS {principle}"
    for principle, _, _ in PRINCIPLES
)


def procedures(site: Site, condition: str) -> Builder[Panel]:
    """The quality map of a scope."""
    say = site.say
    statement = f"""
        SELECT p.name_{site.language} AS name, p.organisation_name_{site.language} AS organisation,
            applications, online, within, cashless, open, overdue, faster, simpler, easier, contradictions,
            p.procedure_id, p.organisation_id
        FROM (SELECT * FROM reporting.procedures WHERE NOT retired AND {condition}) p
        LEFT JOIN (
            {of_buckets({"procedure_id": "procedure_id", **_FIGURES}, condition)} GROUP BY 1
        ) f USING (procedure_id)
        LEFT JOIN (
            SELECT procedure_id, sum(open) AS open, sum(overdue) AS overdue
            FROM reporting.open_cases WHERE {condition} GROUP BY 1
        ) c USING (procedure_id)
        LEFT JOIN (
            SELECT procedure_id, {_LEVELS}, sum(contradictions) AS contradictions
            FROM reporting.levels WHERE reading = 'evidenced' AND {condition} GROUP BY 1
        ) l USING (procedure_id)
        ORDER BY applications DESC NULLS LAST, p.procedure_id LIMIT 500
    """
    return rows(
        say("Quality map", "クオリティマップ"),
        say(
            "Figures are those of the days shown; open, overdue and levels are as of now. Levels rest on what is"
            " declared and measured; `?`: more is possible, as something is unknown. The 500 with the most"
            " applications. An empty cell: no case to count.",
            "数値は表示期間のもの。処理中・超過・レベルは現在の値。レベルは申告と実績に基づき、`?` は不明な項目次第で"
            "さらに上がり得ることを示します。申請件数の多い順に 500 手続まで。空欄は該当件数なし。",
        ),
        Sql(statement),
        columns={
            "name": Column(
                say("Procedure", "手続"),
                links={
                    say("Show the procedure", "手続を表示"): site.link("procedure", "procedure_id", "organisation_id"),
                    say("Procedure sheet", "個票"): site.page(
                        "/procedures/${__data.fields.procedure_id:percentencode}"
                    ),
                },
                width=300,
            ),
            "organisation": Column(
                say("Organisation", "組織"),
                links={say("Show the bureau", "組織を表示"): site.link("bureau", "organisation_id")},
                width=220,
            ),
            **_figures(site),
            **{principle: Column(say(en, ja), mappings=[level_mappings()]) for principle, en, ja in PRINCIPLES},
            "contradictions": Column(say("Contradicted", "申告との矛盾"), steps=NONE_IS_GOOD),
            "procedure_id": Column(say("Procedure id", "手続 ID")),
            "organisation_id": Column(say("Organisation id", "組織 ID")),
        },
    )


def organisations(site: Site) -> Builder[Panel]:
    say = site.say
    statement = f"""
        SELECT o.name_{site.language} AS name, o.procedures, applications, online, within, cashless, open, overdue,
            o.organisation_id
        FROM reporting.organisations o
        LEFT JOIN (
            {of_buckets({"organisation_id": "organisation_id", **_FIGURES}, OF_ALL)} GROUP BY 1
        ) f USING (organisation_id)
        LEFT JOIN (
            SELECT organisation_id, sum(open) AS open, sum(overdue) AS overdue FROM reporting.open_cases GROUP BY 1
        ) c USING (organisation_id)
        ORDER BY applications DESC NULLS LAST, o.organisation_id
    """
    return rows(
        say("Organisations", "組織"),
        say(
            "Figures are those of the days shown; open and overdue are as of now. An empty cell: no case to count.",
            "数値は表示期間のもの。処理中・超過は現在の値。空欄は該当件数なし。",
        ),
        Sql(statement),
        columns={
            "name": Column(
                say("Organisation", "組織"),
                links={say("Show the bureau", "組織を表示"): site.link("bureau", "organisation_id")},
                width=300,
            ),
            "procedures": Column(say("Procedures", "手続数")),
            **_figures(site),
            "organisation_id": Column(say("Organisation id", "組織 ID")),
        },
        height=10,
    )


def _figures(site: Site) -> Columns:
    say = site.say
    return {
        "applications": Column(say("Applications", "申請件数")),
        "online": Column(say("Online", "オンライン"), unit="percentunit", steps=BANDS),
        "within": Column(say("Within the period", "期間内"), unit="percentunit", steps=COMPLIANCE_STEPS),
        "cashless": Column(say("Cashless", "キャッシュレス"), unit="percentunit", steps=CASHLESS_STEPS),
        "open": Column(say("Open", "処理中")),
        "overdue": Column(say("Overdue", "超過"), steps=NONE_IS_GOOD),
    }
