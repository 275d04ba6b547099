/** A package of PyPI at one version. */
export interface Requirement {
  readonly name: string;
  readonly version: string;
}

/**
 * What the METADATA of a wheel asks for by one of its extras, at exact versions:
 * `Requires-Dist: nvidia-cublas-cu12 ==12.5.3.2 ; extra == 'and-cuda'`.
 * @throws Error for one that is not held to a version: what was tried would not be what is fetched
 */
export function requirementsOf(metadata: string, extra: string): Requirement[] {
  const lines = metadata.split(/\r?\n/).filter((line) => line.startsWith("Requires-Dist:"));
  return lines.flatMap((line) => {
    const [asked = "", marker = ""] = line.slice("Requires-Dist:".length).split(";");
    if (/extra\s*==\s*['"]([^'"]+)['"]/.exec(marker)?.[1] !== extra) return [];
    const { name, version } =
      /^(?<name>[\w.-]+)\s*\(?\s*==\s*(?<version>[\w.+!-]+)\)?$/.exec(asked.trim())?.groups ?? {};
    if (name === undefined || version === undefined)
      throw new Error(`expected name ==version of the extra ${extra}, got ${line}`);
    return [{ name, version }];
  });
}
