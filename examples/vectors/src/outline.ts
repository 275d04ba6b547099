/** Points of a line, x and y in turn. */
export type Polyline = readonly number[];

/** Straight pieces of a curve. */
const PIECES = 8;
/** Turn of a straight piece of an arc. */
const ARC_PIECE = Math.PI / 8;

/** Reads numbers and flags of path data one after the other. */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** One command after the other. Numbers that follow a command's own repeat it, but pairs after a move are lines. */
  *commands(): Generator<string> {
    let last = "";
    for (;;) {
      const found = this.#take(/[\s,]*([a-z]?)/iy)!;
      if (this.#at >= this.#text.length && found === "") return;
      last = found || (last === "M" ? "L" : last === "m" ? "l" : last);
      yield last;
    }
  }

  number(): number {
    const found = this.#take(/[\s,]*(-?(?:\d+\.?\d*|\.\d+))/y);
    if (found === undefined) throw new Error(`[vectors] expected a number at ${this.#at} of path "${this.#text}"`);
    return Number(found);
  }

  /** Flags of an arc need no space after them. */
  flag(): boolean {
    return this.#take(/[\s,]*([01])/y) === "1";
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match) this.#at = pattern.lastIndex;
    return match?.[1];
  }
}

/**
 * What SVG path data draws, its curves cut into straight pieces. A closed line ends where it starts.
 * @throws Error for what is no path data
 */
export function polylinesOf(d: string): Polyline[] {
  const scanner = new Scanner(d);
  const lines: number[][] = [];
  let line: number[] = [];
  let [x, y] = [0, 0];
  // the control point that a smooth curve mirrors, and what kind of curve it is of
  let [mirrorX, mirrorY, kind] = [0, 0, ""];
  const add = (toX: number, toY: number): void => {
    if (line.length === 0) {
      line = [x, y];
      lines.push(line);
    }
    line.push(toX, toY);
    [x, y] = [toX, toY];
  };
  const cubic = (x1: number, y1: number, x2: number, y2: number, toX: number, toY: number): void => {
    const [x0, y0] = [x, y];
    for (let i = 1; i <= PIECES; i++) {
      const [t, s] = [i / PIECES, 1 - i / PIECES];
      const at = (a: number, b: number, c: number, e: number): number =>
        s * s * s * a + 3 * s * s * t * b + 3 * s * t * t * c + t * t * t * e;
      add(at(x0, x1, x2, toX), at(y0, y1, y2, toY));
    }
  };
  for (const command of scanner.commands()) {
    const letter = command.toUpperCase();
    const [fromX, fromY] = command === letter ? [0, 0] : [x, y];
    const point = (): [number, number] => [fromX + scanner.number(), fromY + scanner.number()];
    const mirror = (of: string): [number, number] => (kind === of ? [2 * x - mirrorX, 2 * y - mirrorY] : [x, y]);
    if (letter === "M") {
      [x, y] = point();
      line = [];
    } else if (letter === "L") add(...point());
    else if (letter === "H") add(fromX + scanner.number(), y);
    else if (letter === "V") add(x, fromY + scanner.number());
    else if (letter === "C" || letter === "S") {
      const first = letter === "C" ? point() : mirror("C");
      [mirrorX, mirrorY] = point();
      cubic(...first, mirrorX, mirrorY, ...point());
    } else if (letter === "Q" || letter === "T") {
      [mirrorX, mirrorY] = letter === "Q" ? point() : mirror("Q");
      const [toX, toY] = point();
      const toward = (from: number, control: number): number => from + (2 / 3) * (control - from);
      cubic(toward(x, mirrorX), toward(y, mirrorY), toward(toX, mirrorX), toward(toY, mirrorY), toX, toY);
    } else if (letter === "A") {
      const radii = [scanner.number(), scanner.number()] as const;
      const turn = (scanner.number() * Math.PI) / 180;
      const flags = [scanner.flag(), scanner.flag()] as const;
      const to = point();
      for (const [pointX, pointY] of arc([x, y], radii, turn, flags, to)) add(pointX, pointY);
    } else if (letter === "Z") {
      const [startX, startY] = line.length > 0 ? line : [x, y];
      add(startX!, startY!);
      line = [];
    } else throw new Error(`[vectors] expected a command of path data, got "${command}" in "${d}"`);
    kind = letter === "S" ? "C" : letter === "T" ? "Q" : letter;
  }
  return lines;
}

/** Points of an elliptical arc behind its start: SVG 1.1, appendix F.6.5. */
function* arc(
  [fromX, fromY]: readonly [number, number],
  [radiusX, radiusY]: readonly [number, number],
  turn: number,
  [large, sweep]: readonly [boolean, boolean],
  [toX, toY]: readonly [number, number],
): Generator<[number, number]> {
  if (radiusX === 0 || radiusY === 0 || (fromX === toX && fromY === toY)) {
    yield [toX, toY];
    return;
  }
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const [halfX, halfY] = [(fromX - toX) / 2, (fromY - toY) / 2];
  const [u, v] = [cos * halfX + sin * halfY, cos * halfY - sin * halfX];
  // radii that do not reach are enlarged until they do
  const reach = (u / radiusX) ** 2 + (v / radiusY) ** 2;
  const scale = Math.sqrt(Math.max(1, reach));
  const [rx, ry] = [radiusX * scale, radiusY * scale];
  const off = (large === sweep ? -1 : 1) * Math.sqrt(Math.max(0, 1 / Math.min(1, reach) - 1));
  const [centreU, centreV] = [(off * rx * v) / ry, (-off * ry * u) / rx];
  const start = Math.atan2((v - centreV) / ry, (u - centreU) / rx);
  let angle = Math.atan2((-v - centreV) / ry, (-u - centreU) / rx) - start;
  if (sweep && angle < 0) angle += 2 * Math.PI;
  if (!sweep && angle > 0) angle -= 2 * Math.PI;
  const pieces = Math.max(1, Math.ceil(Math.abs(angle) / ARC_PIECE));
  for (let i = 1; i < pieces; i++) {
    const at = start + (angle * i) / pieces;
    const [alongU, alongV] = [centreU + rx * Math.cos(at), centreV + ry * Math.sin(at)];
    yield [cos * alongU - sin * alongV + (fromX + toX) / 2, sin * alongU + cos * alongV + (fromY + toY) / 2];
  }
  yield [toX, toY];
}
