import { stat } from "node:fs/promises";
import { openIndexDirectory } from "../artifact/open.ts";
import { messageOf, UserError } from "../errors.ts";
import { type Facts, formatFacts } from "../inspect/facts.ts";
import { fileFacts } from "../inspect/file-facts.ts";
import { manifestFacts, manifestMembers, usageFacts } from "../inspect/index-facts.ts";
import { queryTowerFacts } from "../inspect/query-tower-facts.ts";

/**
 * `poeem inspect`: what an index folder holds, or one file: a manifest, a chunk, a checkpoint, a query tower. Everything
 * that is read is checked.
 */
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
  const read: Facts = { kernel, usage: await usageFacts(index), queryTower: tower && queryTowerFacts(tower) };
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
