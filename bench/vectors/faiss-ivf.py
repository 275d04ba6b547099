"""Searches by Faiss IVF: faiss-ivf.py ITEMS.f32 QUERIES.f32 DIM METRIC NLIST BYTES NPROBES SEED -> a JSON line per row.

A row has the name, nprobe, the mean share of items scanned, and for each query the numbers of the items found.
"""

import json
import sys
import time

import faiss
import numpy as np

items_file, queries_file, dim, metric, nlist, size, nprobes, seed = sys.argv[1:]
dim, nlist, size = int(dim), int(nlist), int(size)
items = np.fromfile(items_file, dtype="<f4").reshape(-1, dim)
queries = np.fromfile(queries_file, dtype="<f4").reshape(-1, dim)
kind = faiss.METRIC_L2 if metric == "l2" else faiss.METRIC_INNER_PRODUCT
faiss.omp_set_num_threads(1)
for name, factory in {
    "Faiss IVF+PQ": f"IVF{nlist},PQ{size}",
    "Faiss IVF+OPQ": f"OPQ{size},IVF{nlist},PQ{size}",
}.items():
    index = faiss.index_factory(dim, factory, kind)
    ivf = faiss.extract_index_ivf(index)
    ivf.cp.seed = int(seed)
    started = time.process_time()
    index.train(items)
    index.add(items)
    seconds = time.process_time() - started
    for nprobe in map(int, nprobes.split(",")):
        ivf.nprobe = nprobe
        faiss.cvar.indexIVF_stats.reset()
        _, found = index.search(queries, 10)
        scanned = faiss.cvar.indexIVF_stats.ndis / len(queries) / len(items)
        row = {"name": name, "bytes": size, "nprobe": nprobe, "scanned": scanned, "cpuSeconds": seconds}
        print(json.dumps({**row, "found": found.tolist()}), flush=True)
