"""One organisation: its procedures, what is open, what falls due."""

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from qos_local.dashboards import levels, listing, now, weekly
from qos_local.dashboards.page import Page
from qos_local.dashboards.panels import SOME_ARE_USUAL, gauges, number
from qos_local.dashboards.queries import OF_ORGANISATION, figure, named, of_organisation, promql
from qos_local.dashboards.site import Site

ORGANISATIONS = "SELECT name_{} AS __text, organisation_id AS __value FROM reporting.organisations ORDER BY 1"


def bureau(site: Site) -> Page:
    say = site.say
    return (
        Page(
            site,
            "bureau",
            say("Bureau", "局・組織"),
            say("The procedures of one organisation.", "一つの組織の手続の状況。"),
        )
        .variable("organisation", say("Organisation", "組織"), ORGANISATIONS.format(site.language))
        .row(say("Now", "現在"), now.standing(site, now.of_bureau))
        .row(
            say("What falls due", "期限の見込み"),
            [*_forecast(site), weekly.falling_due(site, OF_ORGANISATION), _oldest(site)],
        )
        .row(
            say("Procedures", "手続"),
            [listing.procedures(site, OF_ORGANISATION), levels.level_counts(site, OF_ORGANISATION)],
        )
        .row(say("Over time", "推移"), weekly.weeks(site, OF_ORGANISATION))
    )


def _forecast(site: Site) -> list[Builder[Panel]]:
    say = site.say
    return [
        number(
            say(f"Late by the {nth} business day", f"{days}営業日以内に超過"),
            say(
                "Open cases that will be late by then if they stay open. As of now.",
                "このまま処理中であれば、その日までに期間を超過する案件。現在の値。",
            ),
            promql(f"sum({of_organisation(figure('qos_forecast_breaches', horizon=horizon))})"),
            steps=SOME_ARE_USUAL,
            span=12,
        )
        for nth, days, horizon in (("next", "1", "1bd"), ("fifth", "5", "5bd"))
    ]


def _oldest(site: Site) -> Builder[Panel]:
    say = site.say
    label = f"name_{site.language}"
    oldest = named(f"({of_organisation(figure('qos_oldest_open_days'))})", label)
    return gauges(
        say("Oldest open case", "最も古い処理中案件"),
        say(
            "Calendar days since its arrival; of each priority procedure, and of all others together (under the"
            " bureau's name). Missing where nothing is open.",
            "到達日からの暦日数。重点手続ごと、およびその他の手続の合計(組織名で表示)。処理中の案件がなければ表示されません。",
        ),
        promql(oldest, f"{{{{{label}}}}}"),
        unit=site.days,
    )
