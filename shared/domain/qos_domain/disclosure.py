"""What the public sees of figures of few cases (docs/indicators.md, Small counts; domain document, Indicators).

A pure transformation to the same shapes. A public share is made of its two rounded counts, so that it tells no more
than they do; staff see exact figures.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, cast

from qos_domain.assessment import Assessment
from qos_domain.criteria import Principle
from qos_domain.figures import Distribution, Mean, Rate, Share
from qos_domain.findings import CriterionResult, Figure
from qos_domain.indicators import Cashless, Indicators, OnlineApplications, Report
from qos_domain.levels import PrincipleAssessment
from qos_domain.reporting import band
from qos_domain.slo import ErrorBudget

_MEAN_DIGITS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosureRules:
    """No share, rate or mean of fewer cases than `least_cases`; no percentile of fewer than `least_for_percentiles`;
    never a maximum; every count rounded to the nearest multiple of `round_to`, each on its own."""

    least_cases: int = 10
    least_for_percentiles: int = 30
    round_to: int = 5

    def count(self, exact: int) -> int:
        return (exact + self.round_to // 2) // self.round_to * self.round_to


TOKYO_RULES = DisclosureRules()


def public_indicators(indicators: Indicators, rules: DisclosureRules = TOKYO_RULES) -> Indicators:
    """The indicators as the public may see them. The error budget, which is made of exact small counts, is left out."""
    return cast(Indicators, _public(indicators, rules))


def public_report(report: Report, rules: DisclosureRules = TOKYO_RULES) -> Report:
    """A report of which the total and every channel is public, each cell on its own."""
    return replace(
        report,
        total=public_indicators(report.total, rules),
        channels={channel: public_indicators(of_it, rules) for channel, of_it in report.channels.items()},
    )


def public_assessment(assessment: Assessment, rules: DisclosureRules = TOKYO_RULES) -> Assessment:
    """An assessment with public figures. Levels, statuses and contradictions stay: they were judged on exact counts."""
    principles: dict[Principle, PrincipleAssessment] = {}
    for principle, of_it in assessment.principles.items():
        following = of_it.next_level
        principles[principle] = replace(
            of_it,
            criteria=_results(of_it.criteria, rules),
            contradictions=_results(of_it.contradictions, rules),
            next_level=None if following is None else replace(following, lacking=_results(following.lacking, rules)),
        )
    return replace(assessment, principles=principles)


def public_share(share: Share, rules: DisclosureRules = TOKYO_RULES) -> Share:
    numerator, denominator = rules.count(share.numerator), rules.count(share.denominator)
    if share.denominator < rules.least_cases:
        return Share(numerator, denominator, None)
    return Share.of(numerator, denominator)


def public_rate(rate: Rate, rules: DisclosureRules = TOKYO_RULES) -> Rate:
    numerator, denominator = rules.count(rate.numerator), rules.count(rate.denominator)
    if rate.denominator < rules.least_cases:
        return Rate(numerator, denominator, None)
    return Rate.of(numerator, denominator)


def public_mean(mean: Mean, rules: DisclosureRules = TOKYO_RULES) -> Mean:
    shown = None if mean.mean is None or mean.n < rules.least_cases else round(mean.mean, _MEAN_DIGITS)
    return Mean(rules.count(mean.n), rules.count(mean.total), shown)


def public_distribution(distribution: Distribution, rules: DisclosureRules = TOKYO_RULES) -> Distribution:
    enough = distribution.n >= rules.least_for_percentiles
    return Distribution(
        n=rules.count(distribution.n),
        mean=round(distribution.mean, _MEAN_DIGITS)
        if distribution.mean is not None and distribution.n >= rules.least_cases
        else None,
        p50=distribution.p50 if enough else None,
        p90=distribution.p90 if enough else None,
        p95=distribution.p95 if enough else None,
        max=None,
    )


def _public(value: object, rules: DisclosureRules) -> object:
    """Any part of an `Indicators`: shapes with a rule of their own by it, all others field by field."""
    if type(value) in _RULES:
        return _RULES[type(value)](value, rules)
    if isinstance(value, tuple):
        return tuple(_public(each, rules) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _public(getattr(value, field.name), rules) for field in fields(value)})
    raise TypeError(f"no rule for {type(value).__name__} in public figures")


def _public_online(online: OnlineApplications, rules: DisclosureRules) -> OnlineApplications:
    applications = public_share(online.applications, rules)
    return OnlineApplications(applications=applications, band=band(applications))


def _public_cashless(cashless: Cashless, rules: DisclosureRules) -> Cashless:
    return Cashless(
        payments=public_share(cashless.payments, rules),
        yen=_public_yen(cashless.yen, cashless.payments, rules),
        online_payments=public_share(cashless.online_payments, rules),
        online_yen=_public_yen(cashless.online_yen, cashless.online_payments, rules),
    )


def _public_yen(yen: Share | None, payments: Share, rules: DisclosureRules) -> Share | None:
    """Amounts rounded to what `round_to` payments come to on average: where the fee is fixed, an exact amount would be
    an exact number of payments."""
    if yen is None or payments.denominator < rules.least_cases:
        return None
    worth = DisclosureRules(round_to=max(1, rules.round_to * yen.denominator // payments.denominator))
    return Share.of(worth.count(yen.numerator), worth.count(yen.denominator))


# Every whole number in the shapes of indicators is a count (docs of `indicators`), whatever its name.
_RULES: Mapping[type, Callable[[Any, DisclosureRules], object]] = {
    type(None): lambda _none, _rules: None,
    str: lambda text, _rules: text,
    int: lambda count, rules: rules.count(count),
    Share: public_share,
    Rate: public_rate,
    Mean: public_mean,
    Distribution: public_distribution,
    OnlineApplications: _public_online,
    Cashless: _public_cashless,
    ErrorBudget: lambda _budget, _rules: None,
}


def _results(results: tuple[CriterionResult, ...], rules: DisclosureRules) -> tuple[CriterionResult, ...]:
    return tuple(_public_result(result, rules) for result in results)


def _public_result(result: CriterionResult, rules: DisclosureRules) -> CriterionResult:
    if result.figure is None:
        return replace(result, cases_missing=None)
    figure = public_figure(result.figure, rules)
    gap = None
    if result.gap is not None and result.threshold is not None and figure.value is not None:
        gap = abs(result.threshold - figure.value)
    return replace(result, figure=figure, gap=gap, cases_missing=None)


def public_figure(figure: Figure, rules: DisclosureRules = TOKYO_RULES) -> Figure:
    """A criterion's figure, by the same rules as the indicator of its kind."""
    least = rules.least_for_percentiles if figure.kind == "median_ratio" else rules.least_cases
    cases = rules.count(figure.cases)
    hidden = replace(figure, value=None, numerator=None, denominator=None, cases=cases)
    numerator, denominator, value = figure.numerator, figure.denominator, figure.value
    if figure.cases < least or numerator is None or denominator is None or value is None:
        return hidden
    match figure.kind:
        case "share":
            share = public_share(Share.of(int(numerator), int(denominator)), rules)
            return replace(hidden, numerator=share.numerator, denominator=share.denominator, value=share.share)
        case "count":
            return replace(hidden, numerator=rules.count(int(numerator)), denominator=cases)
        case "mean":
            return replace(hidden, denominator=cases, value=round(value, _MEAN_DIGITS))
        case "difference_of_means":
            last, before = round(numerator, _MEAN_DIGITS), round(denominator, _MEAN_DIGITS)
            return replace(hidden, numerator=last, denominator=before, value=round(last - before, _MEAN_DIGITS))
        case "median_ratio":
            return replace(hidden, numerator=numerator, denominator=denominator, value=value)
