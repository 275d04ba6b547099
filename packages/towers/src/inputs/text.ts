import { arrayOf, expectInteger, expectThat, TOKENIZER_VERSIONS_VERSION } from "../format/sections.ts";
import { type EmbeddingTable, embeddingBag } from "../text/embedding-bag.ts";
import { TOKENIZER_VERSION, type TokenizerConfig, textFeatures } from "../text/tokenizer.ts";
import type { InputKind } from "./input.ts";

/** Words and character n-grams: the mean of their rows. Shared by queries and items. */
export interface TextWeights {
  readonly kind: "text";
  readonly tokenizer: TokenizerConfig;
  readonly table: EmbeddingTable;
  /**
   * Of items: how much the text of an item counts that the training did not meet; default 1. More where the training
   * also read the queries that led to an item, which a new item cannot have: its own text stands for them.
   */
  readonly weightOfNew?: number | undefined;
}

export interface WithText {
  readonly text?: string | undefined;
  /** Of items: whether the training met it. */
  readonly isNew?: boolean | undefined;
}

const MAX_ROWS = 1 << 24;

export const TEXT: InputKind<TextWeights, WithText> = {
  kind: "text",
  part: "text",
  pack: ({ tokenizer, table: { hashes, scales, values }, weightOfNew }) => ({
    settings: { tokenizer, ...(weightOfNew !== undefined && { weightOfNew }) },
    arrays: [hashes, scales, values],
    ...((tokenizer.version ?? 1) > 1 && { since: TOKENIZER_VERSIONS_VERSION }),
  }),
  unpack(where, section, width) {
    const { tokenizer, weightOfNew } = section.settings as Partial<TextWeights>;
    for (const name of ["minGram", "maxGram", "maxChars"] as const)
      expectInteger(where, `text.tokenizer.${name}`, tokenizer?.[name], 0, 1 << 16);
    if (tokenizer!.version !== undefined)
      expectInteger(where, "text.tokenizer.version", tokenizer!.version, 1, TOKENIZER_VERSION);
    if (weightOfNew !== undefined) {
      const isGood = Number.isFinite(weightOfNew) && weightOfNew >= 0;
      expectThat(isGood, where, "text.weightOfNew", "a number of at least 0", weightOfNew);
    }
    const hashes = arrayOf(where, section, 0, "u32");
    expectInteger(where, "text.rows", hashes.length, 0, MAX_ROWS);
    checkAscending(where, hashes);
    const scales = arrayOf(where, section, 1, "f32", hashes.length);
    const values = arrayOf(where, section, 2, "i8", hashes.length * width);
    const table = { embeddingDim: width, hashes, scales, values };
    return { kind: "text", tokenizer: tokenizer!, table, ...(weightOfNew !== undefined && { weightOfNew }) };
  },
  facts: ({ tokenizer: { version = 1, minGram, maxGram, maxChars }, table }) => ({
    textFeatures: table.hashes.length,
    tokenizer: `version ${version}, n-grams of ${minGram} to ${maxGram}, at most ${maxChars} characters`,
  }),
  open: ({ tokenizer, table, weightOfNew = 1 }) => ({
    reads: { text: table.hashes.length > 0 },
    add({ text, isNew }, sum) {
      if (text === undefined) return;
      const bag = embeddingBag(table, textFeatures(text, tokenizer));
      const weight = isNew ? weightOfNew : 1;
      for (let d = 0; d < sum.length; d++) sum[d]! += weight * bag[d]!;
    },
  }),
};

/** A look-up is a binary search: out of order it would miss features silently. */
function checkAscending(where: string, hashes: Uint32Array): void {
  for (let row = 1; row < hashes.length; row++) {
    if (hashes[row]! > hashes[row - 1]!) continue;
    expectThat(false, where, `hashes[${row}]`, `more than ${hashes[row - 1]}`, hashes[row]);
  }
}
