/** What the words of an index need beside postings: by which rules they were read, and what they count for. */
export interface WordFacts {
  /** Rules by which texts were cut into terms; a reader asks by the same ones. */
  readonly rules: number;
  /** Weight of the score by codes in a hybrid search. */
  readonly dense: number;
  /** Weight of the share by words. Never both 0. */
  readonly words: number;
  /**
   * What a score by codes says of a text, measured at training: the best score that nonsense gets, and the usual score
   * of an item that was asked for.
   */
  readonly near?: readonly [floor: number, usual: number] | undefined;
}

/** The words of items, as a writer takes them and a reader gives them back: a list of terms for each item. */
export interface ItemWords {
  /** Distinct terms, in any order. */
  readonly terms: readonly string[];
  /** (n + 1) where the list of each item starts in `numbers` and `impacts`. */
  readonly offsets: Uint32Array;
  /** Positions in `terms`, none twice in an item. */
  readonly numbers: Uint32Array;
  /** 1 to 15: how much of the term's weight an item with it has. Everything else, such as lengths, is folded in. */
  readonly impacts: Uint8Array;
  /** (n + 1) where the names of each item start in `names`. */
  readonly nameOffsets: Uint32Array;
  /** Hashes of what an item is called: a query with such a hash may be its name. */
  readonly names: Uint32Array;
}
