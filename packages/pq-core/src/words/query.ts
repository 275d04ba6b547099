/** A term that would do for a word of the query. */
export interface Alternative {
  readonly term: string;
  /** Above 0, at most 1: what finding it is worth beside finding the word itself. */
  readonly likeness: number;
  /**
   * Above 0, at most 1: how sure it is that this was meant, for the coverage. Default: its likeness. The best guess for
   * a word that no item has may count in full, since there is no better one, and yet be a wild one.
   */
  readonly certainty?: number | undefined;
}

/** A query as words. */
export interface WordQuery {
  /** Each word that was asked for, with all terms that would do for it; none where nothing like it is known. */
  readonly words: readonly { readonly alternatives: readonly Alternative[] }[];
  /** Of each of these lists, an item must have one term. */
  readonly required: readonly (readonly string[])[];
  /** Terms that an item must not have; of a list, not all of them together. */
  readonly excluded: readonly (string | readonly string[])[];
  /** Ordinals of items whose name was asked for, ascending. They come first. */
  readonly named: Uint32Array;
}
