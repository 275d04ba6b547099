/** What `/version` tells. Anybody may read it: nothing of the store, and nothing of any other index. */
import type { ServedIndex } from "../index/served-index.ts";
import type { Dependencies } from "./app-env.ts";

/** How it goes with an index, whatever version serves, and what a request may cost. */
export function describeState({ indexes, config, now }: Dependencies, name: string) {
  const checkedAt = indexes.checkedAt(name);
  return {
    pointerAgeMs: checkedAt === undefined ? null : now() - checkedAt,
    refreshFailure: indexes.refreshFailure(name) ?? null,
    limits: config.limits,
  };
}

/** A version of an index. @param name of the index */
export function describeIndex(name: string, served: ServedIndex) {
  const { index, tower, encoders, words, publishedAt, memory } = served;
  const { version, formatVersion, numItems, dim, metric, nlist, numSubQuantizers, nbits, defaultNprobe } =
    index.manifest;
  const { cellsPerPage = null } = index.manifest;
  const bytesPerItem = (numSubQuantizers * nbits) / 8;
  return {
    name,
    version,
    publishedAt,
    formatVersion,
    numItems,
    dim,
    metric,
    nlist,
    numSubQuantizers,
    nbits,
    bytesPerItem,
    defaultNprobe,
    cellsPerPage,
    kernel: index.kernel,
    reads: {
      text: tower?.reads.text ?? false,
      history: tower?.reads.history ?? null,
      historyLength: tower?.reads.historyLength ?? 0,
      combines: tower?.reads.combines ?? false,
      contexts: [...(tower?.reads.contexts ?? [])],
      embeddings: (tower?.reads.embeddings ?? []).map(({ name, encoder = null, length }) => ({
        ...{ name, encoder, length },
        isAsked: encoders.some(({ input }) => input === name),
      })),
    },
    memory: {
      lists: memory.residentBytes > 0 || index.manifest.numItems === 0 ? ("kept" as const) : ("read" as const),
      pages: memory.keepsPages ? ("kept" as const) : ("read" as const),
      filters: memory.keepsFilters,
      words: memory.keepsWords,
    },
    words: words ? { terms: words.numTerms, weights: { dense: words.facts.dense, words: words.facts.words } } : null,
  };
}
