/**
 * node scripts/config-reference.ts: writes docs/config.md, and the comments of the schema for `poeem config`, which
 * cannot read them itself: they are comments so that editors show them, too.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { configKeys, referenceMarkdown } from "@poeem/training/config/reference";

const ROOT = resolve(import.meta.dirname, "..");
const SOURCES = join(ROOT, "packages/training/src/config");
const SECTIONS = ["data", "items", "queries", "events", "split", "model", "index", "training"];
/** Files that are not called as their section is: index.ts would be the folder's own. */
const FILES: Readonly<Record<string, string>> = { index: "index-section" };

/** Key → its comment, of all keys of the schema. */
export function schemaComments(): Record<string, string> {
  const read = (file: string): string => readFileSync(join(SOURCES, `${file}.ts`), "utf8");
  return Object.assign(
    commentsIn(read("schema")),
    ...SECTIONS.map((name) => commentsIn(read(FILES[name] ?? name), name)),
  );
}

/** Comments that stand right above a key; what a key lies in is told by how far it is indented. */
function commentsIn(source: string, section?: string): Record<string, string> {
  const comments: Record<string, string> = {};
  const open: { indent: number; key: string }[] = [];
  for (const match of source.matchAll(
    /(?:^ *\/\*\*(?<comment>(?:(?!\*\/).)*)\*\/\s*)?^(?<indent> +)(?<key>\w+): /gms,
  )) {
    const { comment, indent = "", key = "" } = match.groups!;
    while (open.length > 0 && open.at(-1)!.indent >= indent.length) open.pop();
    open.push({ indent: indent.length, key });
    const path = [...(section ? [section] : []), ...open.map((one) => one.key)].join(".");
    if (comment !== undefined) comments[path] = comment.replaceAll(/\s*\n\s*\*? ?/g, " ").trim();
  }
  return comments;
}

/** The generated files: path from the root → content. */
export function generatedFiles(): Record<string, string> {
  const comments = schemaComments();
  return {
    "packages/training/src/config/comments.json": `${JSON.stringify(comments, null, 2)}\n`,
    "docs/config.md": referenceMarkdown(configKeys(comments)),
  };
}

if (process.argv[1] === import.meta.filename) {
  for (const [path, content] of Object.entries(generatedFiles())) writeFileSync(join(ROOT, path), content);
}
