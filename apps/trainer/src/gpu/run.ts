import { spawn } from "node:child_process";
import { endWithUs, HAS_GROUPS, isStopping } from "./stop.ts";

/** How a command ended. `code` is null where it could not be started or a signal ended it. */
export interface Ended {
  readonly code: number | null;
  /** What ended it, as in "SIGSEGV". */
  readonly signal?: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** What it prints is shown to the person who waits, on stderr, instead of kept. */
  readonly shown?: boolean;
}

/** Runs a command without a shell, to its end or ours. It never throws: one that is missing ends with null. */
export async function run(
  command: string,
  args: readonly string[],
  { env = process.env, shown = false }: RunOptions = {},
): Promise<Ended> {
  if (isStopping()) return new Promise(() => undefined);
  const child = spawn(command, args, { env, stdio: ["ignore", shown ? 2 : "pipe", "pipe"], detached: HAS_GROUPS });
  const output = { stdout: "", stderr: "" };
  child.stdout?.on("data", (data) => (output.stdout += data));
  child.stderr?.on("data", (data) => (output.stderr += data));
  const closed = new Promise<Ended>((resolve) => {
    child.on("error", ({ code, message }: NodeJS.ErrnoException) =>
      resolve({ ...output, code: null, stderr: code === "ENOENT" ? "not found" : message }),
    );
    child.on("close", (code, signal) => resolve({ ...output, code, signal }));
  });
  endWithUs(child, closed);
  return closed;
}

/** The line of what a command printed that says most about its failure: the first that says "error", or the last. */
export function errorLine({ stdout, stderr, signal }: Ended): string {
  const lines = `${stdout}\n${stderr}`.split(/[\r\n]+/).filter((line) => line.trim() !== "");
  const line = lines.find((one) => /no space left/i.test(one)) ?? lines.find((one) => /\berror\b/i.test(one));
  if (line === undefined && signal) return `it was ended by ${signal}`;
  return (line ?? lines.at(-1) ?? "it ended without a word").trim();
}
