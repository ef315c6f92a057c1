"""The sources file: who may emit what, and nothing by accident."""

from datetime import timedelta
from pathlib import Path

import pytest

from qos_domain.events import EVENT_TYPES
from qos_intake.keys import main, new_key, operator_stanza, stanza
from qos_intake.sources import Sources, key_hash, load_sources
from qos_runtime.errors import NotConfigured

OLD, NEW, OTHER = new_key(), new_key(), new_key()


def load(text: str, tmp_path: Path) -> Sources:
    file = tmp_path / "sources.toml"
    file.write_text(text, encoding="utf-8")
    return load_sources(file, max_age_days=400)


def entry(key: str = OLD, source: str = "urn:tokyo:joint", name: str = "joint", **more: object) -> str:
    return stanza(key=key, source=source, name=name, **more)  # type: ignore[arg-type]


def test_a_source_has_what_its_entry_says(tmp_path: Path) -> None:
    text = entry(
        organisations=("waterworks", "taxation"),
        event_types=("application.*", "review.started"),
        max_age_days=30,
        inbox=True,
    )
    [source] = load(text, tmp_path).all

    assert (source.uri, source.name, source.inbox) == ("urn:tokyo:joint", "joint", True)
    assert source.max_age == timedelta(days=30)
    assert source.event_types == {name for name in EVENT_TYPES if name.startswith("application.")} | {"review.started"}
    assert source.serves({"taxation", "housing"})
    assert not source.serves({"housing"})
    assert not source.serves(())


def test_a_source_for_every_organisation_and_any_age(tmp_path: Path) -> None:
    [source] = load(entry(max_age_days="unlimited"), tmp_path).all
    assert source.serves({"whatever"})
    assert source.event_types == set(EVENT_TYPES)
    assert source.max_age is None
    [source] = load(entry(), tmp_path).all
    assert source.max_age == timedelta(days=400)


def test_two_keys_are_good_while_one_replaces_the_other(tmp_path: Path) -> None:
    hashes = f'key_sha256 = ["{key_hash(OLD).hex()}", "{key_hash(NEW).hex()}"]'
    text = entry().replace(f'key_sha256 = ["{key_hash(OLD).hex()}"]', hashes) + entry(OTHER, "urn:x", "x")
    sources = load(text, tmp_path)

    for key, name in ((OLD, "joint"), (NEW, "joint"), (OTHER, "x")):
        source = sources.authenticate(key)
        assert source is not None
        assert source.name == name
    assert sources.authenticate(new_key()) is None
    assert sources.authenticate("") is None
    assert sources.authenticate("ключ") is None


def test_keys_are_long_and_never_the_same() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(key.startswith("qos_") and len(key) >= 47 for key in keys)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "sources"),
        ("[[sources]]\nsource = 1\n", "source"),
        (entry() + "phone = 1\n", "phone"),
        (entry().replace("[[sources]]", "[[source]]"), "source"),
        ("nonsense", "TOML"),
        (entry() + entry(NEW, name="b"), "the same source stands in it twice"),
        (entry() + entry(NEW, source="urn:b"), "the same name stands in it twice"),
        (entry() + entry(source="urn:b", name="b"), "the same key_sha256 stands in it twice"),
        (entry(event_types=("aplication.*",)), "'aplication.*' names no type"),
        (entry(name="has a blank"), "name"),
        (entry(organisations=()), "organisations"),
        (entry().replace(key_hash(OLD).hex(), "changeme"), "key_sha256"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_a_reason(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="QOS_INTAKE_SOURCES_FILE") as caught:
        load(text, tmp_path)
    assert said in str(caught.value)


def test_an_operator_is_no_source_and_a_source_no_operator(tmp_path: Path) -> None:
    sources = load(entry() + operator_stanza(key=NEW, name="saito"), tmp_path)
    operator = sources.operator(NEW)
    assert operator is not None
    assert operator.name == "saito"
    assert sources.operator(OLD) is None
    assert sources.authenticate(NEW) is None


@pytest.mark.parametrize(
    ("first", "second", "what"),
    [(NEW, OTHER, "operator"), (OLD, OTHER, "operator"), (OLD, None, "key_sha256")],
    ids=["same name", "key of a source", "no key"],
)
def test_an_operator_stands_once_and_has_a_key_of_its_own(
    tmp_path: Path, first: str, second: str | None, what: str
) -> None:
    text = entry() + operator_stanza(key=first, name="saito")
    if second is not None:
        text += operator_stanza(key=second, name="saito")
    with pytest.raises(NotConfigured, match=f"the same {what} stands in it twice"):
        load(text, tmp_path)


def test_a_key_of_an_operator_is_shown_once_with_its_entry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["operator", "--name", "saito"]) == 0
    printed = capsys.readouterr().out
    key = next(line for line in printed.splitlines() if line.startswith("# qos_")).removeprefix("# ")
    assert load(entry() + printed, tmp_path).operator(key) is not None
    assert main(["operator", "--name", "Saito Hanako"]) == 2
    assert "--name" in capsys.readouterr().out
