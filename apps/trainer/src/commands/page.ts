import { existsSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { messageOf, UserError } from "@poeem/offline/errors";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { counted } from "@poeem/offline/progress";
import { report } from "../print.ts";
import { notesOf, readSite } from "../site.ts";

export interface PageOptions {
  config?: string;
  out: string;
  index?: string;
  json?: boolean;
}

/** What a folder with a page written before has. */
const MARKS = ["page.json", "page.js"];
/** There while a page is written: what an interruption leaves is a page's too. */
const UNFINISHED = ".poeem-page";

/**
 * `poeem page`: writes the page's files. Those of a page written before are replaced, and what else is there stays.
 * @throws UserError for a wrong page.json, or when a file would be overwritten that is none of a page's
 */
export async function page({ config, out, index, json }: PageOptions): Promise<void> {
  if (config !== undefined && resolve(dirname(config)) === resolve(out))
    throw new UserError(`--out: expected a folder other than that of ${config}, which would be overwritten`);
  const files = await readSite(config);
  const trained = index ?? indexBeside(config);
  const notes = trained === undefined ? [] : await notesOf(files, await openIndexDirectory(trained));
  await mkdir(out, { recursive: true }).catch((error: unknown) => {
    throw new UserError(`--out: expected a folder that can be made, got ${out}: ${messageOf(error)}`);
  });
  if (existsSync(join(out, "manifest.json")))
    throw new UserError(`--out: expected a folder without an index in it, got ${out}`);
  const entries = await readdir(out);
  const there = entries.filter((name) => name !== UNFINISHED);
  const taken = there.filter((name) => files.has(name));
  const isPage = MARKS.every((name) => there.includes(name)) || entries.includes(UNFINISHED);
  if (taken.length > 0 && !isPage)
    throw new UserError(`--out: ${join(out, taken[0]!)} is there and not from a page; expected a folder without it`);
  await writeFile(join(out, UNFINISHED), "");
  for (const [path, bytes] of files) await writeFile(join(out, path), bytes);
  await rm(join(out, UNFINISHED));
  const others = there.length - taken.length;
  report(
    json,
    { out, files: [...files.keys()], others, notes },
    notes.map((note) => `${config ?? "the page"}: ${note}\n`).join("") +
      `${counted(files.size, "file")} of the page in ${out}` +
      (others === 0 ? "" : `; ${others} other entries there stay as they are`),
  );
}

/** Where `poeem train` puts the index of a page.json in the same folder, if it is there. */
function indexBeside(config: string | undefined): string | undefined {
  const directory = config === undefined ? undefined : join(dirname(config), "dist/index");
  return directory !== undefined && existsSync(join(directory, "manifest.json")) ? directory : undefined;
}
