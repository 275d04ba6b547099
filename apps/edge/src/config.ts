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

/** Settings with which nothing may be served. The message names the setting, what it expects and what it has. */
export class SettingError extends Error {
  override readonly name = "SettingError";
  constructor(setting: string, expected: string, got: string) {
    super(`[edge] ${setting} expected ${expected}, got ${got}`);
  }
}

/** @throws SettingError */
export function readConfig(env: Variables): Config {
  const log = env.LOG ?? "errors";
  if (log !== "all" && log !== "errors") throw new SettingError("variable LOG", '"all" or "errors"', `"${log}"`);
  const canaryShare = Number(env.CANARY_SHARE ?? "0");
  if (!isShare(canaryShare))
    throw new SettingError("variable CANARY_SHARE", "a number from 0 to 1", `"${env.CANARY_SHARE}"`);
  const tokens = list(env.SEARCH_TOKENS);
  // A secret that came out empty must not open what it was to guard.
  if (env.SEARCH_TOKENS !== undefined && tokens.length === 0)
    throw new SettingError("variable SEARCH_TOKENS", "bearer tokens separated by commas, or not to be set", "none");
  const config = {
    corsOrigins: list(env.CORS_ORIGINS),
    tokens,
    indexes: env.INDEXES === undefined ? undefined : list(env.INDEXES),
    logRequests: log === "all",
    canaryShare,
  };
  return checkConfig(config, {
    corsOrigins: "variable CORS_ORIGINS",
    tokens: "variable SEARCH_TOKENS",
    indexes: "variable INDEXES",
  });
}

const MEMBERS = { corsOrigins: '"corsOrigins"', tokens: '"tokens"', indexes: '"indexes"' };
const KEYS = ["corsOrigins", "tokens", "indexes", "logRequests", "canaryShare"];
/** What a header can carry after `Bearer`. */
const TOKEN = /^[\x21-\x7e]+$/;

/**
 * Members that are undefined are left out, so that they override nothing.
 * @param given may be anything: not everybody who writes it has a type checker
 * @param names what a person knows the members by
 * @throws SettingError
 */
export function checkConfig<C extends Partial<Config>>(given: C, names: typeof MEMBERS = MEMBERS): C {
  // A promise has no members: it would be as good as no settings, and nothing would be guarded.
  if (typeof given !== "object" || given === null || Array.isArray(given) || given instanceof Promise)
    throw new SettingError('"config"', "an object of settings", describe(given));
  const config = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as C;
  for (const key of Object.keys(config))
    if (!KEYS.includes(key)) throw new SettingError('"config"', `no other members than ${KEYS.join(", ")}`, key);
  const { canaryShare = 0, logRequests = false } = config;
  if (!isShare(canaryShare)) throw new SettingError('"canaryShare"', "a number from 0 to 1", describe(canaryShare));
  if (typeof logRequests !== "boolean") throw new SettingError('"logRequests"', "true or false", describe(logRequests));
  // "https://a.b/" would never equal the Origin header of a browser, and the mistake would be silent.
  checkList(config.corsOrigins, names.corsOrigins, "origins such as https://example.com", (origin) =>
    origin === "*" || URL.parse(origin)?.origin === origin ? undefined : describe(origin),
  );
  // Never told: a token is a secret even when it is none that works.
  checkList(config.tokens, names.tokens, "tokens of visible ASCII characters", (token) =>
    TOKEN.test(token) ? undefined : token === "" ? "an empty one" : "one with other characters",
  );
  checkList(config.indexes, names.indexes, "names of 1 to 40 of the characters a-z, 0-9 and -", (name) =>
    INDEX_NAME.test(name) ? undefined : describe(name),
  );
  return config;
}

/** @param wrong says what is wrong with a text, undefined for nothing */
function checkList(
  value: readonly string[] | undefined,
  name: string,
  expected: string,
  wrong: (text: string) => string | undefined,
): void {
  if (value === undefined) return;
  if (!Array.isArray(value)) throw new SettingError(name, `a list of ${expected}`, kindOf(value));
  for (const text of value as unknown[]) {
    const got = typeof text === "string" ? wrong(text) : kindOf(text);
    if (got !== undefined) throw new SettingError(name, expected, got);
  }
}

/** Without the value, which may be a secret. */
function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  return Array.isArray(value) ? "a list" : `a value of type ${typeof value}`;
}

function describe(value: unknown): string {
  return typeof value === "string" ? `"${value}"` : typeof value === "number" ? String(value) : kindOf(value);
}

function isShare(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 1;
}

function list(value = ""): string[] {
  return value
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
