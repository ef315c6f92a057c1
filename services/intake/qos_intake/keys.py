"""`python -m qos_intake.keys new|operator`: a key, shown once, and the stanza that lets its holder in."""

import argparse
import secrets
import sys
from collections.abc import Sequence

import msgspec

from qos_domain.vocabulary import Source as SourceUri
from qos_intake.sources import Name, key_hash

KEY_BYTES = 32


def new_key() -> str:
    """A random key of 256 bits. The prefix lets secret scanners find one that was committed by accident."""
    return f"qos_{secrets.token_urlsafe(KEY_BYTES)}"


def stanza(
    *,
    key: str,
    source: str,
    name: str,
    organisations: Sequence[str] = ("*",),
    event_types: Sequence[str] = ("*",),
    max_age_days: int | str | None = None,
    inbox: bool = False,
) -> str:
    """The entry of the sources file for a source; the key itself isn't in it."""
    lines = [
        "[[sources]]",
        f"source = {_toml(source)}",
        f"name = {_toml(name)}",
        f"key_sha256 = [{_toml(key_hash(key).hex())}]",
        f"organisations = [{', '.join(map(_toml, organisations))}]",
        f"event_types = [{', '.join(map(_toml, event_types))}]",
    ]
    if max_age_days is not None:
        lines.append(f"max_age_days = {max_age_days if isinstance(max_age_days, int) else _toml(max_age_days)}")
    if inbox:
        lines.append("inbox = true")
    return "\n".join(lines) + "\n"


def operator_stanza(*, key: str, name: str) -> str:
    """The entry of the sources file for an operator; the key itself isn't in it."""
    return f"[[operators]]\nname = {_toml(name)}\nkey_sha256 = [{_toml(key_hash(key).hex())}]\n"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    return _operator(options.name) if options.command == "operator" else _source(options)


def _operator(name: str) -> int:
    try:
        msgspec.convert(name, Name)
    except msgspec.ValidationError as error:
        _say(f"--name: {error}")
        return 2
    key = new_key()
    _say("# The key, shown this once. Hand it over by a safe way; only its hash is kept.")
    _say(f"# {key}")
    _say("")
    _say(operator_stanza(key=key, name=name).rstrip())
    return 0


def _source(options: argparse.Namespace) -> int:
    name = options.name or "".join(each if each.isalnum() else "-" for each in options.source).strip("-")[-64:]
    for value, schema, what in ((options.source, SourceUri, "--source"), (name, Name, "--name")):
        try:
            msgspec.convert(value, schema)
        except msgspec.ValidationError as error:
            _say(f"{what}: {error}")
            return 2
    key = new_key()
    _say("# The key, shown this once. Hand it to the source by a safe way; only its hash is kept.")
    _say(f"# {key}")
    _say("")
    _say(
        stanza(
            key=key,
            source=options.source,
            name=name,
            organisations=options.organisation,
            event_types=options.event_type or ("*",),
            max_age_days=options.max_age_days,
            inbox=options.inbox,
        ).rstrip()
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m qos_intake.keys", description="Keys of emitting systems and of operators."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    new = commands.add_parser("new", help="make a key and the entry for the sources file")
    new.add_argument("--source", required=True, help="the CloudEvents source of all its events (a URI)")
    new.add_argument("--name", help="a short name for its inbox topic, metrics and logs (default: from the source)")
    new.add_argument(
        "--organisation", required=True, action="append", help='an organisation id, or "*"; may be repeated'
    )
    new.add_argument("--event-type", action="append", help='such as "application.*"; may be repeated (default: all)')
    new.add_argument("--max-age-days", type=_age, help='how old its events may be, or "unlimited"')
    new.add_argument("--inbox", action="store_true", help="it may also write to its inbox topic")
    operator = commands.add_parser("operator", help="make a key of an operator, who may settle dead letters")
    operator.add_argument("--name", required=True, help="who it is, as decisions will name them")
    return parser


def _age(text: str) -> int | str:
    return text if text == "unlimited" else int(text)


def _toml(text: str) -> str:
    """A TOML basic string; JSON's escapes are TOML's."""
    return msgspec.json.encode(text).decode()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
