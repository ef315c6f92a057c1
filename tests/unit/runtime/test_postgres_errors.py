"""What an error of the database means for the one who may try again."""

import asyncpg
import pytest

from qos_runtime.postgres import Verdict, session_lost, verdict


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.SerializationError(),
        asyncpg.DeadlockDetectedError(),
        asyncpg.CannotConnectNowError(),
        asyncpg.AdminShutdownError(),
        asyncpg.TooManyConnectionsError(),
        asyncpg.IdleInTransactionSessionTimeoutError(),
        asyncpg.ConnectionDoesNotExistError(),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
        ConnectionRefusedError(),
        TimeoutError(),
    ],
)
def test_what_passes_is_tried_again(error: BaseException) -> None:
    assert verdict(error) is Verdict.RETRY


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.UndefinedTableError(),
        asyncpg.UniqueViolationError(),
        asyncpg.CheckViolationError(),
        asyncpg.InvalidPasswordError(),
        ValueError("not of the database"),
    ],
)
def test_what_is_wrong_stays_wrong(error: BaseException) -> None:
    assert verdict(error) is Verdict.FAIL
    assert verdict(error, committing=True) is Verdict.FAIL


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.ConnectionDoesNotExistError(),
        asyncpg.AdminShutdownError(),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
        ConnectionResetError(),
        TimeoutError(),
    ],
)
def test_a_commit_whose_answer_is_lost_is_looked_up_first(error: BaseException) -> None:
    assert verdict(error, committing=True) is Verdict.READ_THEN_RETRY


def test_a_conflict_at_commit_is_a_clear_no() -> None:
    assert verdict(asyncpg.SerializationError(), committing=True) is Verdict.RETRY


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (asyncpg.IdleInTransactionSessionTimeoutError(), True),
        (asyncpg.ConnectionDoesNotExistError(), True),
        (asyncpg.InterfaceError("connection has been released back to the pool"), True),
        (asyncpg.DeadlockDetectedError(), False),
        (asyncpg.AdminShutdownError(), False),
        (asyncpg.DiskFullError(), False),
        (ValueError("not of the database"), False),
    ],
)
def test_a_session_that_may_have_been_idle_for_too_long(error: BaseException, lost: bool) -> None:
    assert session_lost(error) is lost
