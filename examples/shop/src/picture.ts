/** A product's picture: a drawing of its kind in its colour, as a data URI of about 300 bytes. */

/** Path data of each kind on a square of 24. */
const DRAWINGS: Readonly<Record<string, string>> = {
  jacket: "M8 4l4 2 4-2 5 4-1 8-3-1v6H7v-6l-3 1-1-8zM12 6v15",
  trousers: "M7 3h10l2 18h-5L12 9l-2 12H5zM7 5h10",
  sweater: "M8 4q4 3 8 0l5 3-1 10h-3v3H7v-3H4L3 7zM7 9v8M17 9v8",
  shirt: "M8 4l4 3 4-3 5 4-2 4-2-1v10H7V11l-2 1-2-4z",
  shoes: "M3 8h4l5 5 7 2q2 1 2 4H3zM3 17h18M8 11l2-2M10 13l2-2",
  boots: "M7 3h7v10l5 2q2 1 2 5H7zM7 18h14M7 6h7",
  scarf: "M7 4q5 4 10 0l1 4q-1 3-4 3l1 10h-5l1-10q-3 0-5-3zM10 19h5",
  gloves: "M8 21v-6l-4-4 2-2 2 2V6q0-3 4-3t4 3v9l-1 6zM8 18h8",
  hat: "M6 16q0-11 6-11t6 11zM3 16h18v2H3z",
  socks: "M9 3h6v10l-1 3-5 5q-3 1-4-2 0-2 4-5zM9 6h6",
  dress: "M9 3l3 2 3-2 1 5-2 3 5 10H5l5-10-2-3zM10 11h4",
  backpack: "M9 6V3h6v3M6 11q0-6 6-6t6 6v10H6zM9 13h6v5H9z",
  lamp: "M8 4h8l3 8H5zM12 12v7M7 21q0-2 5-2t5 2z",
  chair: "M7 3h2v9h8v9h-2v-6H9v6H7zM7 12h2",
  table: "M5 11v9h2v-9M17 11v9h2v-9M3 8h18v3H3z",
  shelf: "M5 3h14v18h-2v-2H7v2H5zM7 8h10M7 13h10",
  rug: "M3 7h18v10H3zM6 10h12v4H6zM2 9h1M2 12h1M2 15h1M21 9h1M21 12h1M21 15h1",
  curtain: "M4 5h7q1 8-4 11v5H4zM20 5h-7q-1 8 4 11v5h3zM3 3h18v2H3z",
  mirror: "M12 3a6 8 0 1 1 0 16a6 8 0 1 1 0-16zM8 21h8M9 12l4-5M11 14l4-5",
  vase: "M9 3h6l-1 4q5 4 3 9l-2 5H9l-2-5q-2-5 3-9zM10 7h4",
  bowl: "M3 10h18q0 9-6 10H9Q3 19 3 10z",
  kettle: "M8 9q4-8 8 0M17 12l4-3v3l-3 5M7 9h10l2 11H5z",
  pillow: "M4 6q8 2 16 0-2 6 0 12-8-2-16 0 2-6 0-12z",
  blanket: "M4 5h16v14H4zM4 9h16M4 15h16M9 5v14M15 5v14",
  drill: "M15 7h6v1h-6M4 5h11v6h-4l1 9H7l-1-9H4z",
  saw: "M8 9l13 3v4l-2-1-2 2-2-2-2 2-2-2-3 2zM3 8h5v9H3z",
  hammer: "M10 9h3v12h-3zM5 4h12l3 3-3 2H5z",
  ladder: "M7 3h2v18H7zM15 3h2v18h-2zM9 7h6M9 12h6M9 17h6",
  wrench: "M10 21V12q-5-3-3-9l3 4h4l3-4q2 6-3 9v9z",
  torch: "M8 3h8l-1 6v12H9V9zM9 9h6M12 12v2",
};
const FILLS: Readonly<Record<string, string>> = {
  red: "c33",
  blue: "36b",
  green: "384",
  black: "333",
  white: "fff",
  grey: "999",
  yellow: "fc3",
  orange: "e73",
  purple: "749",
  brown: "852",
  pink: "f9b",
  beige: "edb",
};

/**
 * @param kind one of those of the made-up shop, as is its colour
 * @throws Error for another
 */
export function pictureOf(kind: string, colour: string): string {
  const [drawing, fill] = [DRAWINGS[kind], FILLS[colour]];
  if (drawing === undefined || fill === undefined)
    throw new Error(`[shop] picture expected a kind and a colour of the shop, got "${kind}" and "${colour}"`);
  const square = "<path fill='#eef' d='M0 0h24v24H0z'/>";
  const shape = `<path fill='#${fill}' stroke='#667' stroke-width='.7' stroke-linejoin='round' d='${drawing}'/>`;
  const svg = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'>${square}${shape}</svg>`;
  return `data:image/svg+xml,${svg.replace(/[<>#]/g, encodeURIComponent)}`;
}
