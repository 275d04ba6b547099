import { rename } from "node:fs/promises";
import { join } from "node:path";
import { type BuildKind, missingPart } from "@poeem/training/backend/tensorflow-builds";

const TRIES = 3;

/**
 * Puts a build where it belongs. A complete one that another setup put there meanwhile stays, an incomplete one goes.
 * @param work folder on the same disk that is removed afterwards
 */
export async function place(kind: BuildKind, made: string, folder: string, work: string): Promise<void> {
  for (let i = 1; ; i++) {
    try {
      return await rename(made, folder);
    } catch (error) {
      if (i === TRIES || !isOneOf(error, "ENOTEMPTY", "EEXIST", "ENOTDIR")) throw error;
    }
    if (missingPart(kind, folder) === undefined) return;
    await rename(folder, join(work, `incomplete-${i}`)).catch((error: unknown) => {
      // another setup took it away
      if (!isOneOf(error, "ENOENT")) throw error;
    });
  }
}

function isOneOf(error: unknown, ...codes: string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? "");
}
