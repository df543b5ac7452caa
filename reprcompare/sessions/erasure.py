"""Erase what a linear decoder can read of a feature, in closed form."""

import torch
from torch import Tensor

from reprcompare.sessions.interventions import Erasure


def erase(activity: Tensor, feature: Tensor, others: Tensor | None = None) -> Erasure:
    """Make the smallest affine change after which the feature is not linearly readable.

    LEACE (Belrose et al. 2023, arXiv 2306.03819): ``x - S (S' C^+ S)^+ S' C^+ (x - m)``, with C the
    covariance of the activity and S its covariance with the feature. With other features, both are
    taken within their values (residuals of a regression on them), so that what the feature shares
    with them is left where it is.

    Parameters
    ----------
    activity : tensor, shape (n_stimuli, n_units)
    feature : tensor, shape (n_stimuli, n_columns)
        A number, or one column a level.
    others : tensor, shape (n_stimuli, n_other_columns), optional
        Features that are kept.

    Returns
    -------
    Erasure
        For `Bench.run`.

    Examples
    --------
    >>> x = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
    >>> erase(x, x[:, :1])(x, torch.arange(4)).tolist()
    [[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 1.0]]
    """
    x = activity.double()
    centre = x.mean(dim=0)
    kept = torch.ones(len(x), 1, dtype=x.dtype, device=x.device)
    if others is not None:
        kept = torch.cat([kept, others.to(kept)], dim=1)
    both = torch.cat([x, feature.to(x).reshape(len(x), -1)], dim=1)
    both = both - kept @ (torch.linalg.pinv(kept) @ both)
    inner, label = both[:, : x.shape[1]], both[:, x.shape[1] :]
    shadow = inner.T @ label / len(x)
    # C^+ S from the singular values of the activity, which does not square their condition.
    _, size, directions = torch.linalg.svd(inner / len(x) ** 0.5, full_matrices=False)
    keep = size > 1e-7 * size.max().clamp_min(1e-300)
    directions, size = directions[keep], size[keep]
    readers = directions.T @ ((directions @ shadow) / size[:, None].square())
    weights = torch.linalg.pinv(shadow.T @ readers, rtol=1e-10)
    dtype = activity.dtype
    return Erasure(shadow.to(dtype), (readers @ weights.T).to(dtype), centre.to(dtype))
