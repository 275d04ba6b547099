/**
 * `npm start`: from a fresh clone to a search page. Makes the example's data, trains when there is no
 * index yet, publishes it into the local KV and serves it with wrangler. PORT overrides 8787.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join, relative, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const example = join(root, "examples/symbols");
const index = join(example, "dist/index");
const page = join(example, "dist/page");
const worker = join(root, "apps/edge");
const poeem = join(root, "apps/trainer/bin/poeem.js");
const tool = (name: string): string => join(root, "node_modules/.bin", name);
const READY_TIMEOUT_MS = 120_000;

// Nobody is asked and nothing is sent home when a stranger tries the project.
const environment = {
  ...process.env,
  WRANGLER_SEND_METRICS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  TURBO_TELEMETRY_DISABLED: "1",
  DO_NOT_TRACK: "1",
};

class StartError extends Error {}

function start(command: string, args: string[], cwd: string, quiet = false): ChildProcess {
  return spawn(command, args, { cwd, env: environment, stdio: ["ignore", quiet ? "ignore" : "inherit", "inherit"] });
}

function run(command: string, args: string[], cwd: string): Promise<void> {
  return new Promise((done, fail) => {
    const child = start(command, args, cwd);
    child.on("error", fail);
    child.on("exit", (code) =>
      code === 0 ? done() : fail(new StartError(`stopped: ${command} ${args[0]} ended with exit code ${code}`)),
    );
  });
}

function readPort(): number {
  const text = process.env["PORT"] ?? "8787";
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new StartError(`PORT expected a number in 1…65535, got ${JSON.stringify(text)}`);
  return port;
}

function requireFree(port: number): Promise<void> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once("error", () => fail(new StartError(`port ${port} is in use: PORT=8788 npm start takes another`)));
    probe.listen(port, "localhost", () => probe.close(() => done()));
  });
}

async function waitUntilReady(address: string, server: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  let last = "no answer";
  while (Date.now() < deadline) {
    if (server.exitCode !== null || server.signalCode !== null) {
      throw new StartError(`wrangler dev ended (${server.exitCode ?? server.signalCode})`);
    }
    try {
      const response = await fetch(`${address}/readyz`);
      if (response.ok) return;
      last = await response.text();
    } catch {
      // not listening yet
    }
    await new Promise((wake) => setTimeout(wake, 250));
  }
  throw new StartError(`the Worker at ${address} was not ready after ${READY_TIMEOUT_MS / 1000} s: ${last}`);
}

async function main(): Promise<void> {
  const port = readPort();
  await requireFree(port);
  await run(tool("turbo"), ["run", "data", "--filter=@poeem/example-symbols", "--output-logs=errors-only"], root);
  if (existsSync(join(index, "manifest.json"))) {
    process.stderr.write(
      `Using the index in ${relative(root, index)}; \`npx turbo run train --force\` makes a new one.\n`,
    );
  } else {
    await run(process.execPath, [poeem, "train", "--config", join(example, "poeem.config.ts"), "--out", index], root);
  }
  await run(process.execPath, [poeem, "publish", "--index", index, "--to", "local", "--worker", worker], root);

  await run(process.execPath, [join(worker, "scripts/build.ts")], root);
  await run(process.execPath, [poeem, "page", "--config", join(example, "page/page.json"), "--out", page], root);

  const address = `http://localhost:${port}`;
  const server = start(
    tool("wrangler"),
    ["dev", "--port", String(port), "--assets", page, "--show-interactive-dev-session=false", "--log-level=warn"],
    worker,
  );
  let stopping = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (stopping || server.exitCode !== null || server.signalCode !== null) process.exit(130);
      stopping = true;
      server.kill(signal);
    });
  }
  server.on("error", (error) => fail(error));
  try {
    await waitUntilReady(address, server);
  } catch (error) {
    server.kill();
    throw error;
  }
  process.stdout.write(`\nReady: ${address}\n       ${address}/search?q=birthday%20cake&k=5\n`);
  server.on("exit", (code) => process.exit(code ?? 0));
}

function fail(error: unknown): void {
  const known = error instanceof StartError;
  process.stderr.write(known ? `npm start: ${error.message}\n` : `${error instanceof Error ? error.stack : error}\n`);
  process.exitCode = 1;
}

await main().catch(fail);
