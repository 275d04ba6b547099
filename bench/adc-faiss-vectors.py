"""Makes packages/pq-core/fixtures/faiss/*.json: what Faiss computes on small random data, to be checked without Python.

    python bench/adc-faiss-vectors.py packages/pq-core/fixtures/faiss
"""
import base64
import json
import os
import sys

import faiss
import numpy as np

faiss.omp_set_num_threads(1)


def b64(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def unpack(codes, M, nbits):
    if nbits == 8:
        return codes
    out = np.empty((len(codes), M), dtype="uint8")
    for m in range(M):
        out[:, m] = (codes[:, m // 2] >> (4 * (m % 2))) & 15
    return out


def case(name, d, M, nbits, nlist, metric, rotate, by_residual=True, n=600, nq=5, k=10):
    rng = np.random.default_rng(len(name))
    x = rng.standard_normal((n, d)).astype("float32")
    q = rng.standard_normal((nq, d)).astype("float32")
    kind = faiss.METRIC_INNER_PRODUCT if metric == "innerProduct" else faiss.METRIC_L2
    if nlist:
        coarse = faiss.IndexFlat(d, kind)
        ivf = faiss.IndexIVFPQ(coarse, d, nlist, M, nbits, kind)
        ivf.by_residual = by_residual
        ivf.nprobe = nlist
        ivf.cp.seed = 5
        inner = ivf
    else:
        inner = faiss.IndexPQ(d, M, nbits, kind)
    if rotate:
        transform = faiss.LinearTransform(d, d, False)
        matrix = np.linalg.qr(rng.standard_normal((d, d)))[0].astype("float32")
        faiss.copy_array_to_vector(np.ascontiguousarray(matrix.T).ravel(), transform.A)
        transform.is_trained = True
        index = faiss.IndexPreTransform(transform, inner)
    else:
        matrix = None
        index = inner
    index.train(x)
    # Faiss's own bytes are those of an index with ids, as our export writes it.
    written = index if nlist else faiss.IndexIDMap(index)
    if nlist:
        index.add(x)
    else:
        written.add_with_ids(x, np.arange(n, dtype="int64"))
    if nlist:
        centers = faiss.vector_to_array(faiss.downcast_index(ivf.quantizer).codes).view("float32").reshape(nlist, d)
        assignments = np.full(n, -1, dtype="int64")
        codes = np.zeros((n, ivf.code_size), dtype="uint8")
        for l in range(nlist):
            size = ivf.invlists.list_size(l)
            ids = faiss.rev_swig_ptr(ivf.invlists.get_ids(l), size).copy()
            assignments[ids] = l
            codes[ids] = faiss.rev_swig_ptr(ivf.invlists.get_codes(l), size * ivf.code_size).reshape(size, -1)
    else:
        centers = np.zeros((0, d), dtype="float32")
        assignments = np.zeros(n, dtype="int64")
        codes = faiss.vector_to_array(inner.codes).reshape(n, -1).copy()
    pq = inner.pq
    tables = np.empty((nq, M, 2 ** nbits), dtype="float32")
    rq = np.ascontiguousarray(q @ matrix if rotate else q)
    pq.compute_inner_prod_tables(nq, faiss.swig_ptr(rq), faiss.swig_ptr(tables))
    scores, ids = written.search(q, k)
    file = faiss.serialize_index(written)
    return {
        "name": name, "faiss": faiss.__version__, "dim": d, "numSubQuantizers": M, "nbits": nbits, "nlist": nlist, "metric": metric,
        "byResidual": bool(nlist and by_residual), "n": n, "k": k,
        "rotation": b64(matrix) if rotate else None,
        "coarseCentroids": b64(centers), "centroids": b64(faiss.vector_to_array(pq.centroids)),
        "vectors": b64(x), "queries": b64(q),
        "assignments": b64(assignments.astype("uint32")), "codes": b64(unpack(codes, M, nbits)),
        "tables": b64(tables), "ids": ids.tolist(), "scores": b64(scores), "file": b64(file),
    }


folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
for args in [
    dict(name="ivfpq-ip-4bit-rotated", d=16, M=8, nbits=4, nlist=6, metric="innerProduct", rotate=True),
    dict(name="ivfpq-ip-4bit-odd", d=15, M=5, nbits=4, nlist=4, metric="innerProduct", rotate=False),
    dict(name="ivfpq-l2-4bit", d=12, M=6, nbits=4, nlist=5, metric="l2", rotate=False),
    dict(name="ivfpq-ip-8bit-plain", d=8, M=4, nbits=8, nlist=3, metric="innerProduct", rotate=True, by_residual=False, n=400),
    dict(name="pq-ip-4bit-rotated", d=16, M=16, nbits=4, nlist=0, metric="innerProduct", rotate=True),
    dict(name="pq-l2-8bit", d=6, M=3, nbits=8, nlist=0, metric="l2", rotate=False, n=400),
]:
    result = case(**args)
    with open(os.path.join(folder, args["name"] + ".json"), "w") as f:
        json.dump(result, f)
        f.write("\n")
