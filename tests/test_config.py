"""Settings: one home, four sources, all faults at once."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

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


def test_a_file_that_is_no_toml_is_one_line(cli: Cli, tmp_path: Path):
    (tmp_path / "lookalike.toml").write_text("[train\n")
    answer = cli("train")
    assert answer.code == 2
    assert "lookalike.toml cannot be read" in answer.err


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
