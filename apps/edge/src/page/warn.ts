const said = new Set<string>();

/** One line in the console for whoever runs the site, and never the same again. */
export function warnOnce(line: string): void {
  if (said.has(line)) return;
  said.add(line);
  console.warn(line);
}
