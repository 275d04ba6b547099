import { mkdir, open, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf, UserError } from "@poeem/offline/errors";

/**
 * Writes all files, or leaves the folder as it was.
 * @param isNew whether the folder has to be made
 * @throws UserError when one cannot be written, or is there
 */
export async function writeNew(folder: string, isNew: boolean, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  /** How to take back what was made, the last first: what somebody else put there meanwhile stays. */
  const undo: (() => Promise<void>)[] = [];
  const makeFolder = async (path: string): Promise<void> => {
    const first = await mkdir(path, { recursive: true });
    if (first === undefined) return;
    const made: string[] = [];
    for (let one = path; one.length >= first.length; one = dirname(one)) made.unshift(one);
    for (const one of made) undo.unshift(() => rmdir(one));
  };
  try {
    if (isNew) {
      await mkdir(folder);
      undo.unshift(() => rmdir(folder));
    }
    for (const [path, bytes] of files) {
      const file = join(folder, path);
      await makeFolder(dirname(file));
      const handle = await open(file, "wx");
      undo.unshift(() => rm(file, { force: true }));
      await handle.writeFile(bytes).finally(() => handle.close());
    }
  } catch (error) {
    for (const takeBack of undo) await takeBack().catch(() => undefined);
    throw new UserError(`${folder} cannot be written: ${messageOf(error)}`);
  }
}
