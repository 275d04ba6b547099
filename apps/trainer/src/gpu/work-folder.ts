import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf, UserError } from "@poeem/offline/errors";
import { isStopping, removeWithUs } from "./stop.ts";

const PREFIX = ".setup-";

/**
 * Does something in a new folder beside what it makes. The folder is gone afterwards, also after Ctrl-C.
 * @throws UserError where there can be none
 */
export async function inWorkFolder<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = join(parent, `${PREFIX}${process.pid}`);
  try {
    await mkdir(parent, { recursive: true });
    await removeLeftovers(parent);
    // in a container an earlier setup may have had our number
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
  } catch (error) {
    throw new UserError(`${parent} cannot be written to: ${messageOf(error)}; POEEM_CACHE names another folder`);
  }
  return doIn(folder, work);
}

/** The same in the system's folder for such, for what is small. */
export async function inTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const parent = tmpdir();
  const folder = await mkdtemp(join(parent, "poeem-check-")).catch((error: unknown) => {
    throw new UserError(`${parent} cannot be written to: ${messageOf(error)}; TMPDIR names another folder`);
  });
  return doIn(folder, work);
}

async function doIn<T>(folder: string, work: (folder: string) => Promise<T>): Promise<T> {
  const letGo = removeWithUs(folder);
  try {
    return await work(folder);
  } finally {
    // it failed because we are being ended, and about that there is nothing to say
    if (isStopping()) await new Promise(() => undefined);
    await rm(folder, { recursive: true, force: true });
    letGo();
  }
}

/** Removes what setups that were killed have left, and returns which folders that was. */
export async function removeLeftovers(parent: string): Promise<string[]> {
  const removed: string[] = [];
  for (const name of await readdir(parent).catch(() => [])) {
    if (!name.startsWith(PREFIX) || isRunning(Number(name.slice(PREFIX.length)))) continue;
    const folder = join(parent, name);
    await rm(folder, { recursive: true, force: true });
    removed.push(folder);
  }
  return removed;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
