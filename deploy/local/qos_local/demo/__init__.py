"""The demonstration: the whole system started, fed with a simulated year, and looked at through its API."""
