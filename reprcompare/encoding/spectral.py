"""Penalised regression from one eigendecomposition a training set, for all targets and penalties.

With the centred training kernel K = V diag(l) V' and the kernel k between held-out and training
rows, the predictions of ridge regression are

    k V diag(1 / (l + alpha)) V' y,

so that a penalty is a function of the eigenvalues, a *filter*, and everything else is shared by all
penalties and targets. Two things make this fast. The rows of the matrix of filters, one a penalty,
are nearly dependent, so it is replaced by its leading singular vectors: predictions of r "basis"
filters give those of all penalties. And the squared error of every penalty follows from the inner
products between the response and the r basis predictions, so predictions of single penalties are
never written down.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Filter: TypeAlias = Callable[["Tensor", np.ndarray], "Tensor"]

TOLERANCE: Final = {"float32": 1e-6, "float64": 1e-11}
"""Largest error of predictions by replacing filters by their leading singular vectors, as a
fraction of the length of the response."""

BLOCK_BYTES: Final = 16 << 20
"""How much of the basis predictions is held at a time; more falls out of the processor's cache."""


@dataclass(frozen=True)
class Split:
    """One training set and the rows that it predicts.

    Attributes
    ----------
    values : tensor, shape (k,)
        Eigenvalues of the centred training kernel, float64.
    vectors : tensor, shape (n_train, k)
        Its eigenvectors; k is below n_train where there are fewer columns than rows.
    held : tensor, shape (n_held, k)
        Kernel between held-out and training rows, times the eigenvectors.
    """

    values: "Tensor"
    vectors: "Tensor"
    held: "Tensor"

    @property
    def thin(self) -> bool:
        """Whether it is cheaper to project targets on the eigenvectors first."""
        return self.vectors.shape[1] < self.vectors.shape[0] // 2

    def right(self, targets: "Tensor") -> "Tensor":
        """Return what operators are applied to, given centred training targets."""
        return self.vectors.T @ targets if self.thin else targets

    def operator(self, weights: "Tensor", held: "Tensor") -> "Tensor":
        """Return what maps `right` to predictions with one filter, for held-out coordinates."""
        rows = held * weights.to(held.dtype)
        return rows if self.thin else rows @ self.vectors.T


def ridge(values: "Tensor", alphas: np.ndarray) -> "Tensor":
    """Filter of ridge regression, 1 / (l + alpha).

    Parameters
    ----------
    values : tensor, shape (k,)
        Eigenvalues of the training kernel.
    alphas : array, shape (n_alphas,)
        In the units of the eigenvalues.

    Returns
    -------
    tensor, shape (n_alphas, k)
    """
    import torch

    penalty = torch.as_tensor(alphas, dtype=values.dtype, device=values.device)
    return 1 / (values + penalty[:, None])


def components(values: "Tensor", numbers: np.ndarray) -> "Tensor":
    """Filter of regression on the leading principal components: 1 / l of these, else 0.

    Parameters
    ----------
    values : tensor, shape (k,)
        Eigenvalues of the training kernel.
    numbers : array of int, shape (n_numbers,)
        How many components.

    Returns
    -------
    tensor, shape (n_numbers, k)
    """
    import torch

    order = torch.argsort(values, descending=True)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(values), device=values.device)
    most = torch.as_tensor(numbers, device=values.device)
    inside = (rank < most[:, None]) & (values > 1e-10 * values.max())
    return torch.where(inside, 1 / values.clamp(min=1e-300), torch.zeros_like(values))


FILTERS: Final[dict[str, Filter]] = {"ridge": ridge, "pca": components}
"""What regularises: the settings are penalties, or numbers of components."""


def from_kernel(kernel: "Tensor", train: "Tensor", held: "Tensor", dtype: "torch.dtype") -> Split:
    """Decompose a training set that is given by its kernel.

    Parameters
    ----------
    kernel : tensor, shape (n, n)
        Of all rows, float64; it need not be centred.
    train, held : tensors of int
        Rows.
    dtype
        Of what is multiplied with targets.

    Returns
    -------
    Split
    """
    import torch

    own, other = centred(kernel[train][:, train], kernel[held][:, train])
    values, vectors = torch.linalg.eigh(own)
    return Split(values.clamp(min=0), vectors.to(dtype), (other @ vectors).to(dtype))


