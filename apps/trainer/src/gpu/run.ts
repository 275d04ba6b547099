import { spawn } from "node:child_process";

/** How a command ended. `code` is null where it could not be started or a signal ended it. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** What it prints is shown to the person who waits, on stderr, instead of kept. */
  readonly shown?: boolean;
}

/** Runs a command without a shell, to its end. It never throws: one that is missing ends with null. */
export function run(command: string, args: readonly string[], { env, shown = false }: RunOptions = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env: env ?? process.env, stdio: ["ignore", shown ? 2 : "pipe", "pipe"] });
    const output = { stdout: "", stderr: "" };
    child.stdout?.on("data", (data) => (output.stdout += data));
    child.stderr?.on("data", (data) => (output.stderr += data));
    child.on("error", ({ code, message }: NodeJS.ErrnoException) =>
      resolve({ ...output, code: null, stderr: code === "ENOENT" ? "not found" : message }),
    );
    child.on("close", (code) => resolve({ ...output, code }));
  });
}

/** The line of what a command printed that says most about its failure: the first that says "error", or the last. */
export function errorLine({ stdout, stderr }: Ended): string {
  const lines = `${stdout}\n${stderr}`.split(/[\r\n]+/).filter((line) => line.trim() !== "");
  const line = lines.find((one) => /no space left/i.test(one)) ?? lines.find((one) => /\berror\b/i.test(one));
  return (line ?? lines.at(-1) ?? "it ended without a word").trim();
}
