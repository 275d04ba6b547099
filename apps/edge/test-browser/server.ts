/** The Worker under `wrangler dev`, on a port and a KV of its own, with both catalogues published. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chunkKey, formatPointer, manifestKey, pointerKey } from "@poeem/pq-core/kv";
import { getPlatformProxy } from "wrangler";
import { pageFiles } from "../src/site/files.ts";
import { makeCatalogue, makeShop } from "./catalogue.ts";

const worker = join(import.meta.dirname, "..");
const symbols = join(worker, "../../examples/symbols/page");
const quiet = { WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false", DO_NOT_TRACK: "1" };

export interface Server {
  readonly address: string;
  readonly version: string;
  stop(): Promise<void>;
}

export async function startServer(): Promise<Server> {
  Object.assign(process.env, quiet);
  const state = mkdtempSync(join(tmpdir(), "edge-browser-"));
  const version = await publishCatalogues(state);
  const site = join(state, "site");
  mkdirSync(site);
  const config = JSON.parse(readFileSync(join(symbols, "page.json"), "utf8")) as object;
  for (const [path, bytes] of await pageFiles(config, symbols)) writeFileSync(join(site, path), bytes);
  const port = await freePort();
  const wrangler = join(import.meta.dirname, "../../../node_modules/.bin/wrangler");
  const args = [
    "dev",
    "--port",
    String(port),
    "--assets",
    site,
    "--persist-to",
    state,
    "--show-interactive-dev-session=false",
    "--log-level=warn",
  ];
  // A group of its own, so that workerd ends with it.
  const child = spawn(wrangler, args, { cwd: worker, detached: true, stdio: "ignore" });
  const address = `http://localhost:${port}`;
  try {
    await waitUntilReady(`${address}/readyz`, child);
  } catch (error) {
    stopGroup(child);
    throw error;
  }
  return {
    address,
    version,
    async stop() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      stopGroup(child);
      await ended;
      rmSync(state, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

/** The symbols as the current index, whose version is returned, and the shop as `shop`. */
async function publishCatalogues(state: string): Promise<string> {
  const [symbolsIndex, shopIndex] = await Promise.all([makeCatalogue(), makeShop()]);
  const { env, dispose } = await getPlatformProxy<{
    INDEX: { put(key: string, value: Uint8Array | string): Promise<void> };
  }>({
    configPath: join(worker, "wrangler.jsonc"),
    persist: { path: join(state, "v3") },
  });
  for (const [artifact, name] of [[symbolsIndex], [shopIndex, "shop"]] as const) {
    const { version } = artifact;
    for (const { key, bytes } of artifact.chunks) await env.INDEX.put(chunkKey(key), bytes);
    await env.INDEX.put(manifestKey(version), artifact.manifestBytes);
    const pointer = { version, manifestKey: manifestKey(version), publishedAt: new Date().toISOString() };
    await env.INDEX.put(pointerKey(name), formatPointer(pointer));
  }
  await dispose();
  return symbolsIndex.version;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "localhost", () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === "object" && address ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}

async function waitUntilReady(url: string, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (child.exitCode !== null) throw new Error(`wrangler dev ended with exit code ${child.exitCode}`);
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`${url} was not ready in time`);
}

function stopGroup(child: ChildProcess): void {
  if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGTERM");
}
