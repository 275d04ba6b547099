import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { filterProblems } from "@arethetypeswrong/core/problems";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

/** How our packages, which are ES modules, can be imported: from Node's, and by bundlers. */
const RESOLUTIONS = ["node16-esm", "bundler"] as const;

/**
 * Holds tarballs to `publint` (entries, files and fields of package.json) and to "are the types wrong" (declarations
 * beside what is imported).
 * @throws Error with all that they found
 */
export async function checkTarballs(tarballs: readonly string[]): Promise<void> {
  const problems: string[] = [];
  for (const tarball of tarballs) {
    const bytes = new Uint8Array(await readFile(tarball));
    const found = [...(await lint(bytes)), ...(await checkTypes(bytes))];
    problems.push(...found.map((problem) => `${basename(tarball)}: ${problem}`));
  }
  if (problems.length > 0) throw new Error(problems.join("\n"));
}

async function lint(tarball: Uint8Array<ArrayBuffer>): Promise<string[]> {
  const { messages, pkg } = await publint({ pack: { tarball: tarball.buffer }, strict: true });
  return messages.map((message) => formatMessage(message, pkg, { color: false }) ?? message.code);
}

async function checkTypes(tarball: Uint8Array): Promise<string[]> {
  const analysis = await checkPackage(createPackageFromTarballData(tarball));
  if (!analysis.types) return ["expected declarations, got none"];
  const found = RESOLUTIONS.flatMap((resolutionKind) => filterProblems(analysis, { resolutionKind }));
  return [...new Set(found)].map(({ kind, ...where }) => `${kind} ${JSON.stringify(where)}`);
}
