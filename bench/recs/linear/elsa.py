"""ELSA (Vančura et al., RecSys 2022) and its compressed form (WWW 2026): scores x(AAᵀ − I), the rows of A unit."""

import numpy as np

BATCH = 1024
# Adam
FIRST, SECOND, TINY = 0.9, 0.99, 1e-8
# Share of the epochs in which factors are taken away, exponentially; then what is left is trained on.
ANNEALED = 0.6


def unit_rows(weights):
    return weights / np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1e-12)


def loss_and_gradient(factors, users):
    """Mean over users of |x/|x| − y/|y||², y = x(AAᵀ − I), and its gradient by A.

    With h = xA and S = AᵀA no matrix of users by items is needed: |y|² = h·Sh − 2|h|² + |x|² and x·y = |h|² − |x|²,
    and the gradient by y is a multiple of y less a multiple of x.
    """
    count = users.shape[0]
    inner = factors.T @ factors
    hidden = users @ factors
    spread = hidden @ inner
    sizes = np.asarray(users.sum(axis=1), np.float32).ravel()
    lengths = np.square(hidden).sum(1)
    squares = np.maximum((hidden * spread).sum(1) - 2 * lengths + sizes, 1e-12)
    cosines = (lengths - sizes) / np.sqrt(squares * sizes)
    of_y = (2 / count) * cosines / squares
    of_x = (2 / count) / np.sqrt(squares * sizes)
    # gradient by y: G = of_y·y − of_x·x; by A: Gᵀh + xᵀ(GA)
    scaled = hidden * of_y[:, None]
    back = (spread - hidden) * of_y[:, None] - hidden * of_x[:, None]
    gradient = factors @ (hidden.T @ scaled) + users.T @ (back - scaled - hidden * of_x[:, None])
    return float((2 - 2 * cosines).mean()), gradient


def keep_largest(weights, keep):
    """1 for the `keep` largest entries of each row."""
    mask = np.zeros_like(weights)
    np.put_along_axis(mask, np.argpartition(-np.abs(weights), keep - 1, axis=1)[:, :keep], 1, axis=1)
    return mask


def kept_after(epoch, epochs, dim, keep):
    """Factors that each item has after an epoch, from 0: dim·(keep/dim)^t."""
    return round(dim * (keep / dim) ** min(1, (epoch + 1) / max(1, ANNEALED * epochs)))


def elsa(lists, dim, epochs, rate, seed, keep, after_epoch):
    """Trains A (items, dim), with `keep` entries a row at the end where that is given.

    Whenever entries are taken away, Adam starts anew. after_epoch: told of the epoch, the mean loss and A.
    """
    random = np.random.default_rng(seed)
    users = lists[np.diff(lists.indptr) > 1]
    weights = unit_rows(random.standard_normal((lists.shape[1], dim)).astype(np.float32))
    mask, kept = None, dim
    mean, square, steps = np.zeros_like(weights), np.zeros_like(weights), 0
    for epoch in range(epochs):
        order = random.permutation(users.shape[0])
        losses = []
        for start in range(0, len(order), BATCH):
            lengths = np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1e-12)
            factors = weights / lengths
            loss, gradient = loss_and_gradient(factors, users[order[start : start + BATCH]])
            gradient = (gradient - (gradient * factors).sum(1, keepdims=True) * factors) / lengths
            if mask is not None:
                gradient *= mask
            steps += 1
            mean += (1 - FIRST) * (gradient - mean)
            square += (1 - SECOND) * (np.square(gradient) - square)
            step = rate / (1 - FIRST**steps)
            weights -= step * mean / (np.sqrt(square / (1 - SECOND**steps)) + TINY)
            losses.append(loss)
        fewer = dim if keep is None else kept_after(epoch, epochs, dim, keep)
        if fewer < kept:
            mask, kept = keep_largest(unit_rows(weights), fewer), fewer
            weights *= mask
            mean, square, steps = np.zeros_like(weights), np.zeros_like(weights), 0
        after_epoch(epoch, float(np.mean(losses)), unit_rows(weights))
