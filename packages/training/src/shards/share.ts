import { UserError } from "@poeem/offline/errors";

/** A part of a whole that is cut into `of` parts. */
export interface Part {
  /** From 0. */
  readonly index: number;
  readonly of: number;
}

/** The part of a task, and whether its input is to be cut: not where an engine hands over what it has cut already. */
export interface Share extends Part {
  readonly isCut: boolean;
}

/** What the command line says of the part. */
export interface ShareOptions {
  /** "I/N": take part I of the input. */
  readonly share?: string | undefined;
  /** N: take the part that the environment says. */
  readonly shards?: number | undefined;
  /** "I/N": the input is part I already. */
  readonly shard?: string | undefined;
}

/** Where a scheduler says which of its tasks one is: Kubernetes, AWS Batch, Cloud Run. */
const INDEX_VARIABLES = ["JOB_COMPLETION_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX", "CLOUD_RUN_TASK_INDEX"] as const;
/** Where Cloud Run says how many there are; the others do not say. */
const COUNT_VARIABLE = "CLOUD_RUN_TASK_COUNT";
/** What the five digits of a shard's name count. */
export const MOST_SHARDS = 100_000;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The part of the input that a task takes.
 * @throws UserError for options and variables that say nothing, something else, or two things
 */
export function readShare(options: ShareOptions, environment: Environment = process.env): Share {
  const given = (["share", "shards", "shard"] as const).filter((name) => options[name] !== undefined);
  if (given.length > 1)
    throw new UserError(`${given.map((name) => `--${name}`).join(" and ")}: expected one of them, got both`);
  if (options.share !== undefined) return { ...parsePart("--share", options.share), isCut: true };
  if (options.shard !== undefined) return { ...parsePart("--shard", options.shard), isCut: false };
  return { ...partOfTask(options.shards, environment), isCut: true };
}

/** "I/N" @throws UserError naming the option */
function parsePart(option: string, text: string): Part {
  const [, index, of] = /^(\d{1,9})\/(\d{1,9})$/.exec(text) ?? [];
  if (index === undefined || of === undefined)
    throw new UserError(`${option} ${text}: expected I/N, such as 3/16: part 3 of 16, counted from 0`);
  return checkPart(option, { index: Number(index), of: Number(of) });
}

function checkPart(where: string, { index, of }: Part): Part {
  if (of < 1 || of > MOST_SHARDS) throw new UserError(`${where}: expected 1 to ${MOST_SHARDS} shards, got ${of}`);
  if (index >= of)
    throw new UserError(`${where}: expected an index of 0 to ${of - 1}, as there are ${of} shards, got ${index}`);
  return { index, of };
}

function partOfTask(shards: number | undefined, environment: Environment): Part {
  const indexes = INDEX_VARIABLES.flatMap((name) => {
    const value = readNumber(environment, name);
    return value === undefined ? [] : [{ name, value }];
  });
  const [first, ...others] = indexes;
  const other = others.find(({ value }) => value !== first!.value);
  if (other)
    throw new UserError(
      `${first!.name} is ${first!.value} and ${other.name} is ${other.value}: say which part it is by --share I/N`,
    );
  const isCloudRun = first?.name === "CLOUD_RUN_TASK_INDEX";
  const count = isCloudRun ? readNumber(environment, COUNT_VARIABLE) : undefined;
  if (shards === undefined && count === undefined) {
    if (first === undefined) return { index: 0, of: 1 };
    throw new UserError(
      `${first.name} is ${first.value}, but of how many is not said: give --shards N, or --share 0/1 for all`,
    );
  }
  if (shards !== undefined && count !== undefined && shards !== count)
    throw new UserError(`--shards ${shards}: expected ${COUNT_VARIABLE}, which is ${count}`);
  const of = (shards ?? count)!;
  if (first === undefined)
    throw new UserError(
      `--shards ${of}: expected ${INDEX_VARIABLES.join(", ")} in the environment, got none; or give --share I/${of}`,
    );
  return checkPart(`${first.name}=${first.value}`, { index: first.value, of });
}

/** A variable that says a number; undefined where it is not set. @throws UserError for one that says something else */
function readNumber(environment: Environment, name: string): number | undefined {
  const text = environment[name];
  if (text === undefined || text === "") return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new UserError(`${name}: expected a whole number of at least 0, got ${text}`);
  return Number(text);
}
