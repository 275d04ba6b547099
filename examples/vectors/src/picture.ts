import { type Polyline, polylinesOf } from "./outline.ts";

/** Cells of a side of a picture. */
const SIDE = 16;
/** Numbers of a picture. */
export const LENGTH = SIDE * SIDE;
/** Points of a side that are looked at, three by three of a cell. */
const POINTS = 3 * SIDE;
/** Half of a stroke's width, of a drawing of 24 by 24. */
const RADIUS = 1;

/**
 * A drawing as a vector: how much ink is in each cell of a grid of 16 × 16, blurred by half a cell, less the mean. So
 * the cosine of two vectors says how far two pictures agree.
 *
 * @param drawing as `examples/symbols/src/shape.ts` packs it
 * @returns LENGTH numbers, row by row; zeros for a drawing without ink
 */
export function pictureOf(drawing: string): Float32Array {
  const [, side, style, paths] = /^(\d+)([sf]) (.*)$/.exec(drawing) ?? [];
  if (paths === undefined) throw new Error(`[vectors] expected a drawing, got "${drawing.slice(0, 80)}"`);
  const scale = POINTS / Number(side);
  const ink = new Uint8Array(POINTS * POINTS);
  for (const path of paths.split("|")) {
    const [, mark, d] = /^([+=]?)(.*)$/.exec(path)!;
    const lines = polylinesOf(d!).map((line) => line.map((value) => value * scale));
    if (style === "f" || mark !== "") fill(lines, ink);
    if (style === "s" && mark !== "=") for (const line of lines) stroke(line, RADIUS * scale, ink);
  }
  return blurred(ink);
}

/** Every point that is nearer than `radius` to a line. */
function stroke(line: Polyline, radius: number, ink: Uint8Array): void {
  for (let i = 2; i < line.length; i += 2) {
    const [x0, y0, x1, y1] = [line[i - 2]!, line[i - 1]!, line[i]!, line[i + 1]!];
    const [dx, dy] = [x1 - x0, y1 - y0];
    const square = dx * dx + dy * dy;
    const [left, right] = [Math.min(x0, x1) - radius, Math.max(x0, x1) + radius].map(within) as [number, number];
    const [top, bottom] = [Math.min(y0, y1) - radius, Math.max(y0, y1) + radius].map(within) as [number, number];
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) {
        const [x, y] = [column + 0.5 - x0, row + 0.5 - y0];
        const along = square > 0 ? Math.min(1, Math.max(0, (x * dx + y * dy) / square)) : 0;
        if ((x - along * dx) ** 2 + (y - along * dy) ** 2 <= radius * radius) ink[row * POINTS + column] = 1;
      }
    }
  }
}

/** Every point that lines go around, by the nonzero rule. */
function fill(lines: readonly Polyline[], ink: Uint8Array): void {
  for (let row = 0; row < POINTS; row++) {
    const y = row + 0.5;
    const crossings: [x: number, direction: number][] = [];
    for (const line of lines) {
      for (let i = 0; i < line.length; i += 2) {
        const next = i + 2 < line.length ? i + 2 : 0;
        const [x0, y0, x1, y1] = [line[i]!, line[i + 1]!, line[next]!, line[next + 1]!];
        if (y0 <= y !== y1 <= y) crossings.push([x0 + ((y - y0) / (y1 - y0)) * (x1 - x0), y1 > y0 ? 1 : -1]);
      }
    }
    crossings.sort(([a], [b]) => a - b);
    let winding = 0;
    for (const [i, [x, direction]] of crossings.entries()) {
      winding += direction;
      if (winding === 0) continue;
      const end = within(crossings[i + 1]![0] - 0.5);
      for (let column = within(x - 0.5); column < end; column++) ink[row * POINTS + column] = 1;
    }
  }
}

/** The first point at or behind a place, within the picture. */
function within(place: number): number {
  return Math.min(POINTS, Math.max(0, Math.ceil(place)));
}

function blurred(ink: Uint8Array): Float32Array {
  const cells = new Float32Array(LENGTH);
  for (let row = 0; row < POINTS; row++)
    for (let column = 0; column < POINTS; column++)
      cells[Math.floor(row / 3) * SIDE + Math.floor(column / 3)]! += ink[row * POINTS + column]!;
  const smooth = blur(blur(cells, 1), SIDE);
  const mean = smooth.reduce((sum, value) => sum + value, 0) / LENGTH;
  return smooth.map((value) => value - mean);
}

/** ¼, ½, ¼ of a cell and its neighbours, along rows (step 1) or columns (step SIDE); there is no ink outside. */
function blur(cells: Float32Array, step: number): Float32Array {
  return cells.map((value, at) => {
    const place = Math.floor(at / step) % SIDE;
    const before = place > 0 ? cells[at - step]! : 0;
    const after = place < SIDE - 1 ? cells[at + step]! : 0;
    return value / 2 + (before + after) / 4;
  });
}
