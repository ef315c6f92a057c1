"""How large the system has to be for a bureau, for Tokyo, for the nation: sizes computed from costs measured here."""
