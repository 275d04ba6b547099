import { readPackageJson } from "../packages.ts";
import { packShapes, type ShapeNode } from "../shape.ts";
import type { SourceSymbol } from "../symbol.ts";
import { iconSymbol } from "./icon.ts";

/**
 * Lucide's icons with their tags. It has no categories in the package, and its alias files are not read: they repeat
 * drawings.
 */
export function readLucide(): SourceSymbol[] {
  const tagsOf = readPackageJson<Record<string, readonly string[]>>("lucide-static", "tags.json");
  const shapes = readPackageJson<Record<string, readonly ShapeNode[]>>("lucide-static", "icon-nodes.json");
  return Object.entries(shapes).map(([name, nodes]) =>
    iconSymbol({
      set: "lucide",
      name,
      category: "",
      svg: packShapes(24, "s", nodes),
      aliases: [],
      tags: tagsOf[name] ?? [],
    }),
  );
}
