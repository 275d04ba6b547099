/** `poeem serve` as a process: its one line, its page, its end, and what it says when it cannot start. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { createCodebook, writeArtifact } from "@poeem/pq-core/write";
import { writeQueryTower } from "@poeem/towers";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { main } from "../src/cli.ts";

const command = join(import.meta.dirname, "../bin/poeem.js");
let root: string;
let index: string;
let version: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "poeem-serve-"));
  index = join(root, "index");
  const codebook = createCodebook({
    dim: 4,
    metric: "innerProduct",
    nlist: 0,
    numSubQuantizers: 2,
    nbits: 4,
    byResidual: false,
    centroids: Float32Array.from({ length: 4 * 16 }, (_, i) => Math.sin(i)),
  });
  const ids = ["a", "b", "c"];
  const parts = {
    codebook,
    assignments: new Uint32Array(ids.length),
    codes: Uint8Array.from(ids.flatMap((_, i) => [i, i + 1])),
    ids,
    fields: ids.map((id) => ({ title: `item ${id}` })),
  };
  const artifact = await writeArtifact(parts);
  version = artifact.version;
  await writeIndexDirectory(index, artifact);
  const column = { name: "vec", encoder: "bge-m3", length: 4, map: undefined };
  const input = { kind: "embedding", columns: [column] } as const;
  const queryTower = writeQueryTower({ width: 4, inputs: [input], layers: [], skip: false });
  await writeIndexDirectory(join(root, "embedded"), await writeArtifact({ ...parts, queryTower }));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Runs the command; `first` is its first line on stdout. */
function serve(...args: string[]) {
  const child = spawn(process.execPath, [command, "serve", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const said = { out: "", err: "" };
  child.stderr.on("data", (text: Buffer) => (said.err += text));
  const ended = once(child, "close") as Promise<[code: number | null, signal: string | null]>;
  const first = new Promise<string>((resolve, reject) => {
    child.stdout.on("data", (text: Buffer) => {
      said.out += text;
      if (said.out.includes("\n")) resolve(said.out);
    });
    ended.then(() => reject(new Error(`poeem serve ended: ${said.err}`)), reject);
  });
  first.catch(() => undefined);
  return { child: child as ChildProcess, first, ended, said };
}

describe("poeem serve", { timeout: 120_000 }, () => {
  // Side by side: most of the time goes into starting a process.
  it.concurrent.each(["SIGTERM", "SIGINT"] as const)("says its address, answers, ends well on %s", async (signal) => {
    const page = join(root, `${signal}.json`);
    await writeFile(page, JSON.stringify({ title: "A shop" }));
    const { child, first, ended, said } = serve("--index", index, "--port", "0", "--page", page);
    const [, address] = /^.*index is served at (http:\/\/localhost:\d+)\n$/.exec(await first)!;
    const vector = encodeURIComponent("[1,0,0,0]");
    const answer = (await (await fetch(`${address}/search?vector=${vector}`)).json()) as object;
    expect(answer).toMatchObject({ indexVersion: version });
    expect(await (await fetch(`${address}/version`)).json()).toMatchObject({ index: { version, numItems: 3 } });
    expect(await (await fetch(`${address!}/`)).text()).toContain("A shop");
    child.kill(signal);
    expect(await ended).toEqual([0, null]);
    expect(said).toEqual({ out: expect.stringMatching(/^[^\n]+\n$/), err: "" });
  });

  it("refuses an encoder that the index has no use for, and what belongs to one", async () => {
    const run = (...args: string[]) => main(["node", "poeem", "serve", "--index", index, "--port", "0", ...args]);
    const written = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    await run("--encoder", "http://localhost:9/v1");
    await run("--encoder-model", "bge-m3");
    const said = written.mock.calls.join("");
    written.mockRestore();
    process.exitCode = 0;
    expect(said).toContain("--encoder: expected an index whose model names one encoder (queries.encoder), got none");
    expect(said).toContain("--encoder-model and --encoder-key expected --encoder URL beside them, got none");
  });

  it("says that texts are not embedded where the index names an encoder and none is given", async () => {
    const written = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const embedded = join(root, "embedded");
    await main(["node", "poeem", "serve", "--index", embedded, "--port", "0", "--page", "nowhere.json"]);
    const said = written.mock.calls.join("");
    written.mockRestore();
    process.exitCode = 0;
    expect(said).toContain("--encoder: none, so q is not embedded; the model reads bge-m3\n");
  });

  it.concurrent("says what page.json names and the index lacks", async () => {
    const page = join(root, "notes.json");
    await writeFile(page, JSON.stringify({ subtitle: "maker" }));
    const { child, first, ended, said } = serve("--index", index, "--port", "0", "--page", page);
    await first;
    child.kill("SIGTERM");
    await ended;
    expect(said.err).toBe(`${page}: the index has no field "maker"\n`);
  });

  it.concurrent("names a port that is in use, and another one", async () => {
    const other = createServer().listen(0, "localhost");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const { ended, said } = serve("--index", index, "--port", String(port));
    expect(await ended).toEqual([1, null]);
    const example = port === 65_535 ? port - 1 : port + 1;
    expect(said).toEqual({
      out: "",
      err: `poeem: port ${port} of localhost is in use: choose another one, for example with --port ${example}\n`,
    });
    other.close();
  });

  it.each([
    [["--port", "eighty"], "option '--port <n>' argument 'eighty' is invalid. expected an integer of 0 to 65535"],
    [["--port", "65536"], "option '--port <n>' argument '65536' is invalid. expected an integer of 0 to 65535"],
    [["--index", "nowhere"], "no index in nowhere: manifest.json not found; `poeem train` makes one"],
    [["--page", "nowhere.json"], "nowhere.json cannot be read as JSON"],
    [["--delta", "nowhere"], "no index in nowhere: manifest.json not found"],
  ])("refuses %j in one line", async (args, expected) => {
    let shown = "";
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      shown += text;
      return true;
    });
    await main(["node", "poeem", "serve", "--index", index, "--port", "0", ...args]);
    vi.restoreAllMocks();
    expect(process.exitCode).toBe(1);
    process.exitCode = undefined;
    expect(shown).toContain(`poeem: ${expected}`);
    expect(shown).toMatch(/^[^\n]+\n$/);
  });
});
