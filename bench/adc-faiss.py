"""The peer of bench:adc: Faiss on the same codebooks, codes and queries.

Reads one JSON command a line on stdin and answers with one JSON line:
  {"open": {...shape, "dir": ...}}            load arrays, build the index
  {"run": {"k", "nprobe", "reps"}}            -> {"ms": [...], "ids": [...]}
Single thread, one query a call, the C-level search entry so that Python adds about a microsecond.
"""
import json
import os
import sys
import time

import faiss
import numpy as np

faiss.omp_set_num_threads(1)
if os.environ.get("POEEM_FAISS_LEVEL") and hasattr(faiss, "SIMDConfig"):
    faiss.SIMDConfig.set_level(getattr(faiss, "SIMDLevel_" + os.environ["POEEM_FAISS_LEVEL"]))


# Faiss objects refer to each other by pointer; Python must not free them.
KEEP = []


def fill(array_vector, values):
    faiss.copy_array_to_vector(np.ascontiguousarray(values).ravel(), array_vector)


def pack(codes, nbits):
    """(n, M) one byte a code -> Faiss's packed rows: low nibble first."""
    if nbits == 8:
        return codes
    return (codes[:, 0::2] | (codes[:, 1::2] << 4)).astype("uint8")


def open_index(s):
    KEEP.clear()

    def read(name, dtype):
        return np.fromfile(os.path.join(s["dir"], name), dtype=dtype)

    d, M, nbits, nlist, n = s["dim"], s["M"], s["nbits"], s["nlist"], s["n"]
    codes = pack(read("codes.bin", "uint8").reshape(n, M), nbits)
    centroids = read("centroids.bin", "float32")
    if nlist == 0:
        index = faiss.IndexPQ(d, M, nbits, faiss.METRIC_INNER_PRODUCT)
        fill(index.pq.centroids, centroids)
        index.is_trained = True
        fill(index.codes, codes)
        index.ntotal = n
        if nbits == 4:
            fast = faiss.IndexPQFastScan(index)
            return fast
        return index
    quantizer = faiss.IndexFlatIP(d)
    quantizer.add(read("coarse.bin", "float32").reshape(nlist, d))
    index = faiss.IndexIVFPQ(quantizer, d, nlist, M, nbits, faiss.METRIC_INNER_PRODUCT)
    index.by_residual = True
    fill(index.pq.centroids, centroids)
    index.is_trained = True
    assignments = read("assignments.bin", "uint32")
    order = np.argsort(assignments, kind="stable")
    starts = np.searchsorted(assignments[order], np.arange(nlist + 1))
    for l in range(nlist):
        rows = order[starts[l]:starts[l + 1]].astype("int64")
        cell = np.ascontiguousarray(codes[rows])
        index.invlists.add_entries(l, len(rows), faiss.swig_ptr(rows), faiss.swig_ptr(cell))
    index.ntotal = n
    index.own_fields = False
    if nbits == 4:
        fast = faiss.IndexIVFPQFastScan(index)
        KEEP.extend([index, quantizer])
        return fast
    KEEP.append(quantizer)
    return index


index = None
queries = None
print(json.dumps({
    "faiss": faiss.__version__,
    "level": faiss.SIMDConfig.get_level_name() if hasattr(faiss, "SIMDConfig") else faiss.get_compile_options(),
}), flush=True)
for line in sys.stdin:
    command = json.loads(line)
    if "open" in command:
        s = command["open"]
        index = open_index(s)
        queries = np.fromfile(os.path.join(s["dir"], "queries.bin"), dtype="float32").reshape(-1, s["dim"])
        print(json.dumps({"ntotal": index.ntotal}), flush=True)
        continue
    r = command["run"]
    k = r["k"]
    if hasattr(index, "nprobe"):
        index.nprobe = r["nprobe"]
    D = np.empty((1, k), dtype="float32")
    I = np.empty((1, k), dtype="int64")
    pD, pI = faiss.swig_ptr(D), faiss.swig_ptr(I)
    pointers = [faiss.swig_ptr(queries[i:i + 1]) for i in range(len(queries))]
    search = index.search_c
    times = []
    ids = []
    for rep in range(r["reps"]):
        q = pointers[rep % len(pointers)]
        start = time.perf_counter_ns()
        search(1, q, k, pD, pI)
        times.append((time.perf_counter_ns() - start) / 1e6)
        if rep < len(pointers):
            ids.append(I[0].tolist())
    print(json.dumps({"ms": times, "ids": ids}), flush=True)
