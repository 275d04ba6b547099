import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, UserError } from "@poeem/offline/errors";
import { isBuildName } from "@poeem/training/backend/tensorflow-builds";
import { removeLeftovers } from "./work-folder.ts";

/**
 * Removes all builds for this machine in a folder, of any version, and what no running setup has left there.
 * @returns which folders that was
 * @throws UserError where it may not
 */
export async function removeBuilds(parent: string): Promise<string[]> {
  try {
    const builds = (await namesIn(parent)).filter(isBuildName).map((name) => join(parent, name));
    for (const folder of builds) await rm(folder, { recursive: true });
    return [...builds, ...(await removeLeftovers(parent))];
  } catch (error) {
    throw new UserError(`not all in ${parent} can be removed: ${messageOf(error)}`);
  }
}

async function namesIn(parent: string): Promise<string[]> {
  try {
    return (await readdir(parent)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
