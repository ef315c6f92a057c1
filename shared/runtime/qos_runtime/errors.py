"""What can be wrong around a service rather than with an event. The bases for events are in `qos_domain.errors`."""


class NotConfigured(Exception):
    """A setting is missing or can't be used. `setting` is the environment variable, `remedy` says what to set."""

    def __init__(self, *, setting: str, remedy: str) -> None:
        super().__init__(f"{setting}: {remedy}")
        self.setting = setting
        self.remedy = remedy


class TopicsNotReady(Exception):
    """Topics are missing, or differ from their definition in a way that would make results wrong."""

    def __init__(self, *, missing: tuple[str, ...] = (), differing: tuple[str, ...] = ()) -> None:
        parts = []
        if missing:
            parts.append(f"missing topics: {', '.join(missing)}")
        if differing:
            parts.append(f"topics with other settings: {', '.join(differing)}")
        remedy = (
            "create them with `qos topics create` or `python -m qos_runtime.create_topics`, or correct their settings"
        )
        super().__init__(f"{'; '.join(parts)} ({remedy})")
        self.missing = missing
        self.differing = differing
