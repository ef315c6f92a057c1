"""Folds the whole log into a new generation of tables beside the live one, which then takes over in one transaction."""
