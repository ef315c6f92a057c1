"""The pure core: events, calendar, clock, fold, contributions, indicators, levels."""
