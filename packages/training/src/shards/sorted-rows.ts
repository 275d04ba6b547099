import type { Codebook, ItemId, ItemIds } from "@poeem/pq-core";
import { compareIds, type FilterNames, type LookupSlice, type RowSlice, toIds } from "@poeem/pq-core/write";
import { type Database, literal, quoted, wholeText } from "../data/duckdb.ts";
import { BadRowsError } from "./bad-rows.ts";
import { joinArrays } from "./join-arrays.ts";
import { RowBlocks, type RowRun } from "./row-blocks.ts";
import { facetColumn, numberColumn, type ShardShape, shardColumns } from "./schema.ts";
import { type ShardFile, shardRowsSql } from "./shard-files.ts";

const TABLE = "poeem_sorted";
const UNFINISHED = "poeem_unfinished";
const LOOKUP = "poeem_lookup";
const SORTED_LOOKUP = "poeem_sorted_lookup";
/** Rows that are read at a time, and what they take at most. */
const BLOCK_ROWS = 1 << 16;
const BLOCK_BYTES = 1 << 27;

const WORDS = ["terms", "impacts", "names"];

/** Rows as pages are made of them, with the cells that they lie in. */
export interface SortedSlice extends RowSlice {
  readonly cells: Uint32Array;
}

/** Takes the ids of a run of rows, whose ordinals begin at `first`. */
type LookupWriter = (ids: ItemIds, first: number) => void;

/** Rows of all shards in list order, in a table that lies on disk. */
export class SortedRows {
  readonly #database: Database;
  readonly #shards: readonly ShardFile[];
  readonly shape: ShardShape;
  readonly #columns: readonly (readonly [name: string, type: string])[];
  readonly #codebook: Pick<Codebook, "numSubQuantizers" | "numCentroids">;
  #blockRows = BLOCK_ROWS;

  constructor(
    database: Database,
    shards: readonly ShardFile[],
    shape: ShardShape,
    codebook: Pick<Codebook, "numSubQuantizers" | "numCentroids">,
  ) {
    this.#database = database;
    this.#shards = shards;
    this.shape = shape;
    this.#columns = shardColumns(shape);
    this.#codebook = codebook;
  }

