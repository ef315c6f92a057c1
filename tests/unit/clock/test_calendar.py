"""The calendar: its data, its counting, its years, and the local date of an instant."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qos_domain.calendar import Calendar, CalendarRange, UnknownCalendar, bundled_versions
from support.clock_cases import at

TOKYO = Calendar.load()
DAYS = st.dates(date(2000, 1, 1), date(2050, 12, 31))


class TestTokyosData:
    def test_the_default_covers_2000_to_2050(self) -> None:
        assert TOKYO.version == "jp-tokyo-1"
        assert "jp-tokyo-1" in bundled_versions()
        assert (TOKYO.data.first_year, TOKYO.data.last_year) == (2000, 2050)
        assert {holiday.date.year for holiday in TOKYO.data.holidays} == set(range(2000, 2051))

    def test_the_ten_days_of_2019(self) -> None:
        """27 April to 6 May: the enthronement of 1 May made holidays of the days around it."""
        days = [date(2019, 4, 27) + timedelta(days=n) for n in range(10)]
        assert not any(TOKYO.is_business_day(day) for day in days)
        assert TOKYO.is_business_day(date(2019, 4, 26))
        assert TOKYO.is_business_day(date(2019, 5, 7))

    def test_the_holidays_that_the_olympics_moved(self) -> None:
        assert not TOKYO.is_business_day(date(2020, 7, 23))
        assert not TOKYO.is_business_day(date(2021, 7, 23))
        assert TOKYO.is_business_day(date(2021, 10, 11))

    def test_a_day_between_two_holidays_is_one(self) -> None:
        holiday = TOKYO.holiday(date(2026, 9, 22))
        assert holiday is not None
        assert holiday.name == "国民の休日"
        assert holiday.name_en == "National Holiday"

    @pytest.mark.parametrize(
        ("day", "closure"),
        [
            (date(2025, 12, 26), None),
            (date(2025, 12, 27), "weekend"),
            (date(2025, 12, 29), "closed_day"),
            (date(2026, 1, 1), "holiday"),
            (date(2026, 1, 2), "closed_day"),
            (date(2026, 1, 5), None),
        ],
    )
    def test_it_says_why_a_day_is_none(self, day: date, closure: str | None) -> None:
        assert TOKYO.closure(day) == closure
        assert TOKYO.is_business_day(day) == (closure is None)


class TestCounting:
    @given(DAYS, st.integers(0, 400))
    def test_business_days_are_those_of_the_days_between(self, after: date, span: int) -> None:
        until = min(after + timedelta(days=span), date(2050, 12, 31))
        days = [after + timedelta(days=n) for n in range(1, (until - after).days + 1)]
        assert TOKYO.business_days(after, until) == sum(TOKYO.closure(day) is None for day in days)
        assert TOKYO.business_days(until, after) == 0

    @given(DAYS, st.integers(1, 200))
    def test_the_nth_business_day_is_n_business_days_after(self, day: date, n: int) -> None:
        try:
            found = TOKYO.nth_business_day_after(day, n)
        except CalendarRange:
            assert TOKYO.business_days(day, date(2050, 12, 31)) < n
            return
        assert TOKYO.is_business_day(found)
        assert TOKYO.business_days(day, found) == n

    def test_the_day_itself_is_0_business_days_after(self) -> None:
        assert TOKYO.nth_business_day_after(date(2025, 5, 3), 0) == date(2025, 5, 3)
        with pytest.raises(ValueError, match="-1"):
            TOKYO.nth_business_day_after(date(2025, 5, 3), -1)


class TestOutsideTheYears:
    def test_it_says_which_years_and_what_to_do(self) -> None:
        with pytest.raises(CalendarRange, match=r"before .*jp-tokyo-1 covers 2000-01-01 to 2050-12-31.*calendar make"):
            TOKYO.is_business_day(date(1999, 12, 31))
        with pytest.raises(CalendarRange, match="after"):
            TOKYO.nth_business_day_after(date(2050, 12, 20), 30)
        with pytest.raises(CalendarRange) as caught:
            TOKYO.business_days(date(2050, 12, 31), date(2051, 1, 1))
        assert caught.value.late

    def test_an_instant_has_a_local_date_in_any_year(self) -> None:
        assert TOKYO.local_date(datetime(1868, 10, 23, 3, tzinfo=UTC)) == date(1868, 10, 23)
        assert TOKYO.local_date(datetime(9999, 12, 31, 23, tzinfo=UTC)).year == 9999
        assert TOKYO.local_date(at("0001-01-01T00:00:00+14:00")).year == 1


class TestLocalDates:
    def test_tokyo_is_nine_hours_ahead(self) -> None:
        assert TOKYO.local_date(at("2025-04-30T14:59:59Z")) == date(2025, 4, 30)
        assert TOKYO.local_date(at("2025-04-30T15:00:00Z")) == date(2025, 5, 1)

    def test_amsterdam_keeps_summer_time(self) -> None:
        amsterdam = Calendar.load(time_zone="Europe/Amsterdam")
        assert amsterdam.local_date(at("2011-03-26T22:30:00Z")) == date(2011, 3, 26)
        assert amsterdam.local_date(at("2011-03-27T22:30:00Z")) == date(2011, 3, 28)
        assert amsterdam.local_date(at("2011-10-30T22:30:00Z")) == date(2011, 10, 30)

    def test_an_unknown_zone_and_a_time_without_an_offset_are_refused(self) -> None:
        with pytest.raises(ZoneInfoNotFoundError):
            Calendar.load(time_zone="Asia/Edo")
        with pytest.raises(ValueError, match="offset"):
            TOKYO.local_date(datetime(2025, 5, 2))  # noqa: DTZ001 - the refusal is what is tested


class TestFiles:
    def test_a_version_is_loaded_once_per_time_zone(self) -> None:
        assert Calendar.load() is Calendar.load("jp-tokyo-1", "Asia/Tokyo")
        assert Calendar.load(time_zone="Europe/Amsterdam") is not TOKYO

    def test_an_unknown_version_names_the_known_ones(self) -> None:
        with pytest.raises(UnknownCalendar, match=r"'edo-1'.*jp-tokyo-1"):
            Calendar.load("edo-1")

    def test_a_file_is_loaded_by_its_path(self, tmp_path: Path) -> None:
        """An office that closes for its founder: another file under another version."""
        data = msgspec.structs.replace(TOKYO.data, version="founder-1", closed_days=("10-01",))
        path = tmp_path / "founder.json"
        path.write_bytes(msgspec.json.encode(data))
        calendar = Calendar.load(str(path))
        assert calendar.version == "founder-1"
        assert calendar.closure(date(2025, 10, 1)) == "closed_day"
        assert calendar.is_business_day(date(2025, 12, 29))

    @pytest.mark.parametrize("field", ["version", "first_year", "closed_days", "weekend"])
    def test_a_wrong_file_names_the_field(self, field: str) -> None:
        data = msgspec.to_builtins(TOKYO.data)
        data[field] = ["02-30x"] if field in {"closed_days", "weekend"} else "?!"
        with pytest.raises(msgspec.ValidationError, match=field):
            Calendar.parse(msgspec.json.encode(data))
