"""The levels of procedures: how many are where, and those of one, now and over time."""

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from qos_local.dashboards.panels import LEVEL_COLOURS, NONE_IS_GOOD, Column, bars, level_mappings, rows, states
from qos_local.dashboards.queries import OF_PROCEDURE, Sql
from qos_local.dashboards.site import Site

PRINCIPLES = (
    ("faster", "Faster", "より早く"),
    ("simpler", "Simpler", "よりシンプルに"),
    ("easier", "Easier", "より使いやすく"),
)


def level_counts(site: Site, condition: str) -> Builder[Panel]:
    """How many procedures are at each level."""
    say = site.say
    counts = ", ".join(f"count(*) FILTER (WHERE level = {level}) AS lv{level}" for level in range(4))
    names = " ".join(f"WHEN '{name}' THEN '{say(en, ja)}'" for name, en, ja in PRINCIPLES)
    return bars(
        say("Procedures by level", "レベル別の手続数"),
        say(
            "How many procedures have reached which level for sure, by what is declared and measured. The goal is Lv2.",
            "申告と実績の両方に基づき確実に達しているレベル別の手続数。目標は Lv2 です。",
        ),
        Sql(
            f"SELECT CASE principle {names} END AS principle, {counts} FROM reporting.levels l"
            f" WHERE reading = 'evidenced' AND {condition} GROUP BY l.principle"
            " ORDER BY array_position(ARRAY['faster', 'simpler', 'easier'], l.principle)"
        ),
        x="principle",
        columns={f"lv{level}": Column(f"Lv{level}", colour=colour) for level, colour in enumerate(LEVEL_COLOURS)},
    )


def levels_now(site: Site) -> Builder[Panel]:
    say = site.say
    names = " ".join(f"WHEN '{name}' THEN '{say(en, ja)}'" for name, en, ja in PRINCIPLES)

    def shown(reading: str, level: str = "level || CASE WHEN possible_level > level THEN '?' ELSE '' END") -> str:
        return f"max({level}) FILTER (WHERE reading = '{reading}')"

    lv = [level_mappings()]
    return rows(
        say("Levels now", "現在のレベル"),
        say(
            "Declared: what the registry says. Evidenced: that, and what is measured. `?`: more is possible, as"
            " something is unknown. Settled: what seven equal daily assessments in a row made of it. Contradicted:"
            " declarations that the evidence contradicts; the procedure sheet names them.",
            "申告: 登録内容のみ。実績: 申告と実績の両方。`?`: 不明な項目次第でさらに上がり得ます。"
            "確定: 7 日続けて同じ評価となったもの。矛盾: 実績と矛盾する申告の数(内訳は個票)。",
        ),
        Sql(
            f"SELECT CASE principle {names} END AS principle, {shown('declared')} AS declared,"
            f" {shown('evidenced')} AS evidenced, {shown('evidenced', 'settled_level::text')} AS settled,"
            " to_char(max(settled_since) FILTER (WHERE reading = 'evidenced'), 'YYYY-MM-DD') AS since,"
            " sum(contradictions) AS contradictions,"
            f" procedure_id FROM reporting.levels l WHERE {OF_PROCEDURE} GROUP BY l.principle, procedure_id"
            " ORDER BY array_position(ARRAY['faster', 'simpler', 'easier'], l.principle)"
        ),
        columns={
            "principle": Column(
                say("Principle", "観点"),
                links={say("Procedure sheet", "個票"): site.page("/procedures/${procedure:percentencode}")},
            ),
            "declared": Column(say("Declared", "申告"), mappings=lv),
            "evidenced": Column(say("Evidenced", "実績"), mappings=lv),
            "settled": Column(say("Settled", "確定"), mappings=lv),
            "since": Column(say("Settled since", "確定日")),
            "contradictions": Column(say("Contradicted", "申告との矛盾"), steps=NONE_IS_GOOD),
            "procedure_id": Column(say("Procedure id", "手続 ID")),
        },
        height=6,
    )


def level_history(site: Site) -> Builder[Panel]:
    say = site.say
    levels = ", ".join(f"max(level) FILTER (WHERE principle = '{name}') AS {name}" for name, _, _ in PRINCIPLES)
    return states(
        say("Levels over time", "レベルの推移"),
        say(
            "The evidenced level of each daily assessment, which is made of the day before. Begins with the first one.",
            "日次評価(前日時点)の実績レベル。最初の評価から表示されます。",
        ),
        Sql(
            f"SELECT greatest(reporting.day_start(since), $__timeFrom()::timestamptz) AS time, {levels}"
            f" FROM reporting.level_history WHERE reading = 'evidenced' AND {OF_PROCEDURE}"
            " AND since <= reporting.local_date($__timeTo())"
            " AND coalesce(until, 'infinity') > reporting.local_date($__timeFrom()) GROUP BY 1 ORDER BY 1",
            time_series=True,
        ),
        columns={name: Column(say(en, ja)) for name, en, ja in PRINCIPLES},
    )
