"""Who owns what, and its levels."""

from qos_processing.migrations.views import LIVE, View

_PROCEDURE = "The procedure."


def _period(field: str) -> dict[str, tuple[str, str]]:
    spoken = field.replace("_", " ")
    return {
        f"{field}_unit": (f"version #>> '{{{field},unit}}'", f"What the {spoken} is counted in; null: none is said."),
        f"{field}": (f"(version #>> '{{{field},maximum}}')::int", f"The {spoken} (of a range: its longest)."),
    }


_ORGANISATIONS = View(
    "organisations",
    "Organisations that own a procedure which isn't retired, named as the latest version of one names them.",
    {
        "organisation_id": ("organisation_id", "The organisation."),
        "name_ja": (
            "(array_agg(organisation_name_ja ORDER BY effective_from DESC, procedure_id))[1]",
            "Its name in Japanese.",
        ),
        "name_en": (
            "(array_agg(coalesce(organisation_name_en, organisation_name_ja)"
            " ORDER BY effective_from DESC, procedure_id))[1]",
            "Its name in English; where there is none, in Japanese.",
        ),
        "kind": (
            "(array_agg(organisation_kind ORDER BY effective_from DESC, procedure_id))[1]",
            "bureau, policy_partner, municipality, ministry or other.",
        ),
        "procedures": ("count(*)", "How many it owns."),
    },
    f"FROM procedures WHERE generation = {LIVE} AND NOT retired GROUP BY organisation_id",
)

_PROCEDURES = View(
    "procedures",
    "Procedures by the version in force (or their first one, before that).",
    {
        "procedure_id": ("procedure_id", _PROCEDURE),
        "name_ja": ("name_ja", "Its name in Japanese."),
        "name_en": ("coalesce(name_en, name_ja)", "Its name in English; where there is none, in Japanese."),
        "organisation_id": ("organisation_id", "The organisation that owns it."),
        "organisation_name_ja": ("organisation_name_ja", "That one's name in Japanese."),
        "organisation_name_en": (
            "coalesce(organisation_name_en, organisation_name_ja)",
            "That one's name in English; where there is none, in Japanese.",
        ),
        "kind": ("kind", "application, notification, certificate and so on; null: not said."),
        "declared_priority": (
            "priority",
            "Declared a priority procedure. Volume makes others (docs/indicators.md): see qos_scope_info.",
        ),
        "effective_from": ("effective_from", "Since when the version is in force."),
        "retired": ("retired", "No longer offered."),
        "objective": (
            "coalesce((version ->> 'objective')::numeric, 0.95)",
            "The share of results within the period that is promised, 0 to 1.",
        ),
        **_period("standard_period"),
        **_period("online_standard_period"),
        "fee_due": ("(version #>> '{fee,due}')::boolean", "Whether a fee is due; null: not said."),
    },
    f"FROM procedures WHERE generation = {LIVE}",
)

_READINGS = ", ".join(
    f"('{principle}', '{reading}', l.{principle}_{reading}, l.{principle}_{reading}_possible)"
    for principle in ("faster", "simpler", "easier")
    for reading in ("declared", "evidenced")
)
_LEVEL = {
    "procedure_id": ("procedure_id", _PROCEDURE),
    "organisation_id": ("p.organisation_id", "The organisation that owns it."),
    "principle": ("r.principle", "faster, simpler or easier."),
    "reading": ("r.reading", "declared (what the registry says) or evidenced (that, and what is measured)."),
}
_LEVELS = View(
    "levels",
    "The levels of every procedure that isn't retired, as assessed last: one row by principle and reading.",
    {
        **_LEVEL,
        "level": ("r.level", "0 to 3, for sure."),
        "possible_level": ("r.possible_level", "0 to 3, if all that is unknown were met."),
        "settled_level": (
            "(l.settled #>> ARRAY['levels', r.principle, r.reading, 'level'])::smallint",
            "0 to 3, as the daily assessments settled it; null before the first.",
        ),
        "settled_since": (
            "(l.settled #>> ARRAY['levels', r.principle, r.reading, 'since'])::date",
            "Since when that stands.",
        ),
        "contradictions": (
            "CASE r.reading WHEN 'evidenced' THEN"
            " jsonb_array_length(l.live #> ARRAY['principles', r.principle, 'contradictions']) ELSE 0 END",
            "Declarations of the principle that the evidence contradicts.",
        ),
        "assessed_at": ("l.assessed_at", "When it was assessed."),
    },
    f"""
    FROM levels l JOIN reporting.procedures p USING (procedure_id)
    CROSS JOIN LATERAL (VALUES {_READINGS}) AS r (principle, reading, level, possible_level)
    WHERE NOT p.retired
    """,
)
_LEVEL_HISTORY = View(
    "level_history",
    "The levels of the daily assessments. A row stands until the next one of the procedure.",
    {
        **_LEVEL,
        "since": ("a.since", "The first day of which it was said."),
        "until": ("a.until", "The first day of which something else was said; null: it stands."),
        "level": (
            "(a.assessment #>> ARRAY['principles', r.principle, r.reading, 'level'])::smallint",
            "0 to 3, for sure.",
        ),
        "possible_level": (
            "(a.assessment #>> ARRAY['principles', r.principle, r.reading, 'possible_level'])::smallint",
            "0 to 3, if all that is unknown were met.",
        ),
    },
    """
    FROM (
        SELECT procedure_id, as_of AS since, lead(as_of) OVER (PARTITION BY procedure_id ORDER BY as_of) AS until,
            assessment
        FROM assessments
    ) a JOIN reporting.procedures p USING (procedure_id)
    CROSS JOIN (VALUES ('faster'), ('simpler'), ('easier')) AS n (principle)
    CROSS JOIN LATERAL (VALUES (n.principle, 'declared'), (n.principle, 'evidenced')) AS r (principle, reading)
    """,
)


VIEWS = (_ORGANISATIONS, _PROCEDURES, _LEVELS, _LEVEL_HISTORY)
