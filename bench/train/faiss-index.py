"""Times Faiss training and adding: faiss-index.py VECTORS.f32 DIM [THREADS] -> one JSON line. Default: as many threads as Faiss takes."""

import json
import sys
import time

import faiss
import numpy as np

vectors = np.fromfile(sys.argv[1], dtype="<f4").reshape(-1, int(sys.argv[2]))
if len(sys.argv) > 3:
    faiss.omp_set_num_threads(int(sys.argv[3]))
index = faiss.index_factory(vectors.shape[1], "IVF1024,PQ32x4", faiss.METRIC_INNER_PRODUCT)
cpu_started = time.process_time()
started = time.perf_counter()
index.train(vectors)
trained = time.perf_counter()
index.add(vectors)
added = time.perf_counter()
print(
    json.dumps(
        {
            "trainSeconds": trained - started,
            "addSeconds": added - trained,
            "cpuSeconds": time.process_time() - cpu_started,
            "threads": faiss.omp_get_max_threads(),
        }
    )
)
