import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { writeIndexDirectory } from "@poeem/offline/index-folder/write";
import type { ItemIds } from "@poeem/pq-core";
import { createCodebook, encode, writeArtifact } from "@poeem/pq-core/write";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { main } from "../../apps/trainer/src/cli.ts";
import { poeem } from "../run.ts";

const DIM = 4;
const IDS = [
  " lead",
  "trail ",
  "a,b",
  "a",
  "b",
  '"q"',
  "-5",
  "--json",
  "--",
  "@file",
  "@@",
  "7",
  "007",
  "größe",
  "x;y",
  "plain",
];
const floats = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(i * i + 1));

let folder: string;
let [odd, numbers] = ["", ""];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "poeem-ids-"));
  [odd, numbers] = [join(folder, "odd"), join(folder, "numbers")];
  await writeIndex(odd, IDS);
  await writeIndex(numbers, Uint32Array.of(0, 7, 8, 9));
  await writeFile(join(folder, "7"), "8\n9\n");
  await mkdir(join(folder, "8"));
  await writeFile(join(folder, "unknown"), "a\n");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function writeIndex(directory: string, ids: ItemIds): Promise<void> {
  const shape = {
    dim: DIM,
    metric: "innerProduct",
    nlist: 0,
    numSubQuantizers: 2,
    nbits: 4,
    byResidual: false,
  } as const;
  const codebook = createCodebook({ ...shape, centroids: floats(16 * DIM) });
  const artifact = await writeArtifact({ codebook, ...encode(codebook, floats(ids.length * DIM)), ids });
  await writeIndexDirectory(directory, artifact);
}

/** `poeem` in this process. */
async function run(...args: string[]): Promise<{ out: string; error: string }> {
  const said = { out: "", error: "" };
  const keep = (name: "out" | "error") => (text: unknown) => {
    said[name] += text;
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, "write").mockImplementation(keep("out")),
    vi.spyOn(process.stderr, "write").mockImplementation(keep("error")),
  ];
  try {
    await main(["node", "poeem", ...args]);
  } finally {
    for (const spy of spies) spy.mockRestore();
    process.exitCode = undefined;
  }
  return said;
}

/** What is left of an index when these options removed something. */
async function left(index: string, ...options: string[]): Promise<string[]> {
  const out = join(folder, "changes");
  await rm(out, { recursive: true, force: true });
  const { error } = await run("encode", "--index", index, "--out", out, ...options);
  expect(error).not.toMatch(/^poeem:|not in the index/m);
  const opened = await openIndexDirectory(index, out);
  const items = await opened.items(Array.from({ length: opened.manifest.numItems }, (_, i) => i));
  return items.map(({ id }) => String(id));
}
const without = (...ids: string[]): string[] => IDS.filter((id) => !ids.includes(id)).sort();
async function expectRemoved(options: string[], ids: string[]): Promise<void> {
  expect((await left(odd, ...options)).sort(), options.join(" ")).toEqual(without(...ids));
}
async function historyOf(...options: string[]): Promise<string[]> {
  const { out, error } = await run("search", "--index", odd, "--k", "3", "--json", ...options);
  expect(error).toBe("");
  return (JSON.parse(out) as { history: string[] }).history;
}

describe("every id can be named", () => {
  it.each(IDS)("%j by itself, by a file, and after --", async (id) => {
    const file = join(folder, "one.txt");
    await writeFile(file, `\ufeff${id}\r\n\n`);
    await expectRemoved(["--remove", `@${file}`], [id]);
    expect(await historyOf("--history", `@${file}`)).toEqual([id]);
    await expectRemoved(["--remove", "--", id], [id]);
    expect(await historyOf("--history", "--", id, "plain")).toEqual([id, "plain"]);
    // the option once more, so that this one is an id as it stands; only a leading @ is doubled
    const typed = id.startsWith("@") ? `@${id}` : id;
    if (id !== "--") await expectRemoved([`--remove=${typed}`, "--remove=plain"], [id, "plain"]);
  });

  it("a file has one per line, and nothing of a line is taken off", async () => {
    const file = join(folder, "rm.txt");
    await writeFile(file, ' lead\ntrail \r\n\na,b\n"q"\n@file');
    await expectRemoved(["--remove", `@${file}`], [" lead", "trail ", "a,b", '"q"', "@file"]);
  });

  it.each<[string, string[]]>([
    ["a,b", ["a", "b"]],
    ['"a,b"', ["a,b"]],
    ['"a,b",a, lead', ["a,b", "a", " lead"]],
    ['"""q""",b', ['"q"', "b"]],
    [" lead", [" lead"]],
    ["trail ,-5", ["trail ", "-5"]],
    ["@@file", ["@file"]],
    ["--json", ["--json"]],
    ["größe,,x;y,", ["größe", "x;y"]],
  ])("%j alone is a line of CSV", async (value, ids) => {
    expect(await historyOf("--history", value)).toEqual(ids);
    await expectRemoved(["--remove", value], ids);
  });

  it("options that are repeated take one id each, in their order", async () => {
    expect(await historyOf("--history", "a,b", "--history", " lead", "--history", '"q"')).toEqual([
      "a,b",
      " lead",
      '"q"',
    ]);
  });

  it("numbers may be written with zeros, as in a file that is imported", async () => {
    for (const seven of ["7", "007", "7.0", " 7"]) {
      expect(await left(numbers, "--remove", "--", seven), seven).toEqual(["0", "8", "9"]);
      expect(await left(numbers, "--remove", seven, "--remove", "9"), seven).toEqual(["0", "8"]);
    }
  });

  it("new items are named alike", async () => {
    const vectors = join(folder, "v.f32");
    await writeFile(vectors, new Uint8Array(floats(2 * DIM).buffer));
    const added = await left(odd, "--vectors", vectors, "--ids", "c,d", "--ids", " e");
    expect(added.sort()).toEqual([...IDS, "c,d", " e"].sort());
    const { error } = await run("encode", "--index", odd, "--out", "x", "--vectors", vectors, "--ids", "a");
    const long = ["--vectors", vectors, "--ids", "c", "--ids", "x".repeat(600)];
    expect((await run("encode", "--index", odd, "--out", "x", ...long)).error).toMatch(
      /^poeem: --ids: expected at most 512 bytes of UTF-8, got 600/,
    );
    expect(error).toMatch(/v\.f32: expected 1 vectors, one per item of --ids, got 2 of dim 4/);
  });
});

