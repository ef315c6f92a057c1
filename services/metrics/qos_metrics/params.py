"""The parameters of requests, read and checked: whatever can't be used is answered with its name and the rule."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from qos_domain.criteria import Principle
from qos_domain.periods import DEFAULT_WINDOW, InvalidWindow, Window, window
from qos_domain.vocabulary import Channel
from qos_metrics.access import Audience
from qos_metrics.answers import Question
from qos_metrics.ports import ListFilter, Page, Scope
from qos_metrics.present import read_cursor
from qos_metrics.problems import BadParameter

EARLIEST = date(2000, 1, 1)
IdText = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/#-]*$")]


class AudienceParameters(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    audience: Audience = Field(
        default="public",
        description="staff: exact figures, with the staff token; public: small counts rounded and withheld.",
    )


class DayParameters(AudienceParameters):
    as_of: date | None = Field(
        default=None,
        description="The local date that the answer is of: from 2000-01-01 to today, which is the default.",
        examples=["2026-11-20"],
    )

    def day(self, today: date) -> date:
        """The day that is asked for. Raises BadParameter for a day that is not yet, or before 2000."""
        if self.as_of is None:
            return today
        if not EARLIEST <= self.as_of <= today:
            raise BadParameter(field="as_of", rule=f"a date from {EARLIEST} to {today}")
        return self.as_of


class FigureParameters(DayParameters):
    window: str | None = Field(
        default=None,
        max_length=40,
        description=(
            "today, a number of days such as 28d (the default), month, quarter, fiscal_year, a month such as 2025-04,"
            " a quarter such as 2025-Q2, a fiscal year such as FY2025. It ends with as_of at the latest."
        ),
        examples=["28d"],
    )
    from_: date | None = Field(default=None, alias="from", description="Instead of a window: its first day.")
    to: date | None = Field(default=None, description="With from: the last day.")
    channel: Channel | None = Field(default=None, description="The figures of this channel alone.")
    by_channel: bool = Field(default=False, description="The figures of every channel, too.")
    forecast_days: int = Field(default=5, ge=1, le=60, description="Business days that the forecast looks ahead.")

    def question(self, scope: Scope, today: date) -> Question:
        """Raises BadParameter, which names the parameter."""
        as_of = self.day(today)
        return Question(
            scope=scope,
            as_of=as_of,
            window=self._window(as_of),
            channel=self.channel,
            by_channel=self.by_channel,
            forecast_days=self.forecast_days,
        )

    def _window(self, as_of: date) -> Window:
        if self.from_ is None and self.to is None:
            return read_window("window", self.window or DEFAULT_WINDOW, as_of)
        if self.window is not None:
            raise BadParameter(field="window", rule="either window, or from and to")
        if self.from_ is None or self.to is None:
            missing = "from" if self.from_ is None else "to"
            raise BadParameter(field=missing, rule="from and to go together")
        if self.from_ > self.to:
            raise BadParameter(field="to", rule="not before from")
        return read_window("from", f"{self.from_}..{self.to}", as_of)


def read_window(field: str, name: str, as_of: date) -> Window:
    """The window of that name. Raises BadParameter, naming `field`."""
    try:
        return window(name, as_of)
    except InvalidWindow as error:
        raise BadParameter(field=field, rule=error.rule) from error


class PageParameters(AudienceParameters):
    limit: int = Field(default=100, ge=1, le=1000, description="Entries of a page.")
    cursor: str | None = Field(default=None, max_length=400, description="next_cursor of the page before.")

    def page(self) -> Page:
        return Page(self.limit, after=self.after())

    def after(self) -> str | None:
        return None if self.cursor is None else read_cursor(self.cursor)


class ListParameters(PageParameters):
    q: str | None = Field(
        default=None,
        max_length=200,
        pattern=r"^[^\x00]*$",
        description="Found in a name or the id, in capitals or not.",
    )
    organisation: IdText | None = Field(default=None, description="The id of the organisation that owns it.")
    priority: bool | None = Field(default=None, description="Declared a priority procedure, or (false) not.")
    principle: Principle | None = Field(default=None, description="With level: the principle that is meant.")
    level: int | None = Field(default=None, ge=0, le=3, description="With principle: its evidenced level.")
    contradicted: bool | None = Field(default=None, description="Whether evidence contradicts a declared level.")
    retired: bool = Field(default=False, description="Retired procedures, too.")

    def wanted(self) -> ListFilter:
        """Raises BadParameter where principle and level don't come together."""
        if (self.principle is None) != (self.level is None):
            missing = "principle" if self.principle is None else "level"
            raise BadParameter(field=missing, rule="principle and level go together")
        return ListFilter(
            text=self.q or None,
            organisation_id=self.organisation,
            priority=self.priority,
            principle=self.principle,
            level=self.level,
            contradicted=self.contradicted,
            retired=self.retired,
        )


class StreamParameters(AudienceParameters):
    procedure: IdText | None = Field(default=None, description="Only messages of this procedure.")
    organisation: IdText | None = Field(default=None, description="Only messages of this organisation's procedures.")
    last_event_id: str | None = Field(
        default=None, max_length=200, description="Like the header Last-Event-ID, which goes before it."
    )


class StaffParameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    audience: Literal["staff"] = Field(default="staff", description="Single cases are for staff alone.")


class DueParameters(StaffParameters):
    procedure: IdText = Field(description="The id of the procedure.", examples=["road-occupation"])
    limit: int = Field(default=100, ge=1, le=1000, description="Entries of a page.")
    cursor: str | None = Field(default=None, max_length=400, description="next_cursor of the page before.")


class CaseParameters(StaffParameters):
    procedure: IdText = Field(description="The id of the procedure.", examples=["road-occupation"])
    application: IdText = Field(description="The id of the application.", examples=["A-2026-000123"])
