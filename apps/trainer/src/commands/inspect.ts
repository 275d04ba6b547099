import { stat } from "node:fs/promises";
import { messageOf, UserError } from "@poeem/offline/errors";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { type Facts, formatFacts } from "@poeem/training/inspect/facts";
import { fileFacts } from "@poeem/training/inspect/file-facts";
import { manifestFacts, manifestMembers, usageFacts } from "@poeem/training/inspect/index-facts";
import { queryTowerFacts } from "@poeem/training/inspect/tower-facts";
import { wordFacts } from "@poeem/training/inspect/word-facts";

/** `poeem inspect`: what an index folder or one of its files holds. Everything that is read is checked. */
export async function inspect(path: string, options: { delta?: string; json?: boolean }): Promise<void> {
  const folder = await isFolder(path);
  if (!folder) {
    const facts = await fileFacts(path);
    process.stdout.write(options.json ? `${JSON.stringify(facts)}\n` : formatFacts(facts));
    return;
  }
  const index = await openIndexDirectory(path, options.delta);
  const { manifest, kernel } = index;
  const tower = await index.queryTower();
  const read: Facts = {
    kernel,
    usage: await usageFacts(index),
    queryTower: tower && queryTowerFacts(tower),
    // not `words`: a manifest has a member of this name
    wordIndex: await wordFacts(index),
  };
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ ...manifestMembers(manifest), ...read })}\n`
      : formatFacts({ ...manifestFacts(manifest), ...read }),
  );
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw new UserError(`${path} cannot be read: ${messageOf(error)}`);
  }
}
