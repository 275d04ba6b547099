/** The drawing of an item: by the site's extension, its picture, or its initials. */
import type { Result } from "./api.ts";
import { picture } from "./picture.ts";
import type { Presentation } from "./present.ts";
import type { Site } from "./site.ts";
import { warnOnce } from "./warn.ts";

export function draw(result: Result, presentation: Presentation, { config, extension }: Site): Element {
  if (extension.renderTile) {
    try {
      const drawing = extension.renderTile(result);
      if (drawing instanceof Element) return drawing;
      warnOnce(`renderTile of ${config.extension}: expected an element, got ${typeof drawing}`);
    } catch (error) {
      // One item that it cannot draw is not to take the others along.
      warnOnce(`renderTile of ${config.extension}: ${error}`);
    }
  }
  const { title, image } = presentation.present(result);
  return picture(image, title, config.imageHosts ?? []);
}
