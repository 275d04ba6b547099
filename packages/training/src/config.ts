import { existsSync, readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { messageOf, UserError } from "@poeem/offline/errors";
import { otherThanFile } from "@poeem/offline/files";
import type { z } from "zod";
import { checkConfig } from "./config/check.ts";
import { type Codes, type WithKind, withKind } from "./config/kinds.ts";
import { describeProblems } from "./config/problems.ts";
import { retiredKeys, withoutRetired } from "./config/retired.ts";
import { SCHEMA } from "./config/schema.ts";
import { type SplitKind, splitKind } from "./config/split.ts";

/** What a `poeem.config.ts` may say; everything with a default may be left out. */
export type PoeemConfigInput = z.input<typeof SCHEMA>;
/** A configuration with every default filled in but those that follow from the data. */
export type PoeemConfig = WithKind & { split: { by: SplitKind } };
/** One with those too (src/train/fit-config.ts): what a training reads, and what travels in the artifact. */
export type FittedConfig = Omit<PoeemConfig, "index"> & {
  readonly index: Omit<PoeemConfig["index"], keyof Codes> &
    Codes &
    Readonly<Record<"nlist" | "nprobe" | "bufferSize", number>>;
  readonly training: Readonly<Passes>;
};
/** What of a configuration travels in an index, or lies beside it: all but `data.setup`, where secrets may stand. */
export function withoutSetup<Config extends { readonly data: PoeemConfig["data"] }>(config: Config): Config {
  const { setup, ...data } = config.data;
  return { ...config, data };
}

/** Passes over the training events. */
export type Passes = Record<"batchSize" | "epochs", number>;

/** Gives a `poeem.config.ts` its types: `export default defineConfig({ … })`. */
export function defineConfig(config: PoeemConfigInput): PoeemConfigInput {
  return config;
}

/**
 * Checks a configuration and fills in its defaults.
 * @param where what is checked, in errors
 * @throws UserError that names every wrong key, or settings that contradict each other
 */
export function resolveConfig(input: unknown, where: string): PoeemConfig {
  const config = parse(input, where);
  checkConfig(config, input as PoeemConfigInput, where);
  return config;
}

/**
 * The same without a look at what contradicts itself: an index keeps the configuration that it was trained with, and
 * earlier versions let more through, and had keys that did nothing.
 */
export function readConfig(input: unknown, where: string): PoeemConfig {
  return parse(withoutRetired(input), where);
}

function parse(input: unknown, where: string): PoeemConfig {
  const parsed = SCHEMA.safeParse(input, { reportInput: true });
  if (parsed.success) {
    const config = withKind(parsed.data);
    return { ...config, split: { ...config.split, by: splitKind(parsed.data) } };
  }
  throw new UserError(`${where}: ${describeProblems(parsed.error.issues).join("; ")}`);
}

/** A configuration, and the folder of its file, in which the SQL runs. */
export interface LoadedConfig {
  readonly config: PoeemConfig;
  readonly directory: string;
  /** Keys in it that do nothing any more. */
  readonly retired: readonly string[];
}

/** Loads a `poeem.config.ts` (or .js, .mjs). */
export async function loadConfig(file: string): Promise<LoadedConfig> {
  const path = resolve(file);
  if (!existsSync(path)) throw new UserError(`config file not found: ${file}`);
  const other = otherThanFile(path);
  if (other !== undefined) throw new UserError(`${file} cannot be loaded: expected a file, got ${other}`);
  let module: { default?: unknown };
  try {
    module = await import(pathToFileURL(path).href);
  } catch (error) {
    const manifest = commonJsBy(path);
    const cure = manifest === undefined ? "" : `; ${manifest} says "type": "commonjs", expected "module"`;
    throw new UserError(`${file} cannot be loaded: ${messageOf(error)}${cure}`);
  }
  if (module.default === undefined) throw new UserError(`${file}: expected "export default defineConfig({ … })"`);
  const config = resolveConfig(withoutRetired(module.default), file);
  return { config, directory: dirname(path), retired: retiredKeys(module.default) };
}

/** The package.json by which a script is CommonJS, without `import` and `export`: `npm init -y` writes such a one. */
function commonJsBy(path: string): string | undefined {
  const manifest = /\.[jt]s$/.test(path) ? findPackageJSON(pathToFileURL(path)) : undefined;
  return manifest && JSON.parse(readFileSync(manifest, "utf8")).type === "commonjs" ? manifest : undefined;
}
