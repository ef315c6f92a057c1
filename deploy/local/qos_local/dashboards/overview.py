"""QOS over all procedures: the first page to open."""

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from qos_local.dashboards import levels, listing, now, weekly
from qos_local.dashboards.page import Page
from qos_local.dashboards.panels import Column, bars
from qos_local.dashboards.queries import OF_ALL, ONLINE_RATE, Sql, of_buckets
from qos_local.dashboards.site import Site


def overview(site: Site) -> Page:
    say = site.say
    return (
        Page(site, "overview", say("Overview", "全体"), say("All procedures at a glance.", "全手続の状況。"))
        .row(say("Now", "現在"), now.standing(site, now.of_all))
        .row(
            say("Levels", "レベル"),
            [levels.level_counts(site, OF_ALL), _bands(site), listing.procedures(site, OF_ALL)],
        )
        .row(say("Organisations", "組織"), [listing.organisations(site)])
        .row(say("Over time", "推移"), [*weekly.weeks(site, OF_ALL), weekly.falling_due(site, OF_ALL)])
    )


def _bands(site: Site) -> Builder[Panel]:
    say = site.say
    bands = ", ".join(
        f"'{band}'" for band in (say("below 20 %", "20% 未満"), "20-50 %", "50-80 %", say("80 % and over", "80% 以上"))
    )
    return bars(
        say("Procedures by online application rate", "オンライン申請率別の手続数"),
        say(
            "How many procedures fall into which band, of those with an application in the days shown.",
            "表示期間に申請のあった手続を、オンライン申請率の区分別に数えたもの。",
        ),
        Sql(
            f"""
            SELECT (ARRAY[{bands}])[band] AS band, count(*) AS procedures FROM (
                SELECT width_bucket(rate, ARRAY[0, 0.2, 0.5, 0.8]::float8[]) AS band FROM (
                    {of_buckets({"rate": ONLINE_RATE}, OF_ALL)} GROUP BY procedure_id
                ) rates WHERE rate IS NOT NULL
            ) banded GROUP BY banded.band ORDER BY banded.band
            """
        ),
        x="band",
        columns={"procedures": Column(say("procedures", "手続数"))},
    )
