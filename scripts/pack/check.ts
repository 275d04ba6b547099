import { resolve } from "node:path";
import { run } from "./run.ts";

const BIN = resolve(import.meta.dirname, "../../node_modules/.bin");

/**
 * Holds tarballs to `publint` (entries, files and fields of package.json) and to `attw` (declarations beside what is
 * imported).
 * @throws Error with what they found
 */
export async function checkTarballs(tarballs: readonly string[]): Promise<void> {
  for (const tarball of tarballs) {
    await run(resolve(BIN, "publint"), ["run", tarball, "--strict"], BIN);
    await run(resolve(BIN, "attw"), [tarball, "--profile", "esm-only", "--format", "ascii"], BIN);
  }
}
