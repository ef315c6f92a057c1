"""What the command line promises: its commands, their help with examples, and its exit codes."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from qos_local.cli import app

STACK_COMMANDS = ("up", "down", "status", "logs", "reset")
runner = CliRunner()


@pytest.fixture(autouse=True)
def an_empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QOS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return tmp_path / "home"


def test_help_lists_every_command_of_the_stack() -> None:
    result = runner.invoke(app, ["--help"])
    assert result.exit_code == 0
    for command in (*STACK_COMMANDS, "topics"):
        assert f" {command} " in result.output


@pytest.mark.parametrize("command", STACK_COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = runner.invoke(app, [command, "-h"])
    assert result.exit_code == 0
    assert f"qos {command}" in result.output


@pytest.mark.parametrize("command", ["up", "status", "logs", "reset", "publish", "restate"])
def test_help_has_examples(command: str) -> None:
    assert "Example" in runner.invoke(app, [command, "--help"]).output


def test_without_a_command_the_help_is_shown() -> None:
    assert "Usage" in runner.invoke(app, []).output


def test_status_of_nothing_is_told_by_the_exit_code(an_empty_home: Path) -> None:
    result = runner.invoke(app, ["status", "--json"])
    assert result.exit_code == 1
    assert str(an_empty_home) in result.output
    assert runner.invoke(app, ["status"]).exit_code == 1


def test_reset_asks_before_it_deletes(an_empty_home: Path) -> None:
    an_empty_home.mkdir()
    (an_empty_home / "env").touch()
    assert runner.invoke(app, ["reset"], input="n\n").exit_code == 1
    assert (an_empty_home / "env").exists()
    assert runner.invoke(app, ["reset", "--yes"]).exit_code == 0
    assert not (an_empty_home / "env").exists()


def test_logs_of_a_service_that_never_ran_are_empty() -> None:
    assert runner.invoke(app, ["logs", "kafka"]).exit_code == 0


def test_following_both_logs_at_once_is_refused() -> None:
    result = runner.invoke(app, ["logs", "--follow"])
    assert result.exit_code == 2
    assert "needs a service" in result.output


@pytest.mark.parametrize("command", ["list", "show", "redrive", "discard"])
def test_every_command_of_dead_letters_explains_itself_with_examples(command: str) -> None:
    result = runner.invoke(app, ["dead-letters", command, "-h"])
    assert result.exit_code == 0
    assert f"qos dead-letters {command} " in result.output
    assert "Example" in result.output
