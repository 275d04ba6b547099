/** The drawing of an item: by the site's extension, its picture, or its initials. */
import type { Result } from "./api.ts";
import { picture } from "./picture.ts";
import type { Presentation } from "./present.ts";
import type { Site } from "./site.ts";

export function draw(result: Result, presentation: Presentation, { config, extension }: Site): Element {
  if (extension.renderTile) return extension.renderTile(result);
  const { title, image } = presentation.present(result);
  return picture(image, title, config.imageHosts ?? []);
}
