/** What an operator sets, checked once. */
import { DEFAULT_INDEX_NAME, INDEX_NAME } from "@poeem/pq-core/kv";
import { checkLimits, DEFAULT_LIMITS, type Limits, readLimits } from "./limits.ts";
import { SettingError } from "./setting-error.ts";
import { readTokens, type Token } from "./tokens.ts";

/** Variables and secrets, as text. */
export interface Variables {
  /** Origins whose pages may read responses, separated by commas, or `*`; left out: only the Worker's own. */
  readonly CORS_ORIGINS?: string;
  /**
   * Secret: bearer tokens, separated by commas: `TOKEN` opens every index, `INDEX=TOKEN` that one. When set, searches
   * and items need one.
   */
  readonly SEARCH_TOKENS?: string;
  /** Names that `?index=` accepts besides the default, separated by commas; left out: every published index. */
  readonly INDEXES?: string;
  /** `all`: one line of log a request; `errors` (default): failures only. */
  readonly LOG?: string;
  /**
   * Share of searches, 0 to 1, that are run again over all cells to measure overlap, as far as `LIMITS` allow: of a
   * list the last one; default 0.
   */
  readonly CANARY_SHARE?: string;
  /**
   * What one request may cost, as in `nprobe=256, k=200, batch=8, work=60000000, reads=800, bytes=8000000, shed=0.5`;
   * what is left out has its default (`limits.ts`). As a secret it works without a deploy.
   */
  readonly LIMITS?: string;
}

/** Their names, for a program that takes them from its environment. */
export const VARIABLE_KEYS = ["CORS_ORIGINS", "SEARCH_TOKENS", "INDEXES", "LOG", "CANARY_SHARE", "LIMITS"] as const;

export interface Config {
  readonly corsOrigins: readonly string[];
  /** As in SEARCH_TOKENS: `TOKEN` or `INDEX=TOKEN`. */
  readonly tokens: readonly string[];
  /** undefined: all. */
  readonly indexes: readonly string[] | undefined;
  readonly logRequests: boolean;
  readonly canaryShare: number;
  readonly limits: Limits;
}

/** @throws SettingError for what is empty, too: what a variable was to say must not be lost */
export function readConfig(env: Variables): Config {
  const log = textOf(env, "LOG");
  if (log !== undefined && log !== "all" && log !== "errors")
    throw new SettingError("variable LOG", '"all" or "errors"', `"${log}"`);
  const share = textOf(env, "CANARY_SHARE");
  const canaryShare = share === undefined ? undefined : DECIMAL.test(share) ? Number(share) : Number.NaN;
  if (canaryShare !== undefined && !isShare(canaryShare))
    throw new SettingError("variable CANARY_SHARE", "a number from 0 to 1", `"${share}"`);
  const tokens = listOf(env, "SEARCH_TOKENS");
  if (tokens?.every((token) => token === ""))
    throw new SettingError("variable SEARCH_TOKENS", "bearer tokens separated by commas, or not to be set", "none");
  const config = {
    corsOrigins: listOf(env, "CORS_ORIGINS"),
    tokens,
    indexes: listOf(env, "INDEXES"),
    logRequests: log === "all",
    canaryShare,
  };
  const limits = { ...DEFAULT_LIMITS, ...readLimits(textOf(env, "LIMITS")) };
  return { ...NOTHING_SET, ...checkConfig(config, VARIABLE_NAMES), limits };
}

