import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createCodebook, encode, writeArtifact } from "@poeem/pq-core/write";
import { afterAll, beforeAll, expect, it } from "vitest";
import { BESIDE } from "../src/index-folder/own-files.ts";
import { checkIndexTarget, readManifestBytes, writeIndexDirectory } from "../src/index-folder/write.ts";

const DIM = 4;

/** An artifact of so many items. */
async function artifactOf(items: number) {
  const shape = {
    dim: DIM,
    metric: "innerProduct",
    nlist: 0,
    numSubQuantizers: 2,
    nbits: 4,
    byResidual: false,
  } as const;
  const codebook = createCodebook({
    ...shape,
    centroids: Float32Array.from({ length: 16 * DIM }, (_, i) => Math.sin(i)),
  });
  const vectors = Float32Array.from({ length: items * DIM }, (_, i) => Math.cos(i));
  return writeArtifact({
    codebook,
    ...encode(codebook, vectors),
    ids: Uint32Array.from({ length: items }, (_, i) => i),
  });
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "poeem-target-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function put(target: string, name: string, text = "mine"): Promise<void> {
  await mkdir(dirname(join(target, name)), { recursive: true });
  await writeFile(join(target, name), text);
}

/** An index folder with all that commands put beside an index. */
async function indexFolder(name: string): Promise<string> {
  const target = join(folder, name);
  const extras = Object.fromEntries(Object.values(BESIDE).map((file) => [file, new Uint8Array(3)]));
  await writeIndexDirectory(target, await artifactOf(9), extras);
  return target;
}

it("an index takes the place of another with all that belongs to it, unfinished files included", async () => {
  const target = await indexFolder("own");
  await put(target, "report.html.123.tmp");
  await checkIndexTarget(target);
  const artifact = await artifactOf(5);
  await writeIndexDirectory(target, artifact);
  const names = [...artifact.chunks.map(({ key }) => key), "manifest.json"];
  expect((await readdir(target)).sort()).toEqual(names.sort());
});

it.each([
  [["items.csv"], "items.csv"],
  [["poeem.config.ts", "model/notes.txt"], "model/notes.txt and poeem.config.ts"],
  [["delta/manifest.json", "a", "b"], "a and b, …"],
  [["delta/manifest.json"], "delta/"],
  [["model/mine/x"], "model/mine/"],
])("an index folder with %j is not written over", async (names, shown) => {
  const target = await indexFolder(`strange ${shown.replaceAll("/", "")}`);
  for (const name of names) await put(target, name);
  await expect(checkIndexTarget(target)).rejects.toThrow(
    `--out ${target}: expected an index folder with nothing else in it, got a folder with ${shown}`,
  );
  // what comes after the check stays where it is
  await writeIndexDirectory(target, await artifactOf(5));
  for (const name of names) expect(await readFile(join(target, name), "utf8")).toBe("mine");
});

it("a folder whose manifest.json is a web page's is no index", async () => {
  const target = join(folder, "page");
  await put(target, "manifest.json", '{"name":"My shop"}');
  await expect(checkIndexTarget(target)).rejects.toThrow(/got a folder with another manifest\.json$/);
});

it("a damaged index may be written over, an empty folder and none written to", async () => {
  const target = await indexFolder("damaged");
  const manifest = await readFile(join(target, "manifest.json"), "utf8");
  await put(target, "manifest.json", manifest.slice(0, 200));
  await checkIndexTarget(target);
  await checkIndexTarget(join(folder, "none"));
  await mkdir(join(folder, "empty"));
  await checkIndexTarget(join(folder, "empty"));
});

it("a file is named as one", async () => {
  await put(folder, "items.csv");
  const target = join(folder, "items.csv");
  await expect(checkIndexTarget(target)).rejects.toThrow(`--out ${target}: expected a folder or nothing, got a file`);
});

it("an index of a newer format is refused as that, before anything of it is read", async () => {
  const target = join(folder, "newer");
  await put(target, "manifest.json", JSON.stringify({ format: "poeem-index", chunks: "else", formatVersion: 3 }));
  await expect(readManifestBytes(target)).rejects.toThrow(/^index .*newer: format 3 is newer than .* update/);
});
