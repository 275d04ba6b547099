import COMMENTS from "./comments.json" with { type: "json" };
import { describeValues, type KeySchema, rootSchema } from "./keys.ts";

/** A key of a `poeem.config.ts`. */
export interface ConfigKey {
  /** As in "model.history.length". */
  readonly path: string;
  /** The values it takes, in words. */
  readonly values: string;
  /** What it is when left out, as it would be written; undefined where it has to be there or its text says so. */
  readonly fallback: string | undefined;
  readonly isRequired: boolean;
  /** What it does: the comment of the schema. */
  readonly text: string;
  /** Whether it is a section, which the keys that follow are in. */
  readonly isSection: boolean;
}

/**
 * Every key there is, in the order of the schema.
 * @param comments key → text, of those keys whose schema has none itself (scripts/config-reference.ts)
 */
export function configKeys(comments: Readonly<Record<string, string>> = COMMENTS): ConfigKey[] {
  return [...keysOf(rootSchema(), "", comments)];
}

function* keysOf(
  { properties = {}, required = [] }: KeySchema,
  prefix: string,
  comments: Readonly<Record<string, string>>,
): Generator<ConfigKey> {
  for (const [key, schema] of Object.entries(properties)) {
    const path = `${prefix}${key}`;
    const isSection = schema.properties !== undefined;
    yield {
      path,
      values: describeValues(schema),
      fallback: isSection || schema.default === undefined ? undefined : JSON.stringify(schema.default),
      isRequired: required.includes(key),
      text: schema.description ?? comments[path] ?? "",
      isSection,
    };
    yield* keysOf(schema, `${path}.`, comments);
  }
}

/** What `poeem config` prints of keys: a line for each, its text below. */
export function referenceText(keys: readonly ConfigKey[], columns = 100): string {
  const width = Math.min(columns, 100);
  return keys.map((key) => `${key.path}  ${factsOf(key)}\n${wrap(key.text, width - 4, "    ")}\n`).join("\n");
}

/** docs/config.md. */
export function referenceMarkdown(keys: readonly ConfigKey[]): string {
  const lines = keys.map((key) => {
    const { path, text, isSection, isRequired } = key;
    if (isSection && !path.includes("."))
      return `\n## \`${path}\`\n\n${wrap(`${isRequired ? "Required. " : ""}${text}`, 120)}\n`;
    return wrap(`- **\`${path}\`** (${factsOf(key)}). ${text}`, 118).replaceAll("\n", "\n  ");
  });
  return `${HEAD}\n${lines.join("\n")}\n`;
}

const HEAD = `# \`poeem.config.ts\`

All keys, by section. Those that are required are called so; all others may be left out, their sections too.
\`poeem config\` prints the same, and \`poeem config index.nlist\` one of them.
Generated from the comments in [the schema](../packages/training/src/config) by \`node scripts/config-reference.ts\`.
`;

const factsOf = ({ values, fallback, isRequired }: ConfigKey): string =>
  `${values}${isRequired ? ", required" : ""}${fallback === undefined ? "" : `, default ${fallback}`}`;

/** Breaks a text at blanks into lines of at most so many columns. */
function wrap(text: string, columns: number, indent = ""): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((one) => indent + one).join("\n");
}
