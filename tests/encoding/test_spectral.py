"""Held against scikit-learn and himalaya, none of which share code with us."""

import numpy as np
import pytest
import torch
from himalaya.backend import set_backend
from himalaya.kernel_ridge import KernelRidgeCV, solve_multiple_kernel_ridge_random_search
from himalaya.scoring import r2_score_split
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge

from reprcompare.encoding.fitting import Search, fit, group_weights
from reprcompare.encoding.folds import Folds
from reprcompare.encoding.predictors import Group
from reprcompare.encoding.scores import fold_centred, split_r_squared
from reprcompare.encoding.spectral import components, from_columns, from_kernel, losses, ridge
from reprcompare.encoding.systems import Stimuli, systems_of

ALPHAS = np.logspace(3, -3, 8)


def made(n, p, targets=7, seed=0):
    random = np.random.default_rng(seed)
    columns = random.normal(size=(n, p)) + 3
    weights = random.normal(size=(p, targets)) * np.linspace(0, 1, targets)
    return columns, columns @ weights / np.sqrt(p) + random.normal(size=(n, targets))


def folds_of(n, outer=4, inner=3, seed=0):
    random = np.random.default_rng(seed)
    fold = random.permutation(np.arange(n) % outer)
    within = []
    for number in range(outer):
        codes = np.full(n, -1)
        rows = random.permutation(np.flatnonzero(fold != number))
        codes[rows] = np.arange(len(rows)) % inner
        within.append(codes)
    return Folds(fold, within, np.arange(n), "stimulus")


def group(columns, name="a"):
    ids = np.array([str(k) for k in range(len(columns))])
    names = np.array([f"{name}{k}" for k in range(columns.shape[1])])
    return Group(name, ids, names, lambda positions: iter([columns[positions]]))


def systems(parts, precision="float64", standardise=None):
    n = len(parts[0])
    groups = [group(part, f"g{k}") for k, part in enumerate(parts)]
    stimuli = Stimuli([np.arange(n)] * len(parts), np.arange(n), np.zeros(n, int), (0,))
    return systems_of(groups, stimuli, lambda kernel: kernel, True, standardise, precision, "cpu")


def unit(columns):
    centred = columns - columns.mean(axis=0)
    return columns / np.sqrt(np.square(centred).sum() / len(columns))


@pytest.mark.parametrize("p", [5, 300])
def test_losses_of_all_penalties_are_those_of_scikit_learn(p):
    columns, targets = made(60, p)
    train, held = np.arange(40), np.arange(40, 60)
    make, given = (from_columns, columns) if p < 40 else (from_kernel, columns @ columns.T)
    split = make(
        torch.as_tensor(given), torch.as_tensor(train), torch.as_tensor(held), torch.float64
    )
    mean = targets[train].mean(axis=0)
    found = losses(
        split,
        torch.as_tensor(targets[train] - mean),
        torch.as_tensor(targets[held] - mean),
        ALPHAS,
        ridge,
    )
    for number, alpha in enumerate(ALPHAS):
        model = Ridge(alpha=alpha).fit(columns[train], targets[train])
        error = np.square(model.predict(columns[held]) - targets[held]).mean(axis=0)
        np.testing.assert_allclose(found[:, number], error, rtol=1e-7)


def test_regression_on_components_is_that_of_scikit_learn():
    columns, targets = made(60, 100)
    train, held = np.arange(40), np.arange(40, 60)
    split = from_kernel(
        torch.as_tensor(columns @ columns.T),
        torch.as_tensor(train),
        torch.as_tensor(held),
        torch.float64,
    )
    mean = targets[train].mean(axis=0)
    numbers = np.array([1, 4, 11])
    found = losses(
        split,
        torch.as_tensor(targets[train] - mean),
        torch.as_tensor(targets[held] - mean),
        numbers,
        components,
    )
    for place, number in enumerate(numbers):
        pca = PCA(number, svd_solver="full").fit(columns[train])
        model = LinearRegression().fit(pca.transform(columns[train]), targets[train])
        predicted = model.predict(pca.transform(columns[held]))
        error = np.square(predicted - targets[held]).mean(axis=0)
        np.testing.assert_allclose(found[:, place], error, rtol=1e-7)


@pytest.mark.parametrize("p", [8, 150])
def test_nested_cross_validation_is_that_of_himalaya(p):
    columns, targets = made(80, p, targets=40)
    folds = folds_of(80)
    search = Search("ridge", ALPHAS, np.ones((1, 1)))
    found = fit(systems([columns]), targets, folds, search, precision="float64")
    set_backend("numpy")
    scaled = unit(columns)
    for number in range(folds.number):
        train = np.flatnonzero(folds.outer != number)
        inner = folds.inner[number][train]
        cv = [(np.flatnonzero(inner != k), np.flatnonzero(inner == k)) for k in range(3)]
        model = KernelRidgeCV(alphas=ALPHAS, cv=cv, fit_intercept=True, warn=False)
        model.fit(scaled[train], targets[train])
        np.testing.assert_allclose(found.setting[number], model.best_alphas_)
        held = folds.outer == number
        expected = model.predict(scaled[held])
        np.testing.assert_allclose(found.predicted[held], expected, atol=1e-5)


