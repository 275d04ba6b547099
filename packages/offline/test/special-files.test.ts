/** What lies where a file of an index should, and is none, or too large: told at once, and never waited for. */
import { execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, open, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCodebook, encode, writeArtifact } from "@poeem/pq-core/write";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../src/errors.ts";
import { readBytes, readJson } from "../src/files.ts";
import { openIndexDirectory } from "../src/index-folder/open.ts";
import { hasIndexManifest, MANIFEST } from "../src/index-folder/own-files.ts";
import { readFolders } from "../src/index-folder/read.ts";
import { checkIndexTarget, readManifestBytes, writeIndexDirectory } from "../src/index-folder/write.ts";

const GB = 1024 ** 3;
const DIM = 4;
let root: string;
let good: string;
let codebookFile: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "poeem-special-"));
  good = join(root, "good");
  const codebook = createCodebook({
    dim: DIM,
    metric: "innerProduct",
    nlist: 0,
    numSubQuantizers: 2,
    nbits: 4,
    byResidual: false,
    centroids: Float32Array.from({ length: 16 * DIM }, (_, i) => Math.sin(i)),
  });
  const codes = encode(
    codebook,
    Float32Array.from({ length: 3 * DIM }, (_, i) => Math.cos(i)),
  );
  const artifact = await writeArtifact({ codebook, ...codes, ids: Uint32Array.of(0, 1, 2) });
  await writeIndexDirectory(good, artifact);
  codebookFile = artifact.chunks.find(({ key }) => key.startsWith("codebook"))!.key;
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Ways to put something else where a file is expected, and what the message says of each. */
const SPECIAL: Readonly<Record<string, { make(path: string): Promise<unknown>; says: RegExp }>> = {
  "a FIFO": { make: async (path) => execFileSync("mkfifo", [path]), says: /expected a file, got a FIFO/ },
  "a link to a FIFO": {
    async make(path) {
      execFileSync("mkfifo", [`${path}.fifo`]);
      await symlink(`${path}.fifo`, path);
    },
    says: /got a FIFO/,
  },
  "a folder": { make: (path) => mkdir(path), says: /got a folder|EISDIR/ },
  "a device": { make: (path) => symlink("/dev/zero", path), says: /got a device/ },
  "a socket": {
    async make(path) {
      const server = createServer();
      await new Promise<void>((listening) => server.listen(path, listening));
      server.unref();
    },
    says: /ENXIO|got a socket/,
  },
  "a link to itself": { make: (path) => symlink(path, path), says: /ELOOP/ },
  "a file of 1.5 GB": {
    async make(path) {
      await (await open(path, "w")).close();
      await truncate(path, 1.5 * GB);
    },
    says: /expected at most \d+ bytes, got 1610612736/,
  },
};

let folders = 0;
/** An index folder with something else in the place of one of its files. */
async function folderWith(file: string, make: (path: string) => Promise<unknown>): Promise<string> {
  const folder = join(root, String(folders++));
  await cp(good, folder, { recursive: true });
  await rm(join(folder, file));
  await make(join(folder, file));
  return folder;
}

async function refusal(read: () => Promise<unknown>): Promise<string> {
  const error = await read().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  expect((error as UserError).message).not.toContain("\n");
  return (error as UserError).message;
}

describe.each(Object.entries(SPECIAL))("%s", (name, { make, says }) => {
  it("is no manifest, of an index or of changes, and none that may be overwritten", async () => {
    const folder = await folderWith(MANIFEST, make);
    for (const read of [
      () => readManifestBytes(folder),
      () => readFolders(folder, undefined),
      () => readFolders(good, folder),
      () => openIndexDirectory(folder),
    ]) {
      const message = await refusal(read);
      expect(message).toMatch(says);
      expect(message).toContain(folder);
    }
    expect(await hasIndexManifest(folder)).toBe(false);
    // A link that leads nowhere is nobody's file.
    if (name !== "a link to itself") expect(await refusal(() => checkIndexTarget(folder))).toContain(folder);
  });

  it("is no chunk", async () => {
    const folder = await folderWith(codebookFile, make);
    const message = await refusal(() => openIndexDirectory(folder));
    expect(message).toMatch(says);
    expect(message).toContain(codebookFile);
  });

  it("is no JSON", async () => {
    const path = join(root, `json-${folders++}`);
    await make(path);
    expect(await refusal(() => readJson(path))).toMatch(says);
  });
});

it("reads a file up to its limit, and to the byte", async () => {
  const path = join(root, "bytes");
  await writeFile(path, "12345");
  expect(await readBytes(path, 5)).toEqual(new TextEncoder().encode("12345"));
  expect(await refusal(() => readBytes(path, 4))).toBe(`${path} cannot be read: expected at most 4 bytes, got 5`);
  await writeFile(path, "");
  expect(await readBytes(path)).toHaveLength(0);
});
