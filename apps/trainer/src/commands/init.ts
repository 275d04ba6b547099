import { readdir, stat } from "node:fs/promises";
import { basename, dirname, relative, resolve } from "node:path";
import { messageOf, UserError } from "@poeem/offline/errors";
import { counted } from "@poeem/offline/progress";
import { folderFiles } from "../init/files.ts";
import { OWN_PACKAGES, TOOLS, VERSION } from "../init/package-json.ts";
import { findTarballs, originOf } from "../init/tarballs.ts";
import { writeNew } from "../init/write-new.ts";
import { say } from "../print.ts";

export interface InitOptions {
  readonly name?: string;
  readonly sample: boolean;
  /** Folder with the tarballs of our packages. */
  readonly packages?: string;
}

/** What npm, Cloudflare and a host name allow at once. */
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** What a new repository has before anything is in it. */
const NOTHING = new Set([".git"]);

/**
 * `poeem init`: a folder with all that a search of one's own needs. Writes into a folder that is new or empty, or
 * nothing at all.
 */
export async function init(directory: string, options: InitOptions): Promise<void> {
  const folder = resolve(directory);
  const name = checkedName(options.name ?? basename(folder), options.name === undefined);
  const isNew = await checkFolder(folder, directory);
  const packages = options.packages ?? (await ownTarballs());
  const tarballs = packages === undefined ? undefined : await findTarballs(packages);
  const files = await folderFiles({ name, sample: options.sample, tarballs });
  await writeNew(folder, isNew, files);

  say(`wrote ${counted(files.size, "file")} into ${folder}`);
  if (packages !== undefined) say(`packages/ has the tarballs of ${packages}: npm installs from them`);
  else if ((await originOf(import.meta.dirname)) !== "registry")
    say(
      `if npm does not find @poeem/trainer ${VERSION}: \`npm run pack\` in a clone of Poeem Edge makes tarballs, and ` +
        "`poeem init --packages DIR` puts those of a folder into a new one",
    );
  const enter = relative(".", folder);
  say(`next: ${enter === "" ? "" : `cd ${enter} && `}npm install && npm run train && npm run serve`);
}

/** The tarballs that this command was installed from, if it was and they are still there. */
async function ownTarballs(): Promise<string | undefined> {
  const origin = await originOf(import.meta.dirname);
  if (typeof origin === "string") return undefined;
  return findTarballs(origin.tarballs).then(
    () => origin.tarballs,
    () => undefined,
  );
}

function checkedName(name: string, isFolder: boolean): string {
  const given = isFolder ? `the folder's name ${JSON.stringify(name)}` : JSON.stringify(name);
  if (!NAME.test(name))
    throw new UserError(
      `--name: expected 1 to 63 of the characters a-z, 0-9 and -, and no - at an end, got ${given}` +
        (isFolder ? ": --name NAME gives another" : ""),
    );
  // npm installs no package into one of the same name
  if (Object.hasOwn(TOOLS, name) || OWN_PACKAGES.includes(name))
    throw new UserError(`--name: ${given} is a package that the folder needs: expected another name`);
  return name;
}

/** Whether the folder has to be made. @throws UserError when nothing can be written there without overwriting */
async function checkFolder(folder: string, given: string): Promise<boolean> {
  const unreadable = (error: unknown): never => {
    throw new UserError(`${given} cannot be read: ${messageOf(error)}`);
  };
  const stats = await stat(folder).catch((error: NodeJS.ErrnoException) =>
    error.code === "ENOENT" ? undefined : unreadable(error),
  );
  if (stats === undefined) {
    const parent = await stat(dirname(folder)).catch(() => undefined);
    if (parent?.isDirectory()) return true;
    throw new UserError(`${given} cannot be made: expected the folder ${dirname(folder)} to be there`);
  }
  if (!stats.isDirectory()) throw new UserError(`${given} is a file: expected a new folder, or an empty one`);
  const entries = (await readdir(folder).catch(unreadable)).filter((entry) => !NOTHING.has(entry));
  if (entries.length === 0) return false;
  const shown = entries.slice(0, 3).join(", ") + (entries.length > 3 ? ", …" : "");
  throw new UserError(`${given} is not empty (${shown}): expected a new folder, or an empty one; nothing was written`);
}
