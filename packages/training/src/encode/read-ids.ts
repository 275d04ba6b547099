import { statSync } from "node:fs";
import { UserError } from "@poeem/offline/errors";
import { otherThanFile, readBytes } from "@poeem/offline/files";
import { type IdType, type Index, InputError, type ItemId, parseList, quote, readId } from "@poeem/pq-core";

/** What an option such as `--remove` was given. */
export interface GivenIds {
  /** Once for each time the option stands there. */
  readonly values: readonly string[];
  /** Ids that followed `--`, each as it stands. */
  readonly exact?: readonly string[];
}

/** The rule of {@link readIds}, for the `--help` of a command with such an option. */
export const idsHelp = (option: string): string => `
Ids are separated by commas; an id with a comma stands in double quotes, as in CSV: '"a,b",c'.
An option that is repeated takes one id each time, as it stands: ${option} a,b ${option} c.
@FILE is a file with one id per line, as it stands; an id that begins with @ is written @@.
After an option and --, all that follows are ids, as they stand: ${option} -- a,b @c -5.`;

/** An id of the command line, and the place in a file where it stands, for errors. */
interface NamedId {
  readonly text: string;
  readonly line?: string;
  /** Not in a file, and not after `--`. */
  readonly isBare?: true;
}

/**
 * Ids of the index's own type, as {@link idsHelp} says.
 *
 * @param option its name without dashes
 * @throws InputError naming the option, and the line of a file, where something is no id of this index
 */
export async function readIds(index: Index, option: string, given: GivenIds): Promise<ItemId[]> {
  const named = await nameIds(option, given);
  if (named.length === 0) throw new InputError(option, "expected at least one id, got none");
  if (given.values.length > 1) await refuseLists(index, option, given.values);
  const ids = named.map(({ text, line }) => readIdAt(text, index, option, line));
  await refuseFileNames(index, option, named, ids);
  return ids;
}

/**
 * An id of the command line or a file. In an index of numbers it may be written with zeros before it and behind its
 * point: 7, 007 and 7.0 are one id.
 *
 * @param place where the id stands in what the option names, for errors
 * @throws InputError
 */
export function readIdAt(text: string, { manifest }: Index, option: string, place?: string): ItemId {
  try {
    return readId(plainId(text, manifest.idType), manifest.idType, option);
  } catch (error) {
    if (!(error instanceof InputError) || place === undefined) throw error;
    throw new InputError(option, `${place}: ${error.detail}`);
  }
}

/** An id as an index of this type has it; what is none stays as it is. */
const plainId = (text: string, type: IdType): string =>
  type === "string" ? text : (/^\s*0*(\d+?)(?:\.0*)?\s*$/.exec(text)?.[1] ?? text);

/** The row of each id of a file. @throws UserError for two rows with one id */
export function rowsById(source: string, rows: readonly string[], type: IdType): Map<string, number> {
  const rowOf = new Map<string, number>();
  for (const [row, text] of rows.entries()) {
    const id = plainId(text, type);
    const other = rowOf.get(id);
    if (other !== undefined)
      throw new UserError(`${source}: ${JSON.stringify(rows[other])} and ${JSON.stringify(text)} are one id, ${id}`);
    rowOf.set(id, row);
  }
  return rowOf;
}

async function nameIds(option: string, { values, exact = [] }: GivenIds): Promise<NamedId[]> {
  const isAlone = values.length === 1 && exact.length === 0;
  const named: NamedId[] = [];
  for (const value of values) {
    const isFile = value.startsWith("@") && !value.startsWith("@@");
    const text = value.replace(/^@@/, "@");
    if (isFile) named.push(...(await linesOf(option, value.slice(1))));
    else if (isAlone) named.push(...parseList(text, option).map((text) => ({ text, isBare: true }) as const));
    else named.push({ text, isBare: true });
  }
  return [...named, ...exact.map((text) => ({ text }))];
}

/** One id per line, as it stands; empty lines are skipped. */
async function linesOf(option: string, file: string): Promise<NamedId[]> {
  const other = otherThanFile(file);
  if (other !== undefined) throw new UserError(`--${option} @${file}: expected a file, got ${other}`);
  if (!isRegularFile(file))
    throw new UserError(`--${option} @${file}: no such file; an id that begins with @ is written @@${file}`);
  let text: string;
  try {
    // takes off a byte order mark
    text = new TextDecoder("utf-8", { fatal: true }).decode(await readBytes(file));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`--${option} @${file}: expected text in UTF-8, got other bytes`);
  }
  return text
    .split(/\r?\n/)
    .map((text, i) => ({ text, line: `@${file} line ${i + 1}` }))
    .filter(({ text }) => text !== "");
}

/** A list beside another value would be one id, which no item has, where its parts are items. */
async function refuseLists(index: Index, option: string, values: readonly string[]): Promise<void> {
  const { idType } = index.manifest;
  const isKnown = async (texts: readonly string[]): Promise<boolean> =>
    (await index.ordinals(texts.map((text) => plainId(text, idType)))).some((ordinal) => ordinal >= 0);
  for (const value of values) {
    if (!value.includes(",") || (value.startsWith("@") && !value.startsWith("@@"))) continue;
    const parts = value.split(",");
    if ((await isKnown([value.replace(/^@@/, "@")])) || !(await isKnown(parts))) continue;
    throw new UserError(
      `--${option} ${quote(value)}: no such item, but there are items of its parts; an option that is repeated takes ` +
        `one id each time: ${parts.map((part) => `--${option} ${part}`).join(" ")}`,
    );
  }
}

/** An id that no item has, but a file: what was meant is asked, not guessed. */
async function refuseFileNames(index: Index, option: string, named: readonly NamedId[], ids: ItemId[]): Promise<void> {
  const suspects = named.flatMap(({ text, isBare }, i) => (isBare && isRegularFile(text) ? [i] : []));
  const ordinals = await index.ordinals(suspects.map((i) => ids[i]!));
  const wrong = suspects.find((_, j) => ordinals[j]! < 0);
  if (wrong === undefined) return;
  const { text } = named[wrong]!;
  throw new UserError(
    `--${option} ${quote(text)}: there is a file of this name, and no such item; ` +
      `for the ids in the file write --${option} @${text}, for the id --${option} -- ${text}`,
  );
}

function isRegularFile(path: string): boolean {
  // what is no path at all, such as one with a NUL, is no file either
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  } catch {
    return false;
  }
}