const MEMBERS = { corsOrigins: '"corsOrigins"', tokens: '"tokens"', indexes: '"indexes"' };
const VARIABLE_NAMES: typeof MEMBERS = {
  corsOrigins: "variable CORS_ORIGINS",
  tokens: "variable SEARCH_TOKENS",
  indexes: "variable INDEXES",
};
const NOTHING_SET: Config = {
  corsOrigins: [],
  tokens: [],
  indexes: undefined,
  logRequests: false,
  canaryShare: 0,
  limits: DEFAULT_LIMITS,
};
const KEYS = Object.keys(NOTHING_SET);
const DECIMAL = /^(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

type Given = { readonly [Key in Exclude<keyof Config, "limits">]?: Config[Key] | undefined } & {
  readonly limits?: Partial<Limits> | undefined;
};
/** Without the members that are undefined. */
type Checked<G> = { [Key in keyof G]: Exclude<G[Key], undefined> };

/**
 * Members that are undefined are left out, so that they override nothing.
 * @param given may be anything: not everybody who writes it has a type checker
 * @param names what a person knows the members by
 * @throws SettingError
 */
export function checkConfig<G extends Given>(given: G, names: typeof MEMBERS = MEMBERS): Partial<Checked<G>> {
  // A promise has no members: it would be as good as no settings, and nothing would be guarded.
  if (typeof given !== "object" || given === null || Array.isArray(given) || given instanceof Promise)
    throw new SettingError('"config"', "an object of settings", describe(given));
  const config = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Given;
  for (const key of Object.keys(config))
    if (!KEYS.includes(key)) throw new SettingError('"config"', `no other members than ${KEYS.join(", ")}`, key);
  const { canaryShare = 0, logRequests = false } = config;
  if (!isShare(canaryShare)) throw new SettingError('"canaryShare"', "a number from 0 to 1", describe(canaryShare));
  if (typeof logRequests !== "boolean") throw new SettingError('"logRequests"', "true or false", describe(logRequests));
  // "https://a.b/" would never equal the Origin header of a browser, and the mistake would be silent.
  checkList(config.corsOrigins, names.corsOrigins, "origins such as https://example.com", (origin) =>
    origin === "*" || URL.parse(origin)?.origin === origin ? undefined : describeOrigin(origin),
  );
  checkList(config.tokens, names.tokens, "tokens of visible ASCII characters", () => undefined);
  if (config.tokens?.length === 0)
    throw new SettingError(names.tokens, "at least one token, or to be left out", "an empty list");
  const tokens = readTokens(config.tokens ?? []);
  if (!Array.isArray(tokens)) throw new SettingError(names.tokens, tokens.expected, tokens.got);
  checkList(config.indexes, names.indexes, "names of 1 to 40 of the characters a-z, 0-9 and -", (name) =>
    INDEX_NAME.test(name) ? undefined : describe(name),
  );
  const limits = config.limits === undefined ? {} : { limits: checkLimits(config.limits, '"limits"') };
  return { ...config, ...limits } as Partial<Checked<G>>;
}

const tokensOf = new WeakMap<Config, readonly Token[]>();

/** The tokens of a configuration that was checked, each once. */
export function configuredTokens(config: Config): readonly Token[] {
  let tokens = tokensOf.get(config);
  if (tokens === undefined) {
    tokens = readTokens(config.tokens) as Token[];
    tokensOf.set(config, tokens);
  }
  return tokens;
}

/**
 * What a configuration of several sources cannot be.
 * @param setting that the tokens come from
 * @throws SettingError for a token of an index that is not served
 */
export function checkTogether({ tokens, indexes }: Config, setting: string): void {
  if (indexes === undefined) return;
  const served = [...new Set([DEFAULT_INDEX_NAME, ...indexes])];
  for (const { indexes: opened } of readTokens(tokens) as Token[])
    for (const name of opened ?? [])
      if (!served.includes(name))
        // What stands before the equals sign may be part of a secret.
        throw new SettingError(setting, `tokens of indexes that are served: ${served.join(", ")}`, "one of another");
}

/**
 * Refuses names that settings have and a server with a fixed list of indexes has not.
 * @param served names of all its indexes
 * @param variables that the settings were read from, as far as they are not given in code
 * @throws SettingError
 */
export function checkServed(config: Config, served: readonly string[], variables: Variables): void {
  const names = {
    tokens: nameOfTokens(variables.SEARCH_TOKENS === undefined),
    indexes: variables.INDEXES === undefined ? MEMBERS.indexes : VARIABLE_NAMES.indexes,
  };
  const other = config.indexes?.find((name) => name !== DEFAULT_INDEX_NAME && !served.includes(name));
  if (other !== undefined)
    throw new SettingError(names.indexes, `names of indexes that are served: ${served.join(", ")}`, `"${other}"`);
  checkTogether({ ...config, indexes: served }, names.tokens);
}

/** What a person knows the tokens by. @param isGiven in code, not as a variable */
export function nameOfTokens(isGiven: boolean): string {
  return (isGiven ? MEMBERS : VARIABLE_NAMES).tokens;
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

function describeOrigin(text: string): string {
  const isSlashed = text.endsWith("/") && URL.parse(text)?.origin === text.slice(0, -1);
  return isSlashed ? `${describe(text)}, whose slash at the end has to go` : describe(text);
}

function isShare(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 1;
}

/** @throws SettingError for JSON that is neither text nor a number: `vars` of a Worker may be any */
function textOf(env: Variables, name: keyof Variables): string | undefined {
  const value: unknown = env[name];
  if (typeof value === "number") return String(value);
  if (value !== undefined && typeof value !== "string")
    throw new SettingError(`variable ${name}`, "text", kindOf(value));
  return value;
}

/** Empty parts stay, to be refused: each may be a name or a secret that was not there. */
function listOf(env: Variables, name: keyof Variables): string[] | undefined {
  return textOf(env, name)
    ?.split(",")
    .map((part) => part.trim());
}