def from_columns(columns: "Tensor", train: "Tensor", held: "Tensor", dtype: "torch.dtype") -> Split:
    """Decompose a training set that is given by few columns; parameters as `from_kernel`."""
    import torch

    mean = columns[train].mean(dim=0)
    own, other = columns[train] - mean, columns[held] - mean
    values, directions = torch.linalg.eigh(own.T @ own)
    kept = values > 1e-12 * values.max()
    if not kept.any():  # columns that are constant in the training rows predict the mean
        kept[-1], own = True, torch.zeros_like(own)
        values = torch.ones_like(values)
    values, directions = values[kept], directions[:, kept]
    vectors = own @ directions / values.sqrt()
    # The kernel between rows, times the left singular vectors.
    return Split(values, vectors.to(dtype), (other @ directions * values.sqrt()).to(dtype))


def centred(own: "Tensor", other: "Tensor") -> tuple["Tensor", "Tensor"]:
    """Centre a kernel on the mean of the training rows, in closed form.

    Parameters
    ----------
    own : tensor, shape (n_train, n_train)
    other : tensor, shape (n_held, n_train)
    """
    means = own.mean(dim=0)
    overall = means.mean()
    return (
        own - means[:, None] - means + overall,
        other - other.mean(dim=1, keepdim=True) - means + overall,
    )


def losses(
    split: Split, trained: "Tensor", held: "Tensor", settings: np.ndarray, filters: Filter
) -> "Tensor":
    """Return the mean squared error of every target and setting in the held-out rows.

    Parameters
    ----------
    split
        Training set.
    trained, held : tensors, shapes (n_train, n_targets), (n_held, n_targets)
        Targets, less their mean in the training rows.
    settings : array, shape (n_settings,)
        Penalties, or numbers of components.
    filters
        Turns eigenvalues and settings into filters.

    Returns
    -------
    tensor, shape (n_targets, n_settings), float64
    """
    import torch

    dtype = split.held.dtype
    lengths = split.held.norm(dim=0).to(split.values.dtype)
    basis, coordinates = _leading(filters(split.values, settings) * lengths, dtype)
    unit = split.held / torch.where(lengths > 0, lengths, 1.0).to(dtype)
    operators = torch.cat([split.operator(row, unit) for row in basis])
    # Errors are v'Gv, v = (-coordinates, 1), G the products of basis predictions and response.
    signed = torch.cat([-coordinates, torch.ones_like(coordinates[:, :1])], dim=1)
    pairs = (signed[:, :, None] * signed[:, None, :]).reshape(len(settings), -1).T.to(dtype)
    rank, n_held = basis.shape[0], len(held)
    result = torch.empty(
        (trained.shape[1], len(settings)), dtype=torch.float64, device=trained.device
    )
    step = max(16, BLOCK_BYTES // ((rank + 1) * n_held * trained.element_size()))
    for start in range(0, trained.shape[1], step):
        piece = slice(start, start + step)
        right = split.right(trained[:, piece])
        shape = (right.shape[1], rank + 1, n_held)
        predicted = torch.empty(shape, dtype=dtype, device=trained.device)
        predicted[:, :rank] = (right.T @ operators.T).view(-1, rank, n_held)
        predicted[:, rank] = held[:, piece].T
        products = torch.bmm(predicted, predicted.transpose(1, 2))
        result[piece] = products.view(len(products), -1) @ pairs / n_held
    return result


def _leading(filters: "Tensor", dtype: "torch.dtype") -> tuple["Tensor", "Tensor"]:
    """Return basis filters (r, k) and the coordinates (n_settings, r) of all filters in them."""
    import torch

    left, singular, right = torch.linalg.svd(filters, full_matrices=False)
    tolerance = TOLERANCE[str(dtype).removeprefix("torch.")]
    rank = max(1, int((singular > tolerance).sum()))
    return right[:rank], left[:, :rank] * singular[:rank]


def predictions(
    split: Split,
    trained: "Tensor",
    chosen: "Tensor",
    settings: np.ndarray,
    filters: Filter,
    held: "Tensor | None" = None,
) -> "Tensor":
    """Predict held-out rows, every target with a setting of its own.

    Parameters
    ----------
    split
        Training set.
    trained : tensor, shape (n_train, n_targets)
        Targets, less their mean.
    chosen : tensor of int, shape (n_targets,)
        Index of the setting of each target.
    settings, filters
        As for `losses`.
    held : tensor, shape (n_rows, k)
        What to predict instead of the split's held-out rows, as coordinates like `Split.held`.

    Returns
    -------
    tensor, shape (n_held, n_targets)
        Less the mean of the training rows.
    """
    import torch

    weights = filters(split.values, settings)
    rows = split.held if held is None else held
    result = torch.empty((len(rows), trained.shape[1]), dtype=trained.dtype, device=trained.device)
    for index in chosen.unique().tolist():
        mine = chosen == index
        right = split.right(trained[:, mine])
        result[:, mine] = split.operator(weights[index], rows) @ right
    return result