  /**
   * Sorts by cell and id, out of core.
   *
   * @param isResumed whether an earlier run may have done it
   * @throws UserError for columns that do not fit, and for rows without what each has
   */
  async sort(isResumed: boolean): Promise<void> {
    const tables = `SELECT 1 FROM duckdb_tables() WHERE table_name = ${literal(TABLE)} AND database_name = 'data'`;
    if (!isResumed || (await this.#database.rows(tables)).length === 0) {
      const list = this.#columns.map(([name, type], i) => `${quoted(name)}::${type} AS c${i}`).join(", ");
      // under another name until it is whole
      for (const name of [TABLE, UNFINISHED]) await this.#database.run(`DROP TABLE IF EXISTS ${name}`);
      const rows = `SELECT ${list} FROM ${shardRowsSql(this.#shards)}`;
      await this.#database.ask("--shards", `CREATE TABLE ${UNFINISHED} AS ${rows} ORDER BY c1, c0`);
      await this.#database.run(`ALTER TABLE ${UNFINISHED} RENAME TO ${TABLE}`);
      await this.#database.run("CHECKPOINT");
    }
    await this.#checkRows();
  }

  /** @throws BadRowsError for fewer or more rows than shards say, and for rows that lack something */
  async #checkRows(): Promise<void> {
    const needed = [
      "id",
      "cell",
      "code",
      ...(this.shape.hasTerms ? ["term"] : []),
      ...(this.shape.hasFields ? ["fields"] : []),
    ];
    const lacking = needed.map((name) => `count(*) FILTER (${this.#sqlOf(name)} IS NULL)::DOUBLE AS ${quoted(name)}`);
    const wide = this.shape.hasFields ? `avg(strlen(${this.#sqlOf("fields")}))` : "0";
    const [row] = await this.#database.rows(
      `SELECT count(*)::DOUBLE AS rows, ${lacking.join(", ")}, ${wide}::DOUBLE AS wide FROM ${TABLE}`,
    );
    const said = this.#shards.reduce((sum, { facts }) => sum + facts.rows, 0);
    if (row!["rows"] !== said)
      throw new BadRowsError(`--shards: expected ${said} rows, as the shards say of themselves, got ${row!["rows"]}`);
    const none = needed.find((name) => Number(row![name]) > 0);
    if (none !== undefined) throw new BadRowsError(`--shards: ${row![none]} rows without ${none}`);
    this.#blockRows = Math.max(1024, Math.min(BLOCK_ROWS, Math.floor(BLOCK_BYTES / (100 + Number(row!["wide"] ?? 0)))));
  }

  /** (cells + 1) list offsets. @throws UserError for cells that the index does not have */
  async offsets(cells: number): Promise<Uint32Array> {
    const offsets = new Uint32Array(cells + 1);
    const rows = await this.#database.rows(`SELECT c1 AS cell, count(*)::UINTEGER AS n FROM ${TABLE} GROUP BY c1`);
    for (const { cell, n } of rows) {
      if (Number(cell) >= cells) throw new BadRowsError(`--shards: expected cells below ${cells}, got ${cell}`);
      offsets[Number(cell) + 1] = Number(n);
    }
    for (let cell = 0; cell < cells; cell++) offsets[cell + 1]! += offsets[cell]!;
    return offsets;
  }

  /** What items can be filtered by. */
  async filters(): Promise<FilterNames> {
    const facets: { readonly name: string; readonly counts: ReadonlyMap<string, number> }[] = [];
    for (const name of this.shape.facets) {
      const column = this.#sqlOf(facetColumn(name));
      const counts = await this.#database.rows(
        `SELECT ${wholeText("value")} AS whole, count(*)::UINTEGER AS n
         FROM (SELECT unnest(list_distinct(${column})) AS value FROM ${TABLE}) GROUP BY value`,
      );
      facets.push({ name, counts: new Map(counts.map(({ whole, n }) => [whole as string, Number(n)])) });
    }
    return { facets, numbers: this.shape.numbers };
  }

  /** Terms of all items together. */
  async countTerms(): Promise<number> {
    const [row] = await this.#database.rows(`SELECT sum(len(${this.#sqlOf("terms")}))::DOUBLE AS n FROM ${TABLE}`);
    return Number(row?.["n"] ?? 0);
  }

  /** Rows in list order. @param names of columns */
  blocks(names: readonly string[]): RowBlocks {
    const columns = names.map((name) => {
      const type = this.#columns.find(([column]) => column === name)![1];
      const sql = this.#sqlOf(name);
      return [name, type.startsWith("VARCHAR") ? wholeText(sql, type.endsWith("[]")) : sql] as const;
    });
    return new RowBlocks(this.#database, TABLE, new Map(columns), this.#blockRows);
  }

  /** A reader of rows as pages are made of them, from the first on. @param lookup is told their ids */
  rows(lookup: LookupWriter): (first: number, count: number) => Promise<SortedSlice> {
    const { idType, facets, numbers, hasFields, hasTerms } = this.shape;
    const names = this.#columns.map(([name]) => name).filter((name) => !WORDS.includes(name) || !this.shape.hasWords);
    const blocks = this.blocks(names);
    let last: { readonly cell: number; readonly id: ItemId } | undefined;
    const sliceOf = (run: RowRun): SortedSlice => ({
      codes: run.bytes("code", this.#codebook.numSubQuantizers),
      terms: hasTerms ? run.numbers("term", Float32Array) : undefined,
      ids: run.ids("id", idType),
      cells: run.numbers("cell", Uint32Array),
      fields: hasFields ? run.texts("fields") : undefined,
      facets: facets.map((name) => run.lists(facetColumn(name))),
      numbers: numbers.map((name) => run.numbers(numberColumn(name), Float64Array, Number.NaN)),
    });
    return async (first, count) => {
      const runs = (await blocks.take(count)).map(sliceOf);
      const slice = runs.length === 1 ? runs[0]! : joinSlices(runs, this.shape);
      for (let i = 0; i < count; i++) {
        const [cell, id] = [slice.cells[i]!, slice.ids[i]!];
        if (last?.cell === cell && last.id === id) await this.#refuseTwice(id);
        const isNext = last === undefined || cell > last.cell || (cell === last.cell && compareIds(last.id, id) < 0);
        if (!isNext) throw new Error(`rows are not in the order of their cells and ids at ${id}`);
        last = { cell, id };
      }
      this.#checkSlice(slice);
      lookup(slice.ids, first);
      return slice;
    };
  }

  /** @throws BadRowsError naming the item with a code, a term or fields that cannot be */
  #checkSlice({ ids, codes, terms, fields }: SortedSlice): void {
    const { numSubQuantizers: M, numCentroids } = this.#codebook;
    const refuse = (i: number, what: string): never => {
      throw new BadRowsError(`--shards: item ${JSON.stringify(String(ids[i]))} has ${what}`);
    };
    if (numCentroids < 256)
      for (let at = 0; at < codes.length; at++)
        if (codes[at]! >= numCentroids)
          refuse(Math.floor(at / M), `a code of ${codes[at]} where ${numCentroids - 1} is most`);
    terms?.forEach((term, i) => {
      if (!(term >= 0 && term < Infinity)) refuse(i, `the term ${term}`);
    });
    fields?.forEach((json, i) => {
      if (!isObject(json)) refuse(i, "fields that are no JSON object");
    });
  }

  /** Takes ids with their ordinals, to be handed over by ascending id. */
  async startLookup(): Promise<{ readonly write: LookupWriter; readonly read: () => AsyncGenerator<LookupSlice> }> {
    const { idType } = this.shape;
    const database = this.#database;
    const isText = idType === "string";
    await database.run(`CREATE OR REPLACE TABLE ${LOOKUP} (id ${this.#columns[0]![1]}, ordinal UINTEGER)`);
    const appender = await database.appender(LOOKUP, "data");
    const refuse = (id: ItemId): Promise<never> => this.#refuseTwice(id);
    const write: LookupWriter = (ids, first) => {
      for (let i = 0; i < ids.length; i++) {
        const id = ids[i]!;
        if (typeof id === "string") appender.appendVarchar(id);
        else if (typeof id === "bigint") appender.appendUBigInt(id);
        else appender.appendUInteger(id);
        appender.appendUInteger(first + i);
        appender.endRow();
      }
    };
    async function* read(): AsyncGenerator<LookupSlice> {
      appender.closeSync();
      await database.run(`CREATE OR REPLACE TABLE ${SORTED_LOOKUP} AS SELECT id, ordinal FROM ${LOOKUP} ORDER BY id`);
      await database.run(`DROP TABLE ${LOOKUP}`);
      const columns = new Map([
        ["id", isText ? wholeText("id") : "id"],
        ["ordinal", "ordinal"],
      ]);
      const blocks = new RowBlocks(database, SORTED_LOOKUP, columns, BLOCK_ROWS);
      let last: ItemId | undefined;
      for (let run = await blocks.next(); run.count > 0; run = await blocks.next()) {
        const ids = run.ids("id", idType);
        for (let i = 0; i < ids.length; i++) {
          if (ids[i] === last) await refuse(last!);
          if (last !== undefined && compareIds(last, ids[i]!) > 0) throw new Error(`ids are not in order at ${ids[i]}`);
          last = ids[i];
        }
        yield { ids, ordinals: run.numbers("ordinal", Uint32Array) };
      }
    }
    return { write, read };
  }

  /** @throws UserError naming the shards that have an id */
  async #refuseTwice(id: ItemId): Promise<never> {
    const value = typeof id === "string" ? literal(id) : String(id);
    const found = await this.#database.rows(
      `SELECT filename FROM ${shardRowsSql(this.#shards, ", filename = true")} WHERE id = ${value} LIMIT 2`,
    );
    const names = [...new Set(found.map(({ filename }) => filename as string))];
    throw new BadRowsError(`--shards: id ${JSON.stringify(String(id))} comes twice, in ${names.join(" and ")}`);
  }

  #sqlOf(name: string): string {
    return `c${this.#columns.findIndex(([column]) => column === name)}`;
  }
}

function isObject(json: string): boolean {
  if (!json.startsWith("{")) return false;
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}

/** Runs of rows as one. */
export function joinSlices(slices: readonly SortedSlice[], { idType, facets, numbers }: ShardShape): SortedSlice {
  const hasTerms = slices[0]?.terms !== undefined;
  return {
    codes: joinArrays(
      Uint8Array,
      slices.map(({ codes }) => codes),
    ),
    terms: hasTerms
      ? joinArrays(
          Float32Array,
          slices.map(({ terms }) => terms!),
        )
      : undefined,
    cells: joinArrays(
      Uint32Array,
      slices.map(({ cells }) => cells),
    ),
    ids: toIds(
      slices.flatMap(({ ids }) => [...ids] as ItemId[]),
      idType,
    ),
    fields: slices.flatMap(({ fields = [] }) => fields),
    facets: facets.map((_, f) => slices.flatMap((slice) => Array.from(slice.facets[f]!))),
    numbers: numbers.map((_, j) =>
      joinArrays(
        Float64Array,
        slices.map((slice) => slice.numbers[j] as Float64Array),
      ),
    ),
  };
}
