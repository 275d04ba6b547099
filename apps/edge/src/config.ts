/** What an operator sets, checked once. */
import { INDEX_NAME } from "@poeem/pq-core/kv";

/** Variables and secrets, as text. */
export interface Variables {
  /** Origins whose pages may read responses, separated by commas, or `*`; left out: only the Worker's own. */
  readonly CORS_ORIGINS?: string;
  /** Secret: bearer tokens, separated by commas. When set, searches and items need one. */
  readonly SEARCH_TOKENS?: string;
  /** Names that `?index=` accepts besides the default, separated by commas; left out: every published index. */
  readonly INDEXES?: string;
  /** `all`: one line of log a request; `errors` (default): failures only. */
  readonly LOG?: string;
  /** Share of searches, 0 to 1, that are run again over all cells to measure overlap; default 0. */
  readonly CANARY_SHARE?: string;
}

export interface Config {
  readonly corsOrigins: readonly string[];
  readonly tokens: readonly string[];
  /** undefined: all. */
  readonly indexes: readonly string[] | undefined;
  readonly logRequests: boolean;
  readonly canaryShare: number;
}

/** @throws Error naming the variable, what it expects and what it has. */
export function readConfig(env: Variables): Config {
  const log = env.LOG ?? "errors";
  if (log !== "all" && log !== "errors")
    throw new Error(`[edge] variable LOG expected "all" or "errors", got "${log}"`);
  const canaryShare = Number(env.CANARY_SHARE ?? "0");
  if (!isShare(canaryShare))
    throw new Error(`[edge] variable CANARY_SHARE expected a number from 0 to 1, got "${env.CANARY_SHARE}"`);
  const config = {
    corsOrigins: list(env.CORS_ORIGINS),
    tokens: list(env.SEARCH_TOKENS),
    indexes: env.INDEXES === undefined ? undefined : list(env.INDEXES),
    logRequests: log === "all",
    canaryShare,
  };
  return checkConfig(config, { corsOrigins: "variable CORS_ORIGINS", indexes: "variable INDEXES" });
}

const MEMBERS = { corsOrigins: '"corsOrigins"', indexes: '"indexes"' };

/**
 * @param names what a person knows the members by
 * @throws Error naming the member, what it expects and what it has.
 */
export function checkConfig<C extends Partial<Config>>(config: C, names: typeof MEMBERS = MEMBERS): C {
  const { corsOrigins = [], indexes = [], canaryShare = 0 } = config;
  if (!isShare(canaryShare)) throw new Error(`[edge] "canaryShare" expected a number from 0 to 1, got ${canaryShare}`);
  for (const origin of corsOrigins) {
    // "https://a.b/" would never equal the Origin header of a browser, and the mistake would be silent.
    if (origin !== "*" && URL.parse(origin)?.origin !== origin)
      throw new Error(`[edge] ${names.corsOrigins} expected origins such as https://example.com, got "${origin}"`);
  }
  for (const name of indexes) {
    if (!INDEX_NAME.test(name))
      throw new Error(
        `[edge] ${names.indexes} expected names of 1 to 40 of the characters a-z, 0-9 and -, got "${name}"`,
      );
  }
  return config;
}

function isShare(value: number): boolean {
  return value >= 0 && value <= 1;
}

function list(value = ""): string[] {
  return value
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
