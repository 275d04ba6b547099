/** What one request may cost at most, and what of it an operator sets. */
import { SettingError } from "./setting-error.ts";

/** See the table below for each. */
export interface Limits {
  readonly nprobe: number;
  readonly k: number;
  readonly batch: number;
  readonly work: number;
  readonly reads: number;
  readonly bytes: number;
  readonly texts: number;
  readonly shed: number;
}

interface Limit {
  readonly least: number;
  readonly most: number;
  readonly default: number;
  readonly isWhole: boolean;
}

const whole = (least: number, most: number, byDefault = most): Limit => ({
  ...{ least, most, default: byDefault, isWhole: true },
});

const LIMITS: Readonly<Record<keyof Limits, Limit>> = {
  /** Cells that each query vector may visit. An index whose own default is more is searched with this many. */
  nprobe: whole(1, 1_000_000),
  /** Results of one search: no fewer than it has by default. */
  k: whole(10, 1000),
  /** Searches in one POST. */
  batch: whole(1, 32),
  /**
   * Work of one request, all its searches together. The unit is a code of eight bytes scanned, about two nanoseconds:
   * with the default, the dearest request takes an eighth of a second, and at most twice that. With the least,
   * a light search of a small index.
   */
  work: whole(100_000, 1e12, 60_000_000),
  /**
   * Operations on the store: the platform gives an invocation 1,000 on KV and R2, and a cold start takes some of them.
   * What a cache before R2 has is none, yet counts here: looking it up is a subrequest as well.
   */
  reads: whole(10, 1_000_000, 800),
  /** Bytes of the answer: fields are in memory about four times while it is made. */
  bytes: whole(4000, 1e9, 3_000_000),
  /** Texts that an encoder may be asked for: whoever runs it may take money for each. */
  texts: whole(1, 32),
  /** Share of searches, 0 to 1, that are answered 503 at once: to shed load without a deploy. */
  shed: { least: 0, most: 1, default: 0, isWhole: false },
};

const NAMES = Object.keys(LIMITS) as (keyof Limits)[];

export const DEFAULT_LIMITS = Object.fromEntries(NAMES.map((name) => [name, LIMITS[name].default])) as {
  [name in keyof Limits]: number;
};

/**
 * Reads `nprobe=256, k=200, shed=0.5`.
 * @returns those that are named
 * @throws SettingError
 */
export function readLimits(text: string | undefined): Partial<Limits> {
  if (text === undefined) return {};
  const parts = text.split(",").map((part) => part.trim());
  const pairs = parts.map((part) => {
    const [, name, value] = /^([a-z]+)\s*=\s*(\d+(?:\.\d+)?(?:e\d+)?)$/i.exec(part) ?? [];
    if (name === undefined) throw new SettingError("variable LIMITS", "name=number, separated by commas", `"${part}"`);
    return [name, Number(value)] as const;
  });
  const names = pairs.map(([name]) => name);
  const repeated = names.find((name, i) => names.indexOf(name) < i);
  if (repeated !== undefined) throw new SettingError("variable LIMITS", `${repeated} once`, "it more than once");
  return checkLimits(Object.fromEntries(pairs), "variable LIMITS");
}

/**
 * Members that are undefined are left out.
 * @param given may be anything
 * @throws SettingError
 */
export function checkLimits(given: Partial<Limits>, setting: string): Partial<Limits> {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new SettingError(setting, "an object of limits", given === null ? "null" : typeof given);
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  for (const [name, value] of entries) {
    const limit = Object.hasOwn(LIMITS, name) ? LIMITS[name as keyof Limits] : undefined;
    if (limit === undefined) throw new SettingError(setting, `no other limits than ${NAMES.join(", ")}`, `"${name}"`);
    const { least, most, isWhole } = limit;
    if (typeof value !== "number" || !(value >= least && value <= most) || (isWhole && !Number.isInteger(value))) {
      const got = typeof value === "number" || typeof value === "string" ? String(value) : typeof value;
      throw new SettingError(
        `${setting}, ${name},`,
        `a ${isWhole ? "whole " : ""}number from ${least} to ${most}`,
        got,
      );
    }
  }
  return Object.fromEntries(entries);
}
