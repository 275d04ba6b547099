import { icons } from "@phosphor-icons/core";
import { readPackageText } from "../packages.ts";
import { packShapes } from "../shape.ts";
import type { SourceSymbol } from "../symbol.ts";
import { iconSymbol } from "./icon.ts";
import { pathOf } from "./svg-path.ts";

/** Phosphor's icons in regular weight; the other five weights repeat names and tags. */
export function readPhosphor(): SourceSymbol[] {
  return icons.map((icon) => {
    const d = pathOf(readPackageText("@phosphor-icons/core", `assets/regular/${icon.name}.svg`), icon.name);
    return iconSymbol({
      set: "phosphor",
      name: icon.name,
      category: icon.categories[0] ?? "",
      svg: packShapes(256, "f", [["path", { d }]]),
      aliases: "alias" in icon ? [icon.alias.name] : [],
      // "*new*" and "*updated*" mark releases of the set.
      tags: icon.tags.filter((tag) => !tag.startsWith("*")),
    });
  });
}
