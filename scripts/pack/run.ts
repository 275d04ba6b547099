import { spawn } from "node:child_process";

/**
 * Runs a command to its end.
 * @returns what it wrote to stdout
 * @throws Error with all that it wrote, when it fails
 */
export function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const output = { stdout: "", stderr: "" };
    child.stdout.on("data", (data) => (output.stdout += data));
    child.stderr.on("data", (data) => (output.stderr += data));
    child.on("error", fail);
    child.on("close", (code) => {
      if (code === 0) done(output.stdout);
      else fail(new Error(`${command} ${args.join(" ")} ended with ${code}:\n${output.stdout}${output.stderr}`));
    });
  });
}
