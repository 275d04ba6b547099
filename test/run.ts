import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "..");
export const WORKER = resolve(ROOT, "apps/edge");

const environment = {
  ...process.env,
  WRANGLER_SEND_METRICS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  DO_NOT_TRACK: "1",
  CI: "true",
};

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the `poeem` command to its end, in a folder. */
export function poeem(args: string[], cwd = ROOT): Promise<Finished> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [resolve(ROOT, "apps/trainer/bin/poeem.js"), ...args], {
      cwd,
      env: environment,
    });
    const output = { stdout: "", stderr: "" };
    child.stdout.on("data", (data) => (output.stdout += data));
    child.stderr.on("data", (data) => (output.stderr += data));
    child.on("error", fail);
    child.on("close", (code) => done({ code, ...output }));
  });
}

/** A port of this machine that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.on("error", fail);
    server.listen(0, "localhost", () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" && address ? address.port : 0));
    });
  });
}

/** Starts `wrangler dev` over a folder of local KV state and waits until it answers at all. */
export async function serve(state: string): Promise<{ address: string; stop(): Promise<void> }> {
  const port = await freePort();
  const inspector = await freePort();
  const wrangler = resolve(ROOT, "node_modules/.bin/wrangler");
  const args = [
    "dev",
    "--port",
    String(port),
    "--inspector-port",
    String(inspector),
    "--persist-to",
    state,
    "--show-interactive-dev-session=false",
  ];
  // a group of its own: wrangler's workerd must go when wrangler is told to
  const child: ChildProcess = spawn(wrangler, args, {
    cwd: WORKER,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data) => (log += data));
  const stop = (): Promise<void> =>
    new Promise((done) => {
      if (child.exitCode !== null) return done();
      child.once("close", () => done());
      process.kill(-child.pid!, "SIGTERM");
    });
  const address = `http://localhost:${port}`;
  for (let attempt = 0; attempt < 600; attempt++) {
    if (child.exitCode !== null) throw new Error(`wrangler dev ended:\n${log}`);
    const answered = await fetch(`${address}/healthz`).then(
      (response) => response.ok,
      () => false,
    );
    if (answered) return { address, stop };
    await new Promise((wake) => setTimeout(wake, 200));
  }
  await stop();
  throw new Error(`wrangler dev never answered:\n${log}`);
}
