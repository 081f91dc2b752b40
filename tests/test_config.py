"""Settings: one home, four sources, all faults at once."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import ConfigError
from lookalike.gather.providers.bing import BingSettings
from lookalike.settings import fields, loading
from tests.conftest import Cli


def test_the_example_file_is_what_the_settings_say():
    example = Path(__file__).parent.parent / "config.example.toml"
    assert example.read_text() == loading.example_toml(), "run: make config"


def test_the_example_file_holds_the_defaults(tmp_path: Path):
    (tmp_path / "lookalike.toml").write_text(loading.example_toml())
    written, defaults = loading.load(tmp_path, {}), fields.Settings()
    assert [getattr(written, name) for name in fields.SECTIONS] == [getattr(defaults, name) for name in fields.SECTIONS]
    assert written.of(BingSettings) == BingSettings()


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path):
    (tmp_path / "lookalike.toml").write_text("[train]\nepochs = 2\nseed = 7\narch = 'resnet18'\n")
    env = {"LOOKALIKE_TRAIN_EPOCHS": "3", "LOOKALIKE_TRAIN_SEED": "8"}
    train = loading.load(tmp_path, env, {"train": {"epochs": 4}}).train
    assert (train.epochs, train.seed, train.arch, train.valid) == (4, 8, "resnet18", 0.2)


def test_all_faults_are_named_at_once_with_the_nearest_name(cli: Cli, tmp_path: Path):
    (tmp_path / "lookalike.toml").write_text("[train]\nepoch = 2\nsize = 9\n[trian]\nx = 1\n")
    answer = cli("train")
    assert answer.code == 2
    for words in ("train.epoch", "'epochs'", "train.size", "trian", "'train'"):
        assert words in answer.err


def test_a_file_that_would_never_end_is_one_line(cli: Cli, tmp_path: Path):
    file = tmp_path / "lookalike.toml"
    os.mkfifo(file)
    told = cli("providers")
    assert told.code == 2 and "no file, or an endless one" in told.err
    file.unlink()
    file.symlink_to("/dev/zero")
    assert cli("providers").code == 2
    file.unlink()
    file.write_text("# " + "x" * 2_000_000)
    assert cli("providers").code == 2


def test_a_file_that_is_no_toml_is_one_line(cli: Cli, tmp_path: Path):
    (tmp_path / "lookalike.toml").write_text("[train\n")
    answer = cli("train")
    assert answer.code == 2
    assert "lookalike.toml cannot be read" in answer.err


@pytest.mark.parametrize("text", ["x = " + "[" * 20_000, "[train]\nepochs = 1" + "0" * 5000, "\ud800", "[train]\n\0"])
def test_a_file_that_no_parser_gets_through_is_one_line(cli: Cli, tmp_path: Path, text: str):
    (tmp_path / "lookalike.toml").write_bytes(text.encode(errors="surrogatepass"))
    answer = cli("providers")
    assert answer.code == 2 and "lookalike.toml cannot be read" in answer.err and "Traceback" not in answer.err


PLACES = [(section, name) for section, kind in fields.SECTIONS.items() for name in kind.model_fields]
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", min_size=1), inner, max_size=2),
    max_leaves=4,
)
WRITTEN = st.dictionaries(st.sampled_from(PLACES), VALUES, max_size=4)


def layers(written: dict[tuple[str, str], Any]) -> dict[str, dict[str, Any]]:
    return {section: {f: v for (s, f), v in written.items() if s == section} for section, _ in written}


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {toml(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return (
        json.dumps(value, ensure_ascii=False)
        .replace("\x7f", "\\u007f")
        .replace("NaN", "nan")
        .replace("Infinity", "inf")
    )


@given(WRITTEN, st.dictionaries(st.sampled_from(PLACES), st.text(), max_size=3), WRITTEN)
def test_whatever_is_written_is_a_setting_or_named_as_wrong(
    tmp_path_factory: pytest.TempPathFactory, file: Any, environment: Any, flags: Any
):
    root = tmp_path_factory.getbasetemp()
    rows = [
        f"[{section}]\n" + "".join(f"{n} = {toml(v)}\n" for n, v in v.items()) for section, v in layers(file).items()
    ]
    (root / "lookalike.toml").write_text("".join(rows), encoding="utf-8")
    env = {loading.env_name(s, fields.SECTIONS[s].model_fields[f], f): text for (s, f), text in environment.items()}
    try:
        settings = loading.load(root, env, layers(flags))
    except ConfigError as error:
        named = {part.partition(":")[0] for part in error.message.split("; ")}
        assert any(f"{s}.{f}" in name for name in named for s, f in {**file, **environment, **flags})
        return
    finally:
        (root / "lookalike.toml").unlink()
    for section, name in PLACES:
        given_here = [each[section, name] for each in (flags, environment, file) if (section, name) in each]
        kind = fields.SECTIONS[section]
        alone = kind.model_validate({name: given_here[0]}) if given_here else kind()
        found, right = getattr(getattr(settings, section), name), getattr(alone, name)
        assert found == right or found != found  # a NaN is not even equal to itself


def test_lists_read_alike_from_flag_environment_and_file(tmp_path: Path):
    (tmp_path / "lookalike.toml").write_text("[gather]\nprovider = ['bing', 'urls']\n")
    assert loading.load(tmp_path, {}).gather.provider == ["bing", "urls"]
    assert loading.load(tmp_path, {"LOOKALIKE_GATHER_PROVIDER": "bing,urls"}).gather.provider == ["bing", "urls"]
    assert loading.load(tmp_path, {}, {"gather": {"provider": ["bing,urls"]}}).gather.provider == ["bing", "urls"]


def test_every_setting_explains_itself():
    written = tomllib.loads(loading.example_toml())
    assert list(written)[: len(fields.SECTIONS)] == list(fields.SECTIONS) and "searxng" in written
    for name in written:
        for model in [fields.SECTIONS[name]] if name in fields.SECTIONS else loading.sections_called(name):
            assert model.__doc__ and (name in fields.SECTIONS or model.table == name)
            assert all(field.description for field in model.model_fields.values())


def test_the_settings_of_a_plug_in_are_read_like_all_others(tmp_path: Path):
    (tmp_path / "lookalike.toml").write_text("[bing]\nmarket = 'de-DE'\nkey_header = 'X-Key'\n")
    bing = loading.load(tmp_path, {"LOOKALIKE_BING_MARKET": "fr-FR"}, {"bing": {"endpoint": "https://x.example"}})
    found = bing.of(BingSettings)
    assert (found.endpoint, found.market, found.key_header) == ("https://x.example", "fr-FR", "X-Key")


def test_faults_in_the_settings_of_plug_ins_are_told_with_all_others(cli: Cli, tmp_path: Path):
    (tmp_path / "lookalike.toml").write_text("[train]\nepoch = 2\n[bing]\nmarkt = 'x'\n[urls]\nx = 1\n[binge]\nx = 1\n")
    answer = cli("train")
    assert answer.code == 2
    for words in ("train.epoch", "bing.markt: unknown", "'market'", "urls: unknown", "binge: unknown", "'bing'"):
        assert words in answer.err


def test_a_misspelt_environment_name_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LOOKALIKE_TRAIN_EPOCH", "3")
    monkeypatch.setenv("LOOKALIKE_SEARXNG_ENDPOINT", "http://127.0.0.1:9")
    answer = cli("providers")
    assert answer.code == 0
    assert "LOOKALIKE_TRAIN_EPOCH is no setting" in answer.err and "'LOOKALIKE_TRAIN_EPOCHS'" in answer.err
    assert "SEARXNG" not in answer.err


def test_config_writes_a_file_that_changes_nothing_until_a_line_is_uncommented(cli: Cli, tmp_path: Path):
    assert cli("config").code == 0
    written = tmp_path / "lookalike.toml"
    assert not any(tomllib.loads(written.read_text()).values())
    written.write_text(written.read_text().replace("# seed = 42", "seed = 7"))
    assert loading.load(tmp_path, {}).train.seed == 7
    again = cli("config")
    assert again.code == 2 and "is there already" in again.err
    assert "seed = 7" in written.read_text()


def test_help_has_a_short_name(cli: Cli):
    assert cli("train", "-h").out == cli("train", "--help").out
    assert cli("-h").code == 0
