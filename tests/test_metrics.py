"""The counting: intervals that cover, temperatures that fit, tests that do not call noise a win."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lookalike import metrics


def test_wilson_interval_of_a_textbook_case():
    rate = metrics.rate(81, 263)  # R. Newcombe, Statistics in Medicine 17, 1998, table I
    assert (round(rate.low, 4), round(rate.high, 4)) == (0.2553, 0.3662)


def test_nothing_measured_says_nothing():
    assert (metrics.rate(0, 0).low, metrics.rate(0, 0).high) == (0, 1)


def test_the_interval_covers_the_truth_93_to_97_times_in_100():
    random, covered, trials = np.random.default_rng(0), 0, 4000
    for _ in range(trials):
        truth = random.uniform(0.6, 0.98)
        rate = metrics.rate(int(random.binomial(80, truth)), 80)
        covered += rate.low <= truth <= rate.high
    assert 0.93 <= covered / trials <= 0.97


def test_a_network_that_is_too_sure_gets_a_temperature_above_1_and_less_error():
    random = np.random.default_rng(1)
    logits = random.normal(size=(2000, 2))
    truth = (random.random(2000) < 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))).astype(int)
    boasting = _softmax(3 * logits)
    temperature = metrics.fit_temperature(boasting, truth)
    assert temperature == pytest.approx(3, rel=0.15)
    scaled = metrics.at_temperature(boasting, temperature)
    assert metrics.calibration(scaled, truth)[0] < 0.5 * metrics.calibration(boasting, truth)[0]


def test_temperature_one_changes_nothing():
    p = _softmax(np.random.default_rng(2).normal(size=(9, 4)))
    assert np.abs(metrics.at_temperature(p, 1.0) - p).max() < 1e-12


def test_one_photo_of_difference_is_no_win():
    first = np.ones(100, dtype=bool)
    second = first.copy()
    second[0] = False
    assert metrics.paired_p_value(first, second) == 1.0
    assert metrics.paired_p_value(first, first) == 1.0


def test_twelve_photos_of_difference_all_one_way_are_a_win():
    first = np.ones(100, dtype=bool)
    second = first.copy()
    second[:12] = False
    assert metrics.paired_p_value(first, second) == pytest.approx(2 / 2**12)


def test_precision_and_recall_of_a_small_matrix():
    table = metrics.confusion([0, 0, 0, 1, 1], [0, 0, 1, 1, 0], 2)
    assert table.tolist() == [[2, 1], [1, 1]]
    scores = metrics.per_label(table, ["a", "b"])
    assert scores["a"]["precision"] == pytest.approx(2 / 3)
    assert scores["b"]["recall"] == pytest.approx(1 / 2)


def test_a_label_nobody_named_divides_by_nothing():
    assert metrics.per_label(metrics.confusion([0], [0], 2), ["a", "b"])["b"]["f1"] == 0


def test_a_loss_is_never_infinite():
    assert math.isfinite(metrics.losses(np.array([[1.0, 0.0]]), np.array([1]))[0])


def _softmax(logits: np.ndarray) -> np.ndarray:
    powered = np.exp(logits)
    return powered / powered.sum(axis=1, keepdims=True)
