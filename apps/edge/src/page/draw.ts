/**
 * Draws a symbol from the fields of a result.
 *
 * Icons come as path data in one line, `24s M3 20h18|+M12 4h1`: side of the viewBox, `s`troke or `f`ill, then paths
 * (`+` also filled, `=` only filled); the symbols example documents the form. Nothing of it is ever parsed as markup:
 * each path must match the alphabet of path data and is set as one attribute, so an index cannot bring a script, a
 * link or a style into the page.
 */
const SVG_NAMESPACE = "http://www.w3.org/2000/svg";
const DRAWING_FORM = /^(24|256)([sf]) (.+)$/s;
const PATH_FORM = /^([+=]?)([MmLlHhVvCcSsQqTtAaZz0-9.,\-\s]+)$/;

/** A DOM element for the symbol; the first letters of the title when the item has no drawing. */
export function draw(fields: Readonly<Record<string, unknown>>, title: string): Element {
  const { glyph, svg } = fields;
  if (typeof glyph === "string") return textElement(glyph);
  const drawing = typeof svg === "string" ? drawSvg(svg) : undefined;
  return drawing ?? textElement(title.slice(0, 2));
}

/** What a click copies: the character itself, or a complete SVG file of the icon. */
export function copyText(fields: Readonly<Record<string, unknown>>, id: string): string {
  if (typeof fields["glyph"] === "string") return fields["glyph"];
  const drawing = typeof fields["svg"] === "string" ? drawSvg(fields["svg"]) : undefined;
  return drawing === undefined ? id : new XMLSerializer().serializeToString(drawing);
}

function textElement(text: string): Element {
  const element = document.createElement("span");
  element.className = "glyph";
  element.textContent = text;
  return element;
}

function drawSvg(packed: string): SVGSVGElement | undefined {
  const [, side, style, body] = DRAWING_FORM.exec(packed) ?? [];
  if (side === undefined || body === undefined) return undefined;
  const root = document.createElementNS(SVG_NAMESPACE, "svg");
  root.setAttribute("viewBox", `0 0 ${side} ${side}`);
  const paint = style === "s" ? STROKE_PAINT : FILL_PAINT;
  for (const [name, value] of paint) root.setAttribute(name, value);
  for (const packedPath of body.split("|")) {
    const [, mark, d] = PATH_FORM.exec(packedPath) ?? [];
    if (d === undefined) return undefined;
    const path = document.createElementNS(SVG_NAMESPACE, "path");
    path.setAttribute("d", d);
    if (mark !== "") path.setAttribute("fill", "currentColor");
    if (mark === "=") path.setAttribute("stroke", "none");
    root.append(path);
  }
  return root;
}

const STROKE_PAINT = [
  ["fill", "none"],
  ["stroke", "currentColor"],
  ["stroke-width", "2"],
  ["stroke-linecap", "round"],
  ["stroke-linejoin", "round"],
] as const;
const FILL_PAINT = [["fill", "currentColor"]] as const;
