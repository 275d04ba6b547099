/**
 * Draws a symbol from the fields of a result, and copies it.
 *
 * Icons come as path data in one line, `24s M3 20h18|+M12 4h1`: side of the viewBox, `s`troke or `f`ill, then paths
 * (`+` also filled, `=` only filled); `src/shape.ts` documents the form. Nothing of it is ever parsed as markup: each
 * path must match the alphabet of path data and is set as one attribute, so an index cannot bring a script, a link or a
 * style into the page.
 */
const SVG_NAMESPACE = "http://www.w3.org/2000/svg";
const DRAWING_FORM = /^(24|256)([sf]) (.+)$/s;
const PATH_FORM = /^([+=]?)([MmLlHhVvCcSsQqTtAaZz0-9.,\-\s]+)$/;
const STROKE_PAINT = {
  fill: "none",
  stroke: "currentColor",
  "stroke-width": "2",
  "stroke-linecap": "round",
  "stroke-linejoin": "round",
};
const FILL_PAINT = { fill: "currentColor" };

/** The symbol; the first letters of the title when the item has no drawing. */
export function renderTile({ id, title, fields: { glyph, svg } }) {
  if (typeof glyph === "string") return textElement(glyph);
  return drawSvg(svg) ?? textElement((title ?? String(id)).slice(0, 2));
}

/** What a click copies: the character itself, or a complete SVG file of the icon. */
export function copyText({ id, title, fields: { glyph, svg } }) {
  if (typeof glyph === "string") return { text: glyph, name: glyph };
  const drawing = drawSvg(svg);
  if (drawing === undefined) return { text: String(id), name: String(id) };
  return { text: new XMLSerializer().serializeToString(drawing), name: `SVG of ${title}` };
}

function textElement(text) {
  const element = document.createElement("span");
  element.className = "glyph";
  element.textContent = text;
  return element;
}

/** Undefined unless all of it has the form. */
function drawSvg(packed) {
  const [, side, style, body] = (typeof packed === "string" && DRAWING_FORM.exec(packed)) || [];
  if (side === undefined) return undefined;
  const root = document.createElementNS(SVG_NAMESPACE, "svg");
  root.setAttribute("viewBox", `0 0 ${side} ${side}`);
  setAll(root, style === "s" ? STROKE_PAINT : FILL_PAINT);
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

function setAll(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}
