"""Recording rules: what several alerts and dashboards ask, worked out once and without the replicas' labels."""

from qos_local.alerting.burn_rates import BURN_RATES
from qos_local.alerting.rule_files import Group, Recording, RuleFile

# A drop of the online rate is told when it is larger than a fifth and than chance: three standard errors of a share.
ONLINE_DROP = 0.2
STANDARD_ERRORS = 3
# 28 days have so many weeks, and about so many business days.
_PACE = {"1bd": 20, "5bd": 4}


def recording_rules() -> RuleFile:
    """Each replica of the metrics service gives the same figures; `max` takes one of them."""
    return RuleFile(groups=[Group(name="qos-scopes", rules=_SCOPES), Group(name="qos-levels", rules=_LEVELS)])


def _smaller(one: str, other: str) -> str:
    """The smaller of two vectors, series by series: PromQL has no function for that."""
    return f"(\n  {one}\n<\n  {other}\n)\nor\n  {other}"


_SCOPES = (
    Recording(
        record="scope:qos_bureau:info",
        expr="""\
max by (scope, id, bureau, procedure_id, name_ja, name_en) (
  label_replace(
    label_replace(qos_scope_info{scope="procedure"}, "bureau", "$1", "organisation", "(.*)"),
    "procedure_id", "$1", "id", "(.*)"
  )
)
or
max by (scope, id, bureau, name_ja, name_en) (
  label_replace(qos_scope_info{scope="organisation"}, "bureau", "$1", "organisation", "(.*)")
)""",
    ),
    Recording(record="scope:qos_objective:ratio", expr="max by (scope, id) (qos_objective_ratio)"),
    Recording(
        record="scope:qos_results:sum",
        expr="sum by (scope, id, window) (max by (scope, id, window, result) (qos_results))",
    ),
    Recording(
        record="scope:qos_results_breached:ratio",
        expr='max by (scope, id, window) (qos_results{result="breached"})\n/\n  (scope:qos_results:sum > 0)',
    ),
    Recording(
        record="scope:qos_burn_rate:ratio",
        expr="""\
scope:qos_results_breached:ratio
/ on (scope, id) group_left ()
  (1 - scope:qos_objective:ratio)""",
    ),
    *(
        Recording(
            record="scope:qos_breached_limit:ratio",
            labels={"burn": burn.name},
            expr=_smaller(f"{burn.rate:g} * (1 - scope:qos_objective:ratio)", "1 - scope:qos_objective:ratio / 2"),
        )
        for burn in BURN_RATES
    ),
    Recording(record="scope:qos_cases:max", expr="max by (scope, id, state) (qos_cases)"),
    Recording(record="scope:qos_forecast_breaches:max", expr="max by (scope, id, horizon) (qos_forecast_breaches)"),
    *(
        Recording(
            record="scope:qos_forecast_load:ratio",
            labels={"horizon": horizon},
            expr=f"""\
max by (scope, id) (qos_forecast_breaches{{horizon="{horizon}"}})
/
  (max by (scope, id) (qos_processing_days_gcount) / {pace})""",
        )
        for horizon, pace in _PACE.items()
    ),
    Recording(
        record="scope:qos_applications:sum",
        expr="sum by (scope, id, window) (max by (scope, id, window, online) (qos_applications))",
    ),
    Recording(
        record="scope:qos_applications_online:ratio",
        expr='max by (scope, id, window) (qos_applications{online="yes"})\n/\n  (scope:qos_applications:sum > 0)',
    ),
    Recording(
        record="scope:qos_applications_online_floor:ratio",
        expr=_smaller(
            f'{1 - ONLINE_DROP:g} * max by (scope, id) (scope:qos_applications_online:ratio{{window="28d"}})',
            f"""\
max by (scope, id) (scope:qos_applications_online:ratio{{window="28d"}})
  - {STANDARD_ERRORS} * sqrt(
      max by (scope, id) (scope:qos_applications_online:ratio{{window="28d"}})
      * (1 - max by (scope, id) (scope:qos_applications_online:ratio{{window="28d"}}))
      / max by (scope, id) (scope:qos_applications:sum{{window="7d"}} > 0)
    )""",
        ),
    ),
)

_LEVELS = (
    Recording(
        record="procedure:qos_level_settled:max",
        labels={"scope": "procedure"},
        expr='max by (id, principle) (qos_level{reading="evidenced",assessment="settled"})',
    ),
    Recording(
        record="procedure:qos_level_settled_possible:max",
        labels={"scope": "procedure"},
        expr='max by (id, principle) (qos_level_possible{reading="evidenced",assessment="settled"})',
    ),
)
