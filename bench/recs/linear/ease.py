"""EASE (Steck, WWW 2019) in single precision: one square matrix and, while it is made, nothing beside it."""

import numpy as np
import scipy.sparse as sp
from scipy.linalg.lapack import spotrf, spotri

BLOCK = 256


def ease(lists, penalty):
    """B (items, items): scores of a history x are x·B. B = −P / diag(P) with P = (XᵀX + penalty·I)⁻¹, diagonal 0."""
    n = lists.shape[1]
    gram = np.zeros((n, n), np.float32, order="F")
    columns = lists.tocsc()
    for start in range(0, n, BLOCK):
        gram[:, start : start + BLOCK] = (lists.T @ columns[:, start : start + BLOCK]).toarray()
    gram[np.diag_indices(n)] += penalty
    factor, failed = spotrf(gram, lower=1, clean=0, overwrite_a=1)
    inverse, failed_too = spotri(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        raise ArithmeticError(f"EASE: the Gram matrix with λ = {penalty} has no inverse in single precision")
    # the transposed view has rows that lie end to end, and the upper triangle; the lower one is mirrored into it
    weights = inverse.T
    for start in range(0, n, BLOCK):
        stop = min(n, start + BLOCK)
        weights[start:stop, :start] = weights[:start, start:stop].T
        corner = weights[start:stop, start:stop]
        corner[:] = np.triu(corner) + np.triu(corner, 1).T
    weights /= -weights.diagonal().copy()
    weights[np.diag_indices(n)] = 0
    return weights


def pruned(weights, entries, by):
    """The entries of largest size: `entries` of each row, of each column, or as many per row on average of all."""
    n = len(weights)
    if by == "all":
        return largest_of_all(weights, entries * n)
    rows = weights if by == "row" else weights.T
    kept = []
    for start in range(0, n, BLOCK):
        block = np.ascontiguousarray(rows[start : start + BLOCK])
        columns = np.argpartition(-np.abs(block), entries - 1, axis=1)[:, :entries]
        values = np.take_along_axis(block, columns, 1)
        offsets = np.arange(len(block) + 1) * entries
        kept.append(sp.csr_matrix((values.ravel(), columns.ravel(), offsets), block.shape))
    matrix = sp.vstack(kept, "csr")
    return matrix if by == "row" else matrix.T.tocsr()


def largest_of_all(weights, count):
    """At most `count` entries, the smallest of them found by halving: no second matrix in memory."""
    blocks = range(0, len(weights), BLOCK)

    def above(least):
        return sum(int((np.abs(weights[start : start + BLOCK]) > least).sum()) for start in blocks)

    low, high = 0.0, float(max(np.abs(weights[start : start + BLOCK]).max() for start in blocks))
    for _ in range(24):
        middle = (low + high) / 2
        if above(middle) > count:
            low = middle
        else:
            high = middle
    kept = [np.where(np.abs(block) > high, block, 0) for block in (weights[s : s + BLOCK] for s in blocks)]
    return sp.vstack([sp.csr_matrix(block) for block in kept], "csr")