describe("a file that is called like an id", () => {
  const at = (...args: string[]) => poeem(["encode", "--index", "numbers", "--out", "out", ...args], folder);

  it("is not read where an item has the id, and neither is a folder", async () => {
    expect(await at("--remove", "7", "--json")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/"removed":1,/),
    });
    expect((await at("--remove", "@7", "--json", "--delta", "out")).stdout).toMatch(/"removed":2,/);
    expect((await at("--remove", "8", "--json", "--delta", "out")).stdout).toMatch(/"removed":0,.*"unknown":\["8"\]/);
  });

  it("is asked about where no item has it", async () => {
    const { code, stderr } = await poeem(["encode", "--index", "odd", "--out", "other", "--remove", "unknown"], folder);
    expect([code, stderr]).toEqual([
      1,
      'poeem: --remove "unknown": there is a file of this name, and no such item; ' +
        "for the ids in the file write --remove @unknown, for the id --remove -- unknown\n",
    ]);
  });
});

describe("what is no id is told, with its option and line", () => {
  it.each<[string, string[], RegExp]>([
    ["odd", ["--remove", ""], /^poeem: --remove: expected at least one id, got none\n$/],
    ["odd", ["--remove", ",,"], /^poeem: --remove: expected at least one id, got none\n$/],
    ["odd", ["--remove", "", "--remove", "a"], /^poeem: --remove: expected an id, got none\n$/],
    ["odd", ["--remove", '"a,b'], /^poeem: --remove: expected a closing quote/],
    ["odd", ["--remove", "@none.txt"], /^poeem: --remove @none\.txt: no such file; an id .* is written @@none\.txt\n$/],
    ["odd", ["a"], /^poeem: expected no argument but options, got a\n$/],
    ["numbers", ["--remove", "7.5"], /^poeem: --remove: expected integers of 0 to 4294967295, .* got "7\.5"\n$/],
    ["numbers", ["--remove", "-7"], /^poeem: --remove: expected integers .* got "-7"\n$/],
    [
      "odd",
      ["--remove", "a,plain", "--remove", "b"],
      /^poeem: --remove "a,plain": no such .*: --remove a --remove plain\n$/,
    ],
    [
      "odd",
      ["--history", "a,plain", "--history", "b"],
      /^poeem: --history "a,plain": no such item, but there are items/,
    ],
    ["numbers", ["--remove", "7,008", "--remove", "9"], /^poeem: --remove "7,008": no such item, but there are items/],
    ["numbers", ["--remove", "@"], /line 3: expected integers of 0 to 4294967295, .* got "x"\n$/],
  ])("in %s, %j", async (name, options, expected) => {
    const file = join(folder, "bad.txt");
    await writeFile(file, "7\n\nx\n");
    const given = options.map((option) => (option === "@" ? `@${file}` : option));
    const command = options[0] === "--history" ? ["search"] : ["encode", "--out", join(folder, "none")];
    const { error } = await run(...command, "--index", join(folder, name), ...given);
    expect(error).toMatch(expected);
  });

  it("in a file that is no text", async () => {
    const file = join(folder, "utf16.txt");
    await writeFile(file, Buffer.from("\ufeffa\n", "utf16le"));
    const { error } = await run("search", "--index", odd, "--history", `@${file}`);
    expect(error).toMatch(/^poeem: --history @.*utf16\.txt: expected text in UTF-8, got other bytes\n$/);
  });

  it("in a search, as in encode", async () => {
    const asked = (history: string) => run("search", "--index", numbers, "--history", history);
    expect((await asked("x")).error).toMatch(/^poeem: --history: expected integers of 0 to 4294967295/);
    expect((await asked("5")).error).toBe('poeem: --history: expected ids of items of this index, got "5"\n');
  });
});

describe("poeem search", () => {
  it("refuses vectors of another dim, unless the file is said to hold so many queries", async () => {
    const file = join(folder, "q.f32");
    await writeFile(file, new Uint8Array(floats(4 * DIM).buffer));
    const asked = (...more: string[]) => run("search", "--index", odd, "--vectors", file, "--k", "2", ...more);
    expect((await asked()).error).toMatch(
      /q\.f32: expected 4 floats \(1 vector of dim 4, that of the index\), got 16; for 4 queries say --queries 4\n$/,
    );
    expect((await asked("--heads", "2")).error).toMatch(/expected 8 floats \(2 vectors of dim 4.*; for 2 queries say/);
    expect((await asked("--heads", "3", "--queries", "all")).error).toMatch(/expected a multiple of 12 floats/);
    for (const more of [
      ["--queries", "4"],
      ["--queries", "all"],
    ])
      expect((await asked(...more)).out.split("\n")).toHaveLength(5);
    expect((await asked("--heads", "4")).out.split("\n")).toHaveLength(2);
  });
});
