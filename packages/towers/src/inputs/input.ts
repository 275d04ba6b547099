import type { Section } from "../format/sections.ts";

/**
 * A kind of input as a tower's reader knows it: how its weights stand in a file, and what it adds to the tower's sum.
 * `W` are its weights, `Of` what a query or an item may have.
 */
export interface InputKind<W, Of> {
  /** Names the kind in files and in weights. */
  readonly kind: string;
  /** Of queries: the part of a question that it reads. */
  readonly part?: string;
  pack(weights: W): Omit<Section, "kind">;
  /**
   * @param width numbers in the tower's sum
   * @param dim numbers in the tower's vectors
   * @throws FormatError naming the field
   */
  unpack(where: string, section: Section, width: number, dim: number): W;
  open(weights: W, width: number): Input<Of>;
  /** What a person wants to know of the weights, by name: what `poeem inspect` shows. */
  facts(weights: W): Readonly<Record<string, number | string | readonly string[] | undefined>>;
}

/** An input ready to be asked. */
export interface Input<Of> {
  /** What a tower with this input reads, for those who ask it. */
  readonly reads?: Partial<Reads>;
  /** Memory that it takes beside the bytes of its file; left out: little. */
  readonly heapBytes?: number;
  /** Of items: whether it holds what the training learned of this one alone. */
  knows?(of: Of): boolean;
  /** Adds what it knows to the tower's sum, (width); nothing where nothing is known. */
  add?(of: Of, sum: Float64Array): void;
  /** An input that answers with vectors of its own instead of a part of the sum. */
  readonly mixture?: MixtureInput<Of>;
}

export interface MixtureInput<Of> {
  /** The part of a query that it answers. */
  readonly part: string;
  /** Whether it answers beside other parts; else it has to be asked alone. */
  readonly combines: boolean;
  /**
   * @param beside the vector of the other parts, which the answer leans from
   * @returns undefined when nothing of its own part is known
   */
  answer(of: Of, beside?: Float32Array): MixtureQuery | undefined;
}

/** Several query vectors whose scores add up: score(x) = log Σ_h weights_h · exp(temperature · q_h·x). */
export interface MixtureQuery {
  readonly vectors: readonly Float32Array[];
  readonly temperature: number;
  /** (vectors.length), the largest 1. */
  readonly weights: Float32Array;
  /** The vector of the other parts of the query, where there are some: each of the vectors leans from it. */
  readonly beside?: Float32Array | undefined;
}

/**
 * mixture: one query vector per item of the history, scores added as a mixture of softmaxes; each leans from the vector
 * of text and context, where the model was trained on these too. mean, attention: one vector of all of them, which goes
 * through the layers together with text and context.
 */
export type HistoryForm = "mixture" | "mean" | "attention";

/** What a tower takes of one column of vectors. */
export interface EmbeddingReads {
  /** Of the column. */
  readonly name: string;
  /** The model that made the vectors, where training was told. */
  readonly encoder?: string | undefined;
  /** Numbers of a vector. */
  readonly length: number;
}

/** What a query tower was trained to read. */
export interface Reads {
  readonly text: boolean;
  /** How histories become query vectors; undefined when it does not read them. */
  readonly history: HistoryForm | undefined;
  /** Newest items of a history that are read; 0 without history. */
  readonly historyLength: number;
  /** Whether the order of a history counts, and so each of its items once. */
  readonly isOrdered: boolean;
  /** Whether a history can be asked together with text and context. */
  readonly combines: boolean;
  /** Names of the context columns. */
  readonly contexts: readonly string[];
  /** Columns of embeddings that it takes. */
  readonly embeddings: readonly EmbeddingReads[];
}
