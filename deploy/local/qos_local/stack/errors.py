"""What can go wrong with the local stack, said so that a newcomer knows what to do."""


class StackFailed(Exception):
    """The stack can't do what was asked. `log_tail` holds the last lines of the service's own log, where it has one."""

    def __init__(self, *, service: str, problem: str, remedy: str, log_tail: str = "") -> None:
        super().__init__(f"{service}: {problem} ({remedy})" + (f"\n{log_tail}" if log_tail else ""))
        self.service = service
        self.problem = problem
        self.remedy = remedy
        self.log_tail = log_tail
