import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { messageOf, UserError } from "@poeem/offline/errors";
import { z } from "zod";
import { DATA } from "./config/data.ts";
import { EVENTS } from "./config/events.ts";
import { INDEX } from "./config/index.ts";
import { ITEMS } from "./config/items.ts";
import { MODEL } from "./config/model.ts";
import { SPLIT, type SplitKind, splitKind } from "./config/split.ts";
import { TRAINING } from "./config/training.ts";

/** All keys; each section is a file of its own in src/config. */
export const SCHEMA = z.strictObject({
  /** What the catalogue is called in messages. */
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, "expected lower-case letters, digits and dashes"),
  /** What is trained on: SQL for the items, and for the events. */
  data: DATA,
  /** Columns of the items, and what each is for. */
  items: ITEMS,
  /** Columns of the events. */
  events: EVENTS,
  /** Which events are held out of the training. */
  split: SPLIT,
  /** The two towers. */
  model: MODEL,
  /** The index, and the indexing layer that learns it. */
  index: INDEX,
  /** The training. */
  training: TRAINING,
});

/** What a `poeem.config.ts` may say; everything with a default may be left out. */
export type PoeemConfigInput = z.input<typeof SCHEMA>;
/** A configuration with every default filled in. It travels in the artifact. */
export type PoeemConfig = z.output<typeof SCHEMA> & { split: { by: SplitKind } };

/** Gives a `poeem.config.ts` its types: `export default defineConfig({ … })`. */
export function defineConfig(config: PoeemConfigInput): PoeemConfigInput {
  return config;
}

/** Checks a configuration and fills in its defaults. Throws a `UserError` that names every wrong key. */
export function resolveConfig(input: unknown, where: string): PoeemConfig {
  const parsed = SCHEMA.safeParse(input);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join(".") || "(top level)"}: ${issue.message}`);
    throw new UserError(`${where}: ${problems.join("; ")}`);
  }
  const { items, model, index, events, split, training } = parsed.data;
  const refuse = (wrong: boolean, why: string): void => {
    if (wrong) throw new UserError(`${where}: ${why}`);
  };
  const { columns } = split;
  const by = splitKind(parsed.data, refuse);
  const named = "to name a column, got none";
  refuse(
    items.fields.includes("title") && (items.title ?? "title") !== "title",
    `items.fields: "title" is what results call the column of items.title ("${items.title}"); ` +
      "rename the other one in data.items (title AS another_name)",
  );
  refuse(
    model.history.as === "mixture" && events.user !== undefined && (events.query ?? events.context[0]) !== undefined,
    'model.history.as expected "mean" or "attention" where queries have a text or a context too, got "mixture"',
  );
  refuse(
    training.start === "spectral" && events.user === undefined,
    `training.start "spectral" expected events.user ${named}`,
  );
  refuse(by === "time" && events.time === undefined, `split.by "time" expected events.time ${named}`);
  refuse(
    (by === "last" || by === "user") && events.user === undefined,
    `split.by "${by}" expected events.user ${named}`,
  );
  refuse(columns !== undefined && by !== "hash", `split.columns is for a split by hash, got split.by "${by}"`);
  const { numSubQuantizers: M, nbits, nlist, bufferSize } = index;
  refuse(model.dim % M !== 0, `model.dim expected a multiple of index.numSubQuantizers (${M}), got ${model.dim}`);
  refuse(bufferSize < 2 ** nbits, `index.bufferSize expected at least ${2 ** nbits} (2^nbits), got ${bufferSize}`);
  refuse(nlist > bufferSize, `index.nlist expected at most index.bufferSize (${bufferSize}), got ${nlist}`);
  return { ...parsed.data, split: { ...split, by } };
}

/** Loads a `poeem.config.ts` (or .js, .mjs). Returns the configuration and its folder, in which the SQL runs. */
export async function loadConfig(file: string): Promise<{ config: PoeemConfig; directory: string }> {
  const path = resolve(file);
  if (!existsSync(path)) throw new UserError(`config file not found: ${file}`);
  let module: { default?: unknown };
  try {
    module = await import(pathToFileURL(path).href);
  } catch (error) {
    throw new UserError(`${file} cannot be loaded: ${messageOf(error)}`);
  }
  if (module.default === undefined) throw new UserError(`${file}: expected "export default defineConfig({ … })"`);
  return { config: resolveConfig(module.default, file), directory: dirname(path) };
}
