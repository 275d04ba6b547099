import { statfs } from "node:fs/promises";
import { UserError } from "@poeem/offline/errors";
import type { BuildKind } from "@poeem/training/backend/tensorflow-builds";

/** Gigabytes that a setup takes at most: what is built, the largest wheel, and what pip's cache keeps. */
const NEEDED: Record<BuildKind, number> = { cpu: 2, cuda: 8 };

/** @throws UserError where a disk has too little left */
export async function checkSpace(kind: BuildKind, folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = (bavail * bsize) / 1e9;
  if (free >= NEEDED[kind]) return;
  const got = `${free.toFixed(1)} GB`;
  throw new UserError(
    `poeem gpu setup needs ${NEEDED[kind]} GB in ${folder}, got ${got}: POEEM_CACHE names another one`,
  );
}
