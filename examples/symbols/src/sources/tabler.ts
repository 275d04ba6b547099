import { readPackageJson } from "../packages.ts";
import { packShapes, type ShapeNode } from "../shape.ts";
import type { SourceSymbol } from "../symbol.ts";
import { dashesToSpaces } from "../text.ts";
import { iconSymbol } from "./icon.ts";

type IconsFile = Record<string, { readonly category: string; readonly tags: readonly (string | number)[] }>;

/** Drawn with a half-transparent path, which a packed drawing does not hold. */
const notDrawable = (nodes: readonly ShapeNode[]) => nodes.some(([, attributes]) => "opacity" in attributes);

/**
 * Tabler's outline icons. The filled style is left out: it has the same names and tags, so it would only put every
 * symbol twice into an answer.
 */
export function readTabler(): SourceSymbol[] {
  const icons = readPackageJson<IconsFile>("@tabler/icons", "icons.json");
  const shapes = readPackageJson<Record<string, readonly ShapeNode[]>>("@tabler/icons", "tabler-nodes-outline.json");
  return Object.entries(icons).flatMap(([name, { category, tags }]) => {
    const nodes = shapes[name];
    if (nodes === undefined || notDrawable(nodes)) return [];
    // Tags are kebab case here (`split-test`); a few are numbers in the JSON.
    const words = tags.map((tag) => dashesToSpaces(String(tag)));
    return [iconSymbol({ set: "tabler", name, category, svg: packShapes(24, "s", nodes), aliases: [], tags: words })];
  });
}
