from support.intake import intake_settings, keys  # noqa: F401  fixtures, found here by pytest
