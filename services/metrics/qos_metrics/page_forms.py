"""The query parameters of pages. A form sends empty fields for what wasn't chosen; they count as not given."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from qos_domain.criteria import Principle
from qos_metrics.access import Audience
from qos_metrics.ports import ListFilter

SHEET_WINDOWS = ("7d", "28d", "90d", "fiscal_year", "365d")


def _given(value: Any) -> Any:  # noqa: ANN401 - whatever a query holds
    return None if isinstance(value, str) and not value.strip() else value


Text = Annotated[Annotated[str, Field(max_length=256, pattern=r"^[^\x00]*$")] | None, BeforeValidator(_given)]


class PageForm(BaseModel):
    model_config = ConfigDict(extra="ignore")

    lang: Text = None
    audience: Audience = "public"


class MapForm(PageForm):
    q: Text = None
    organisation: Text = None
    principle: Annotated[Principle | None, BeforeValidator(_given)] = None
    level: Annotated[Annotated[int, Field(ge=0, le=3)] | None, BeforeValidator(_given)] = None
    contradicted: Annotated[bool | None, BeforeValidator(_given)] = None
    priority: Annotated[bool | None, BeforeValidator(_given)] = None
    after: Text = None
    before: Text = None

    def wanted(self) -> ListFilter:
        return ListFilter(
            text=None if self.q is None else self.q.strip(),
            organisation_id=self.organisation,
            principle=self.principle if self.level is not None else None,
            level=self.level if self.principle is not None else None,
            contradicted=self.contradicted or None,
            priority=self.priority or None,
        )

    @property
    def is_half(self) -> bool:
        """A principle without a level, or a level without a principle."""
        return (self.principle is None) != (self.level is None)

    @property
    def choices(self) -> dict[str, str]:
        """What was chosen, as query parameters, without the place in the list."""
        chosen = self.model_dump(exclude={"after", "before", "lang", "audience"}, exclude_none=True)
        return {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in chosen.items()
            if value is not False
        }


class SheetForm(PageForm):
    window: Literal["7d", "28d", "90d", "fiscal_year", "365d"] = "28d"
