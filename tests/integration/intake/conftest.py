from support.intake import intake, intake_settings, keys  # noqa: F401  fixtures, found here by pytest
