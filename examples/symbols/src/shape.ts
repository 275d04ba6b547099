/**
 * The compact drawing of an icon: one line of text, no markup.
 *
 *     drawing = side style " " path *( "|" path )
 *     side    = the side of the square viewBox, "24" or "256"
 *     style   = "s" stroked, 2 wide, round caps and joins, no fill | "f" filled, no stroke
 *     path    = [ mark ] SVG path data
 *     mark    = "+" this path is filled as well | "=" this path is filled and not stroked
 *
 * Circles, rectangles, ellipses, lines and polygons become path data, so that a page draws every icon with
 * `path.setAttribute("d", …)` alone: no markup to parse means no markup to sanitise, and it is 30 % shorter.
 */

/** An SVG element by name and attributes, as `[name, attributes]`. */
export type ShapeNode = readonly [name: string, attributes: Readonly<Record<string, string | number>>];

const paintAttributes = new Set(["fill", "stroke", "key"]);
const pathData = /^[MmLlHhVvCcSsQqTtAaZz0-9.,\-\s]+$/;

/**
 * Packs the elements of one icon.
 * @throws Error when an element, attribute or path is outside of what this form can hold.
 */
export function packShapes(side: 24 | 256, style: "s" | "f", nodes: readonly ShapeNode[]): string {
  if (nodes.length === 0) throw new Error('[symbols] "nodes" expected at least one shape, got none');
  return `${side}${style} ${nodes.map((node) => mark(node, style) + compactPath(outline(node))).join("|")}`;
}

function mark([, attributes]: ShapeNode, style: "s" | "f"): string {
  if (style === "f") return "";
  if (attributes["stroke"] === "none") return "=";
  return attributes["fill"] === "currentColor" ? "+" : "";
}

/** Geometry of one element as path data. */
function outline([name, attributes]: ShapeNode): string {
  const left = new Set(Object.keys(attributes).filter((key) => !paintAttributes.has(key)));
  const text = (key: string): string => {
    left.delete(key);
    return String(attributes[key] ?? "");
  };
  const number = (key: string): number => {
    const value = Number(text(key));
    if (!Number.isFinite(value))
      throw new Error(`[symbols] <${name} ${key}> expected a number, got "${attributes[key]}"`);
    return value;
  };
  const d = geometry(name, text, number);
  if (left.size > 0) throw new Error(`[symbols] <${name}> has attributes that a drawing cannot hold: ${[...left]}`);
  return d;
}

function geometry(name: string, text: (key: string) => string, number: (key: string) => number): string {
  switch (name) {
    case "path":
      return text("d");
    case "line":
      return `M${number("x1")} ${number("y1")}L${number("x2")} ${number("y2")}`;
    case "polyline":
      return `M${text("points")}`;
    case "polygon":
      return `M${text("points")}Z`;
    case "circle": {
      const r = number("r");
      return ellipse(number("cx"), number("cy"), r, r);
    }
    case "ellipse":
      return ellipse(number("cx"), number("cy"), number("rx"), number("ry"));
    case "rect": {
      const [width, height] = [number("width"), number("height")];
      // SVG: a missing radius takes the other one's value, and neither passes half of its side.
      const [rx, ry] = [text("rx"), text("ry")];
      return rect(
        number("x"),
        number("y"),
        width,
        height,
        Math.min(Number(rx || ry), width / 2),
        Math.min(Number(ry || rx), height / 2),
      );
    }
    default:
      throw new Error(`[symbols] <${name}> expected path, line, polyline, polygon, circle, ellipse or rect`);
  }
}

function ellipse(cx: number, cy: number, rx: number, ry: number): string {
  return `M${short(cx - rx)} ${short(cy)}a${rx} ${ry} 0 1 0 ${short(2 * rx)} 0a${rx} ${ry} 0 1 0 ${short(-2 * rx)} 0Z`;
}

function rect(x: number, y: number, width: number, height: number, rx: number, ry: number): string {
  if (rx === 0 || ry === 0) return `M${x} ${y}h${width}v${height}h${-width}Z`;
  const [h, v] = [short(width - 2 * rx), short(height - 2 * ry)];
  const corner = (dx: number, dy: number) => `a${rx} ${ry} 0 0 1 ${dx} ${dy}`;
  const [topRight, bottomRight, bottomLeft] = [corner(rx, ry), corner(-rx, ry), corner(-rx, -ry)];
  return `M${short(x + rx)} ${y}h${h}${topRight}v${v}${bottomRight}h-${h}${bottomLeft}v-${v}${corner(rx, -ry)}Z`;
}

/** Three decimals: 0.001 of 24 units is far below a pixel, and sums such as 0.1 + 0.2 stay short. */
function short(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}

/** White space that path grammar does not need goes; the numbers stay as they are. */
function compactPath(d: string): string {
  if (!pathData.test(d)) throw new Error(`[symbols] path data has unexpected characters: "${d.slice(0, 60)}"`);
  return d
    .trim()
    .replace(/\s*,\s*/g, ",")
    .replace(/\s+/g, " ")
    .replace(/ ?([A-Za-z]) ?/g, "$1")
    .replace(/[ ,]-/g, "-");
}
