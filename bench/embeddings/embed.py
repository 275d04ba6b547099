"""Embeddings of tldr-pages and of its queries: for each text the mean of static vectors of its tokens, 256 numbers.

`npm run bench:embeddings` calls it; docs/experiments/trainer.md has what was measured.

    python3 -m venv /tmp/peers && /tmp/peers/bin/pip install wordllama==0.4.0.post1 safetensors tokenizers pyarrow
    /tmp/peers/bin/python bench/embeddings/embed.py DIR

DIR has items.jsonl (id, title, description) and queries.jsonl (item, query), gzip or not; items.parquet (id, title,
description, vec) and asked.parquet (query, vec) are written beside them.
"""

import glob
import gzip
import importlib.util
import json
import os
import sys

import numpy as np
import pyarrow
import pyarrow.parquet
from safetensors.numpy import load_file
from tokenizers import Tokenizer

source, target = sys.argv[1], sys.argv[-1]
package = importlib.util.find_spec("wordllama").submodule_search_locations[0]
rows = load_file(f"{package}/weights/l2_supercat_256.safetensors")["embedding.weight"].astype(np.float32)
tokenizer = Tokenizer.from_file(f"{package}/tokenizers/l2_supercat_tokenizer_config.json")
tokenizer.no_padding()


def read(name):
    path = glob.glob(os.path.join(source, f"{name}.jsonl*"))[0]
    with (gzip.open if path.endswith(".gz") else open)(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def embed(texts):
    means = [rows[tokenizer.encode(text, add_special_tokens=False).ids].mean(0) for text in texts]
    vectors = np.stack(means)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(vectors.reshape(-1)), vectors.shape[1])


def write(name, table):
    pyarrow.parquet.write_table(pyarrow.table(table), os.path.join(target, f"{name}.parquet"))


items = read("items")
texts = {key: [item[key] for item in items] for key in ("id", "title", "description")}
vec = embed([f"{title}. {about}" for title, about in zip(texts["title"], texts["description"])])
write("items", {**texts, "vec": vec})
asked = sorted({row["query"] for row in read("queries")})
write("asked", {"query": asked, "vec": embed(asked)})
