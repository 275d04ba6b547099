"""The peers of bench/recs that are linear algebra. python main.py JOB.json; the answer is a JSON line on stdout."""

import json
import sys

import numpy as np
import scipy.sparse as sp

from ease import ease, pruned
from elsa import elsa
from lists import read_lists, write_rankings


def run_ease(job, fit):
    weights = ease(fit, job["lambda"])
    for ask in job["asks"]:
        scores = weights if ask["entries"] is None else pruned(weights, ask["entries"], ask["by"])
        rank(job, ask["queries"], ask["out"], lambda known: dense(known @ scores))
    return {}


def run_elsa(job, fit):
    losses = []

    def after_epoch(epoch, loss, factors):
        losses.append(loss)
        print(f"elsa: epoch {epoch + 1} of {job['epochs']}, loss {loss:.5f}", file=sys.stderr)
        for ask in job["asks"]:
            if ask["each"] or epoch + 1 == job["epochs"]:
                out = f"{ask['out']}.{epoch + 1}" if ask["each"] else ask["out"]
                rank(job, ask["queries"], out, lambda known: (known @ factors) @ factors.T)
        if epoch + 1 == job["epochs"] and job["factors"] is not None:
            factors.astype(np.float32).tofile(job["factors"])

    elsa(fit, job["dim"], job["epochs"], job["rate"], job["seed"], job["keep"], after_epoch)
    return {"losses": losses}


def rank(job, queries, out, scores_of):
    write_rankings(out, scores_of, read_lists(queries, job["items"]), job["k"])


def dense(scores):
    return scores.toarray() if sp.issparse(scores) else scores


job = json.load(open(sys.argv[1]))
fit = read_lists(job["fit"], job["items"])
print(json.dumps({"ease": run_ease, "elsa": run_elsa}[job["method"]](job, fit)))
