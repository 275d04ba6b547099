import { dequantizeTable, quantizeTable, type EmbeddingTable as TextTable, type TokenizerConfig } from "@poeem/towers";
import type { Dataset } from "../data/types.ts";
import { EmbeddingTable, type TableInit } from "./embedding-table.ts";

/** Rows of words and n-grams, shared by queries and item texts: what a query says of an item, its title says too. */
export class SharedText {
  readonly rows: EmbeddingTable;
  readonly tokenizer: TokenizerConfig;
  readonly vocabulary: Uint32Array;
  #settled: TextTable | undefined;

  constructor({ vocabulary, tokenizer }: Dataset, dim: number, init: TableInit) {
    this.rows = new EmbeddingTable(vocabulary.length, dim, init);
    this.tokenizer = tokenizer;
    this.vocabulary = vocabulary;
  }

  /** The rows as int8, as they travel. */
  table(): TextTable {
    return this.#settled ?? quantizeTable(this.rows.rows, this.vocabulary, this.rows.dim);
  }

  /** Ends training: the rows as they travel replace the trained ones, so that both towers compute alike. */
  settle(): void {
    this.#settled = this.table();
    this.rows.rows.set(dequantizeTable(this.#settled));
  }
}