def test_banded_ridge_is_that_of_himalaya_with_the_same_weights():
    first, second = made(60, 70)[0], made(60, 90, seed=1)[0]
    targets = made(60, 4, targets=15, seed=2)[1] + first[:, :1]
    folds = folds_of(60)
    weights = group_weights(2, 6, seed=3)
    weights = weights[(weights > 0).all(axis=1)]
    found = fit(
        systems([first, second]),
        targets,
        folds,
        Search("ridge", ALPHAS, weights),
        by_group=True,
        precision="float64",
    )
    set_backend("numpy")
    train, held = folds.outer != 0, folds.outer == 0
    inner = folds.inner[0][train]
    cv = [(np.flatnonzero(inner != k), np.flatnonzero(inner == k)) for k in range(3)]
    scaled = [unit(part) for part in (first, second)]
    centred = [part - part[train].mean(axis=0) for part in scaled]
    kernels = np.stack([part[train] @ part[train].T for part in centred])
    deltas, dual, _, intercept = solve_multiple_kernel_ridge_random_search(
        kernels,
        targets[train],
        n_iter=weights,
        alphas=ALPHAS,
        cv=cv,
        fit_intercept=True,
        return_weights="dual",
        progress_bar=False,
    )
    parts = np.stack(
        [
            part[held] @ part[train].T @ dual * np.exp(delta)
            for part, delta in zip(centred, deltas, strict=True)
        ]
    )
    np.testing.assert_allclose(found.by_group[:, held], parts, atol=1e-5)
    np.testing.assert_allclose(found.predicted[held], parts.sum(axis=0) + intercept, atol=1e-5)


def test_the_split_over_groups_is_that_of_himalaya():
    random = np.random.default_rng(0)
    parts = random.normal(size=(3, 30, 4))
    targets = parts.sum(axis=0) + random.normal(size=(30, 4))
    fold = np.zeros(30, dtype=int)
    y, p = fold_centred(targets, fold), np.stack([fold_centred(part, fold) for part in parts])
    set_backend("numpy")
    np.testing.assert_allclose(split_r_squared(y, p), r2_score_split(y, p), atol=1e-10)


@pytest.mark.parametrize("p", [4, 60])
def test_weights_reproduce_predictions(p):
    columns, targets = made(50, p)
    folds = folds_of(50, outer=2)
    search = Search("ridge", ALPHAS, np.ones((1, 1)))
    found = fit(
        systems([columns], standardise=True),
        targets,
        folds,
        search,
        columns=True,
        precision="float64",
    )
    # Slopes of both folds' models, from their predictions of the rows that they hold out.
    slopes = []
    for number in range(2):
        train, held = folds.outer != number, folds.outer == number
        deviation = columns[train].std(axis=0)
        scaled = columns / deviation
        centred = scaled - scaled.mean(axis=0)
        scale = np.square(centred).sum() / len(columns)
        for target in range(targets.shape[1]):
            model = Ridge(alpha=found.setting[number, target] * scale)
            model.fit(scaled[train], targets[train, target])
            expected = model.predict(scaled[held])
            np.testing.assert_allclose(found.predicted[held, target], expected, atol=1e-8)
            slopes.append(model.coef_ / deviation)
    expected = np.array(slopes).reshape(2, targets.shape[1], p).mean(axis=0).T
    np.testing.assert_allclose(found.columns[0], expected, atol=1e-8)


def test_float32_chooses_as_float64_does():
    columns, targets = made(120, 200, targets=60)
    folds = folds_of(120)
    search = Search("ridge", ALPHAS, np.ones((1, 1)))
    double, single = (
        fit(systems([columns], precision=kind), targets, folds, search, precision=kind)
        for kind in ("float64", "float32")
    )
    assert (double.setting == single.setting).mean() > 0.99
    same = (double.setting == single.setting).all(axis=0)
    np.testing.assert_allclose(double.predicted[:, same], single.predicted[:, same], atol=1e-4)


def test_columns_that_are_constant_in_training_rows_predict_the_mean():
    columns = np.zeros((40, 2))
    folds = folds_of(40)
    columns[folds.outer == 0] = np.arange(20).reshape(-1, 2)
    targets = np.random.default_rng(0).normal(size=(40, 3))
    found = fit(systems([columns]), targets, folds, Search("ridge", ALPHAS, np.ones((1, 1))))
    held = folds.outer == 0
    np.testing.assert_allclose(
        found.predicted[held], np.tile(targets[~held].mean(axis=0), (10, 1)), atol=1e-6
    )
