const told = new Set<string>();

/**
 * Tells stderr, once a process, that the file of a WebAssembly kernel is not there, so that slow work has a reason.
 *
 * @param name package and kernel
 * @param slower what takes longer without it, and how much
 */
export function reportMissingKernel(name: string, slower: string): void {
  if (told.has(name)) return;
  told.add(name);
  process.stderr.write(
    `${name} is missing, so ${slower}: install the package again, or run \`npm run kernels\` in its repository\n`,
  );
}
