"""The ten procedures of the domain document's section 2, with the offices that own them and plausible rules.

Names, laws and owners are real, yearly volumes are the published ones of fiscal 2022; periods, fees and declared
attributes are plausible and not official.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from qos_domain.procedures import ClockRules, DeclaredAttributes, Fee, Name, Organisation, Period, Procedure
from qos_domain.vocabulary import Channel, PaymentMethod, ProcedureKind, SuspensionReason

WATERWORKS = Organisation(id="waterworks", name=Name(ja="東京都水道局", en="Bureau of Waterworks"), kind="bureau")
TAXATION = Organisation(id="taxation", name=Name(ja="東京都主税局", en="Bureau of Taxation"), kind="bureau")
EDUCATION = Organisation(id="education", name=Name(ja="東京都教育庁", en="Office of Education"), kind="bureau")
HOUSING_SUPPLY = Organisation(
    id="housing-supply",
    name=Name(ja="東京都住宅供給公社", en="Tokyo Metropolitan Housing Supply Corporation"),
    kind="policy_partner",
)
PARKS = Organisation(
    id="park-association",
    name=Name(ja="東京都公園協会", en="Tokyo Metropolitan Park Association"),
    kind="policy_partner",
)
PUBLIC_HEALTH = Organisation(
    id="public-health", name=Name(ja="東京都保健医療局", en="Bureau of Public Health"), kind="bureau"
)
CONSTRUCTION = Organisation(id="construction", name=Name(ja="東京都建設局", en="Bureau of Construction"), kind="bureau")
ENVIRONMENT = Organisation(id="environment", name=Name(ja="東京都環境局", en="Bureau of Environment"), kind="bureau")
FINANCE = Organisation(id="finance", name=Name(ja="東京都財務局", en="Bureau of Finance"), kind="bureau")

# Long before any simulated day, so that every case finds the rules of its arrival.
_SINCE = date(2023, 4, 1)


def _procedure(  # noqa: PLR0913 - a version has that many sides
    procedure_id: str,
    ja: str,
    en: str,
    organisation: Organisation,
    *,
    kind: ProcedureKind,
    legal_basis: str,
    channels: tuple[Channel, ...],
    attributes: DeclaredAttributes,
    period: Period | None,
    online_period: Period | None = None,
    online_channels: tuple[Channel, ...] = ("online",),
    fee_methods: tuple[PaymentMethod, ...] | None = None,
    suspending_reasons: tuple[SuspensionReason, ...] | None = None,
    effective_from: date = _SINCE,
    priority: bool | None = True,
) -> Procedure:
    return Procedure(
        procedure_id=procedure_id,
        name=Name(ja=ja, en=en),
        organisation=organisation,
        effective_from=effective_from,
        kind=kind,
        legal_basis=legal_basis,
        channels=channels,
        online_channels=online_channels,
        standard_period=period,
        online_standard_period=online_period,
        clock=ClockRules() if suspending_reasons is None else ClockRules(suspending_reasons=suspending_reasons),
        fee=Fee(due=False) if fee_methods is None else Fee(due=True, methods=fee_methods),
        within_discretion=True,
        digital_since=effective_from if "online" in channels else None,
        priority=priority,
        attributes=attributes,
    )


@dataclass(frozen=True, slots=True)
class Registration:
    """A procedure as its owner registers it, and the later versions it comes to have."""

    first: Procedure
    later: Sequence[Procedure] = ()

    @property
    def procedure_id(self) -> str:
        return self.first.procedure_id


def registrations(first_day: date, last_day: date) -> tuple[Registration, ...]:
    """The ten, in the order of their yearly volumes. The cemetery goes online in the middle of first_day..last_day."""
    cemetery = _cemetery(_SINCE, online=False)
    halfway = first_day + (last_day - first_day) / 2
    return (
        Registration(_WATER),
        Registration(_AUTOMOBILE_TAX),
        Registration(_CORPORATE_TAX),
        Registration(_CANCER_REGISTRY),
        Registration(_TUITION),
        Registration(_HOUSING),
        Registration(_ROAD),
        Registration(cemetery, (_cemetery(halfway, online=True),)),
        Registration(_WASTE),
        Registration(_TENDER),
    )


_WATER = _procedure(
    "water-supply-contract",
    "水道の使用開始・中止の申込み",
    "Water supply contract",
    WATERWORKS,
    kind="contract",
    legal_basis="東京都給水条例第16条",
    channels=("online", "phone", "counter", "mail"),
    period=Period(unit="business_days", maximum=4),
    online_period=Period(unit="hours", maximum=96),
    attributes=DeclaredAttributes(
        status_visible=True,
        attachments_as_data=True,
        attachments_minimal_by_linkage=True,
        batch_group="moving-home",
        smartphone_ready=True,
        form_assisted=True,
        feedback_enabled=True,
        feedback_acted_on=True,
    ),
)
_AUTOMOBILE_TAX = _procedure(
    "automobile-tax-environmental",
    "自動車税（環境性能割）の申告",
    "Automobile tax (environmental)",
    TAXATION,
    kind="notification",
    legal_basis="地方税法第160条",
    channels=("online", "counter"),
    period=Period(unit="business_days", maximum=5),
    online_period=Period(unit="business_days", maximum=3),
    fee_methods=("internet_banking", "card", "cash", "revenue_stamp"),
    attributes=DeclaredAttributes(
        status_visible=True,
        attachments_as_data=True,
        attachments_minimal_by_linkage=True,
        cashless_available=True,
        batch_group="motor-vehicle-one-stop",
        smartphone_ready=False,
        form_assisted=True,
        feedback_enabled=True,
    ),
)
_CORPORATE_TAX = _procedure(
    "corporate-tax-return",
    "法人事業税・法人都民税の申告",
    "Corporate tax return",
    TAXATION,
    kind="notification",
    legal_basis="地方税法第72条の25",
    channels=("online", "counter", "mail"),
    period=Period(unit="months", maximum=1),
    online_period=Period(unit="business_days", maximum=15),
    attributes=DeclaredAttributes(
        status_visible=True,
        attachments_as_data=True,
        attachments_minimal_by_linkage=False,
        smartphone_ready=False,
        feedback_enabled=True,
    ),
)
_CANCER_REGISTRY = _procedure(
    "cancer-registry-notification",
    "全国がん登録の届出",
    "Cancer registry notification",
    PUBLIC_HEALTH,
    kind="notification",
    legal_basis="がん登録等の推進に関する法律第6条",
    channels=("online", "mail"),
    period=Period(unit="months", maximum=2),
    online_period=Period(unit="weeks", maximum=4),
    attributes=DeclaredAttributes(
        status_visible=False, attachments_as_data=True, smartphone_ready=False, feedback_enabled=False
    ),
)
_TUITION = _procedure(
    "high-school-tuition-support",
    "高等学校等就学支援金の受給資格認定申請",
    "High-school tuition support",
    EDUCATION,
    kind="benefit",
    legal_basis="高等学校等就学支援金の支給に関する法律第4条",
    channels=("online", "mail", "counter"),
    period=Period(unit="business_days", maximum=40),
    online_period=Period(unit="business_days", maximum=30),
    attributes=DeclaredAttributes(
        status_visible=False,
        attachments_as_data=True,
        attachments_minimal_by_linkage=True,
        smartphone_ready=True,
        form_assisted=False,
        feedback_enabled=True,
    ),
)
_HOUSING = _procedure(
    "metropolitan-housing",
    "都営住宅の入居申込み",
    "Metropolitan housing",
    HOUSING_SUPPLY,
    kind="application",
    legal_basis="東京都営住宅条例第6条",
    channels=("online", "mail", "counter"),
    period=Period(unit="business_days", maximum=30),
    online_period=Period(unit="business_days", maximum=15),
    attributes=DeclaredAttributes(
        status_visible=True,
        attachments_as_data=True,
        smartphone_ready=True,
        form_assisted=True,
        feedback_enabled=True,
        feedback_acted_on=True,
    ),
)
_ROAD = _procedure(
    "road-occupation-permit",
    "道路占用許可の申請",
    "Road occupation permit",
    CONSTRUCTION,
    kind="application",
    legal_basis="道路法第32条",
    channels=("online", "counter", "email"),
    online_channels=("online", "email"),
    period=Period(unit="weeks", minimum=2, maximum=3),
    online_period=Period(unit="business_days", maximum=12),
    fee_methods=("internet_banking", "card", "bank_slip", "cash"),
    attributes=DeclaredAttributes(
        status_visible=True,
        attachments_as_data=False,
        cashless_available=True,
        smartphone_ready=False,
        feedback_enabled=True,
    ),
)
_WASTE = _procedure(
    "industrial-waste-report",
    "産業廃棄物管理票交付等状況の報告",
    "Industrial-waste report",
    ENVIRONMENT,
    kind="notification",
    legal_basis="廃棄物の処理及び清掃に関する法律第12条の3第7項",
    channels=("online", "email", "mail"),
    period=Period(unit="calendar_days", maximum=30),
    attributes=DeclaredAttributes(attachments_as_data=True, smartphone_ready=False),
)
_TENDER = _procedure(
    "tender-qualification",
    "競争入札参加資格の審査申請",
    "Tender qualification",
    FINANCE,
    kind="application",
    legal_basis="地方自治法施行令第167条の5",
    channels=("online", "mail"),
    period=Period(unit="business_days", maximum=20),
    online_period=Period(unit="business_days", maximum=10),
    suspending_reasons=("correction", "additional_data"),
    attributes=DeclaredAttributes(
        status_visible=True,
        attachments_as_data=True,
        attachments_minimal_by_linkage=True,
        smartphone_ready=False,
        form_assisted=True,
        feedback_enabled=True,
        feedback_acted_on=True,
    ),
)


def _cemetery(effective_from: date, *, online: bool) -> Procedure:
    return _procedure(
        "metropolitan-cemetery",
        "都立霊園の使用許可申請",
        "Metropolitan cemetery",
        PARKS,
        kind="application",
        legal_basis="東京都霊園条例第4条",
        channels=("online", "counter", "mail") if online else ("counter", "mail"),
        period=Period(unit="calendar_days", maximum=45),
        online_period=Period(unit="calendar_days", maximum=30) if online else None,
        fee_methods=("card", "bank_slip", "cash") if online else ("bank_slip", "cash"),
        effective_from=effective_from,
        attributes=DeclaredAttributes(
            status_visible=False,
            attachments_as_data=False,
            cashless_available=online,
            smartphone_ready=online,
            feedback_enabled=online,
        ),
    )
