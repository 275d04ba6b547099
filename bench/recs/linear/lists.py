"""Lists of items as sparse rows, and rankings as files."""

import numpy as np
import scipy.sparse as sp

SLICE = 512
NOTHING = np.uint32(0xFFFFFFFF)


def read_lists(path, num_items):
    """(lists, num_items), 1 where an item is in a list. Files: PATH.offsets and PATH.values, unsigned 32 bit."""
    offsets = np.fromfile(path + ".offsets", np.uint32).astype(np.int64)
    values = np.fromfile(path + ".values", np.uint32).astype(np.int32)
    return sp.csr_matrix((np.ones(len(values), np.float32), values, offsets), (len(offsets) - 1, num_items))


def write_rankings(path, scores_of, histories, k):
    """The k best of each query without its history, best first, as (queries, k) unsigned 32 bit.

    scores_of: gives the scores (queries, items) of some histories, a dense array that is overwritten
    """
    with open(path, "wb") as file:
        for start in range(0, histories.shape[0], SLICE):
            known = histories[start : start + SLICE]
            scores = np.asarray(scores_of(known), np.float32)
            rows, columns = known.nonzero()
            scores[rows, columns] = -np.inf
            kept = min(k, scores.shape[1])
            best = np.argpartition(scores, scores.shape[1] - kept, axis=1)[:, -kept:]
            found = np.take_along_axis(scores, best, 1)
            order = np.lexsort((best, -found), axis=1)
            ranked = np.take_along_axis(best, order, 1).astype(np.uint32)
            ranked[np.take_along_axis(found, order, 1) == -np.inf] = NOTHING
            # no ranking where nothing is known
            ranked[np.diff(known.indptr) == 0] = NOTHING
            whole = np.full((len(ranked), k), NOTHING)
            whole[:, :kept] = ranked
            whole.tofile(file)
