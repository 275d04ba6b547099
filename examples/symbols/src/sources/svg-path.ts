/**
 * Path data of an SVG file that is one `<path d="…">` and nothing else, as the filled sets are.
 * @throws Error when the file is anything more.
 */
export function pathOf(svg: string, name: string): string {
  const match = /^<svg [^<>]*><path d="([^"]+)" ?\/><\/svg>\s*$/.exec(svg);
  if (match?.[1] === undefined)
    throw new Error(`[symbols] icon "${name}" expected one <path d="…"/>, got ${svg.slice(0, 80)}`);
  return match[1];
}
