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
    """At most `count` entries: as many of the largest as there are without parting equals. No second matrix in memory.

    Sizes are compared by their bits, which have the same order: the first half of them in one pass, the rest in another.
    """
    blocks = [weights[start : start + BLOCK] for start in range(0, len(weights), BLOCK)]
    halves = sum(np.bincount((bits(block) >> 16).ravel(), minlength=1 << 16) for block in blocks)
    from_top = halves[::-1].cumsum()
    half = max(0, (1 << 16) - 1 - int(np.searchsorted(from_top, count, side="right")))
    larger = int(halves[half + 1 :].sum())
    inside = (bits(block)[bits(block) >> 16 == half] & 0xFFFF for block in blocks)
    rest = sum(np.bincount(part, minlength=1 << 16) for part in inside)
    fitting = int(np.searchsorted(larger + rest[::-1].cumsum(), count, side="right"))
    least = max(1, (half << 16) + (1 << 16) - fitting)
    return sp.vstack([sp.csr_matrix(np.where(bits(block) >= least, block, 0)) for block in blocks], "csr")


def bits(block):
    return np.abs(block).view(np.uint32)
