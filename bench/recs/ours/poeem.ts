import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const POEEM = fileURLToPath(new URL("../../../apps/trainer/bin/poeem.js", import.meta.url));

/** Runs a command of `poeem` in a process of its own and gives what it prints as JSON; its progress goes to stderr. */
export async function poeem<T>(args: readonly string[]): Promise<T> {
  const child = promisify(execFile)(process.execPath, ["--no-warnings", POEEM, ...args, "--json"], {
    maxBuffer: 1 << 26,
  });
  child.child.stderr?.pipe(process.stderr);
  return JSON.parse((await child).stdout) as T;
}
