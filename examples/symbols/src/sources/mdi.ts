import { readPackageJson, readPackageText } from "../packages.ts";
import { packShapes } from "../shape.ts";
import type { SourceSymbol } from "../symbol.ts";
import { iconSymbol } from "./icon.ts";
import { pathOf } from "./svg-path.ts";

interface MetaIcon {
  readonly name: string;
  readonly aliases: readonly string[];
  /** About 60 topics such as "Home Automation" or "Developer / Languages". */
  readonly tags: readonly string[];
  readonly deprecated: boolean;
}

/**
 * Material Design Icons, without the deprecated ones (brands that are to leave the set). The tags are topics of up to
 * hundreds of icons, so they serve as category and not as queries: nobody who types one means one of them.
 */
export function readMdi(): SourceSymbol[] {
  return readPackageJson<readonly MetaIcon[]>("@mdi/svg", "meta.json")
    .filter((icon) => !icon.deprecated)
    .map(({ name, aliases, tags }) => {
      const d = pathOf(readPackageText("@mdi/svg", `svg/${name}.svg`), name);
      return iconSymbol({
        set: "mdi",
        name,
        category: tags[0] ?? "",
        svg: packShapes(24, "f", [["path", { d }]]),
        aliases,
        tags: [],
      });
    });
}
