import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PoeemConfigInput } from "@poeem/training/config";

export interface EventRow {
  readonly user: string;
  readonly item: string;
  /** Only where events have an order. */
  readonly time?: number;
}

/** A split as its source gives it; without `validation` the trainer cuts its own out of `train`. */
export interface GivenSplit {
  readonly train: readonly EventRow[];
  readonly validation?: readonly EventRow[];
  readonly test: readonly EventRow[];
}

/**
 * Writes the files of a split into a folder, and gives the configuration that reads them: nothing but what the data
 * are, so that every setting is a default.
 */
export async function writeSplit(folder: string, name: string, split: GivenSplit): Promise<PoeemConfigInput> {
  const isTimed = split.test[0]?.time !== undefined;
  const write = async (part: string, rows: readonly EventRow[]): Promise<string> => {
    const lines = rows.map(({ user, item, time }) => `${user}\t${item}${isTimed ? `\t${time}` : ""}\n`);
    await writeFile(join(folder, `${part}.tsv`), lines.join(""));
    return table(part, { user: "VARCHAR", item: "VARCHAR", ...(isTimed && { time: "DOUBLE" }) });
  };
  const rows = [split.train, split.validation ?? [], split.test].flat();
  await writeFile(join(folder, "items.tsv"), [...new Set(rows.map(({ item }) => `${item}\n`))].join(""));
  return {
    name,
    data: {
      items: table("items", { id: "VARCHAR" }),
      events: await write("train", split.train),
      ...(split.validation && { validation: await write("validation", split.validation) }),
      test: await write("test", split.test),
    },
    items: {},
    events: { user: "user", item: "item", ...(isTimed && { time: "time" }) },
  };
}

function table(part: string, columns: Record<string, string>): string {
  const types = Object.entries(columns).map(([column, type]) => `'${column}': '${type}'`);
  return (
    `FROM read_csv('${part}.tsv', delim = '\\t', header = false, quote = '', escape = '', ` +
    `columns = {${types.join(", ")}})`
  );
}
