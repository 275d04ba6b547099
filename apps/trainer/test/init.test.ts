import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { readCredentials } from "@poeem/publish/stores/remote";
import { loadConfig } from "@poeem/training/config";
import { loadData } from "@poeem/training/data/load";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { main, program } from "../src/cli.ts";
import { OWN_PACKAGES, TOOLS, VERSION } from "../src/init/package-json.ts";
import { originOf } from "../src/init/tarballs.ts";
import { writeNew } from "../src/init/write-new.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
let place: string;
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "poeem-init-"));
});
afterEach(async () => {
  process.exitCode = undefined;
  vi.restoreAllMocks();
  await rm(place, { recursive: true, force: true });
});

/** What `poeem init …` prints on stderr, and its exit code. */
async function run(...args: string[]): Promise<{ shown: string; code: typeof process.exitCode }> {
  let shown = "";
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    shown += text;
    return true;
  });
  await main(["node", "poeem", "init", ...args]);
  return { shown, code: process.exitCode };
}

const readJson = async (path: string) => JSON.parse(await readFile(path, "utf8"));

/** Every file below a folder, with slashes. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1)).sort();
}

const FILES = [
  ".dockerignore",
  ".github/workflows/retrain.yml",
  ".gitignore",
  "Dockerfile",
  "README.md",
  "data/clicks.csv",
  "data/products.csv",
  "package.json",
  "page.json",
  "poeem.config.ts",
  "scripts/check.mjs",
  "src/worker.ts",
  "tsconfig.json",
  "wrangler.jsonc",
];

describe("the folder that poeem init writes", () => {
  it("has all that a search needs, under its own name", async () => {
    const folder = join(place, "tea-shop");
    const { shown, code } = await run(folder);
    expect(code).toBeUndefined();
    expect(shown).toMatch(/^wrote 14 files into .*tea-shop\n/);
    expect(shown).toMatch(/next: cd .*tea-shop && npm install && npm run train && npm run serve\n$/);
    // here it runs from the repository, whose packages no registry need have
    expect(shown).toMatch(/^if npm does not find @poeem\/trainer .*--packages DIR/m);
    expect(await filesIn(folder)).toEqual(FILES);
    for (const file of FILES) expect(await readFile(join(folder, file), "utf8"), file).not.toContain("my-search");
    expect(await readJson(join(folder, "package.json"))).toMatchObject({
      name: "tea-shop",
      private: true,
      dependencies: { "@poeem/edge": VERSION, "@poeem/trainer": VERSION },
    });
    expect((await loadJsonc(folder)).name).toBe("tea-shop");
  });

  it("leaves out the data, and takes another name, when told to", async () => {
    await run(join(place, "Tea Shop"), "--name", "tea-2", "--no-sample");
    expect(await filesIn(join(place, "Tea Shop"))).toEqual(FILES.filter((file) => !file.startsWith("data/")));
    expect(await readJson(join(place, "Tea Shop/package.json"))).toMatchObject({ name: "tea-2" });
  });

  it("may be an empty one, or one with nothing but .git", async () => {
    await mkdir(join(place, "empty/.git"), { recursive: true });
    await run(join(place, "empty"));
    expect(process.exitCode).toBeUndefined();
    expect(await filesIn(join(place, "empty"))).toEqual(FILES);
  });

  it("trains from its own data: the configuration loads, and its SQL finds every column", async () => {
    const folder = join(place, "tea");
    await run(folder);
    await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
    const { config, directory } = await loadConfig(join(folder, "poeem.config.ts"));
    expect(config.name).toBe("tea");
    const { items, events } = await loadData(config, directory, {});
    expect(items.count).toBeGreaterThan(100);
    expect(items.count).toBeLessThanOrEqual(300);
    expect(events!.count).toBeGreaterThan(500);
  });

  it("has the sample that examples/shop makes, and a small one", async () => {
    await run(join(place, "tea"));
    await promisify(execFile)(process.execPath, [join(ROOT, "examples/shop/src/sample.ts"), "--out", place]);
    for (const file of ["products.csv", "clicks.csv"]) {
      const text = await readFile(join(place, "tea/data", file), "utf8");
      expect(text === (await readFile(join(place, file), "utf8")), file).toBe(true);
      expect(text.length).toBeLessThan(120_000);
    }
  });
});

/** Through wrangler's own reader, which `readCredentials` calls: it gets as far as the id that is still zeros. */
async function loadJsonc(folder: string): Promise<{ name: string }> {
  expect(() => readCredentials({ worker: folder, accountId: "a".repeat(32) }, {})).toThrow(/^no namespace/);
  const text = await readFile(join(folder, "wrangler.jsonc"), "utf8");
  return JSON.parse(text.replace(/^\s*\/\/.*$/gm, ""));
}

describe("poeem init refuses, in one line and writing nothing,", () => {
  const refused = async (args: string[], line: RegExp): Promise<void> => {
    const before = await filesIn(place);
    const { shown, code } = await run(...args);
    expect(shown).toMatch(line);
    expect(shown.trimEnd()).not.toContain("\n");
    expect(code).toBe(1);
    expect(await filesIn(place)).toEqual(before);
  };

  it("a folder that has something in it", async () => {
    await mkdir(join(place, "full"));
    await writeFile(join(place, "full/notes.txt"), "mine");
    await refused([join(place, "full")], /^poeem: .*full is not empty \(notes\.txt\): expected a new folder/);
    expect(await readFile(join(place, "full/notes.txt"), "utf8")).toBe("mine");
  });

  it("a folder that it wrote before", async () => {
    await run(join(place, "twice"));
    vi.restoreAllMocks();
    await refused([join(place, "twice")], /twice is not empty \(.dockerignore, .github, .gitignore, …\)/);
  });

  it("a file, a missing parent, a parent that is a file", async () => {
    await writeFile(join(place, "file"), "");
    await refused([join(place, "file")], /file is a file: expected a new folder, or an empty one$/m);
    await refused([join(place, "a/b")], /b cannot be made: expected the folder .*a to be there$/m);
    await refused([join(place, "file/b")], /file\/b cannot be (made|read): /);
  });

  it("a place that cannot be written", async () => {
    // no user may make a folder there, root included
    if (existsSync("/proc/self")) await refused(["/proc/poeem"], /^poeem: \/proc\/poeem cannot be written: ENOENT/);
  });

  it.each([
    ["Upper", /got the folder's name "Upper": --name NAME gives another$/m],
    ["two words", /got the folder's name "two words"/],
    ["a.b", /expected 1 to 63 of the characters a-z, 0-9 and -/],
    ["wrangler", /"wrangler" is a package that the folder needs: expected another name$/m],
  ])("a folder called %s", async (folder, line) => {
    await refused([join(place, folder)], line);
  });

  it.each(["", "-a", "a-", "ä", "@me/shop", "../x", "a".repeat(64)])("the name %j", async (name) => {
    await refused([join(place, "x"), "--name", name], /^poeem: --name: expected 1 to 63 .*, got "/);
  });

  it("a folder of packages without what it needs", async () => {
    const target = join(place, "x");
    await refused([target, "--packages", join(place, "none")], /^poeem: --packages .*none cannot be read: ENOENT/);
    await mkdir(join(place, "old"));
    await writeFile(join(place, "old/poeem-edge-0.0.1.tgz"), "");
    await refused(
      [target, "--packages", join(place, "old")],
      new RegExp(`expected poeem-edge-${VERSION}.tgz, .*got poeem-edge-0.0.1.tgz$`, "m"),
    );
  });
});

describe("what cannot be written to its end", () => {
  const files = (last: string) => new Map(["a/b/one", "a/two", "three", last].map((path) => [path, new Uint8Array(9)]));

  it.each(["x".repeat(300), "theirs/sub/four", "theirs"])("takes back what it wrote, and no more: %s", async (last) => {
    await mkdir(join(place, "a"));
    for (const file of ["a/theirs", "theirs"]) await writeFile(join(place, file), "theirs");
    await expect(writeNew(place, false, files(last))).rejects.toThrow(/ cannot be written: /);
    expect((await readdir(place, { recursive: true })).sort()).toEqual(["a", "a/theirs", "theirs"]);
    expect(await readFile(join(place, "theirs"), "utf8")).toBe("theirs");
  });

  it("leaves a file alone that is called as one it would have written next", async () => {
    await writeFile(join(place, "three"), "theirs");
    const order = ["a/one", "y".repeat(300), "three"].map((path): [string, Uint8Array] => [path, new Uint8Array(9)]);
    await expect(writeNew(place, false, new Map(order))).rejects.toThrow(/ENAMETOOLONG/);
    expect(await filesIn(place)).toEqual(["three"]);
  });

  it("takes back a folder that it made", async () => {
    await expect(writeNew(join(place, "new"), true, files("x".repeat(300)))).rejects.toThrow(/ENAMETOOLONG/);
    expect(await readdir(place)).toEqual([]);
  });
});

describe("packages", () => {
  const tarballOf = (name: string): string => `${name.slice(1).replace("/", "-")}-${VERSION}.tgz`;
  const writeTarballs = async (): Promise<string> => {
    const folder = join(place, "tarballs");
    await mkdir(folder);
    for (const name of OWN_PACKAGES) await writeFile(join(folder, tarballOf(name)), `of ${name}`);
    return folder;
  };

  it("from tarballs are copied, so that npm ci works elsewhere", async () => {
    const { shown } = await run(join(place, "x"), "--packages", await writeTarballs());
    expect(shown).toMatch(/^packages\/ has the tarballs of .*tarballs: npm installs from them$/m);
    expect(shown).not.toContain("if npm does not find");
    const { dependencies } = await readJson(join(place, "x/package.json"));
    expect(Object.keys(dependencies)).toEqual(OWN_PACKAGES);
    for (const name of OWN_PACKAGES) {
      expect(dependencies[name]).toBe(`file:packages/${tarballOf(name)}`);
      expect(await readFile(join(place, "x/packages", tarballOf(name)), "utf8")).toBe(`of ${name}`);
    }
  });

  it("come from where the command itself came from", async () => {
    expect(await originOf(join(place, "apps/trainer/src"))).toBe("repository");
    const inside = join(place, "node_modules/@poeem/trainer/dist/commands");
    expect(await originOf(inside)).toBe("registry");
    const installed = async (resolved: string): Promise<unknown> => {
      const lock = { packages: { "node_modules/@poeem/trainer": { resolved } } };
      await mkdir(join(place, "node_modules"), { recursive: true });
      await writeFile(join(place, "node_modules/.package-lock.json"), JSON.stringify(lock));
      return originOf(inside);
    };
    expect(await installed("https://registry.example/poeem.tgz")).toBe("registry");
    expect(await installed("file:../tgz/poeem-trainer.tgz")).toEqual({ tarballs: join(place, "../tgz") });
  });

  it("and tools have the versions of this repository", async () => {
    const root = await readJson(join(ROOT, "package.json"));
    const edge = await readJson(join(ROOT, "apps/edge/package.json"));
    for (const [tool, version] of Object.entries(TOOLS))
      expect({ ...root.devDependencies, ...edge.devDependencies, ...edge.dependencies }[tool], tool).toBe(version);
    // a folder names one version for all of ours
    for (const name of OWN_PACKAGES) {
      const short = name.slice("@poeem/".length);
      const home = ["apps", "packages"].map((kind) => join(ROOT, kind, short)).find((path) => existsSync(path))!;
      expect((await readJson(join(home, "package.json"))).version, name).toBe(VERSION);
    }
  });
});

it("says which Node it takes to begin, and which in the folder", async () => {
  const { engines, name } = await readJson(join(ROOT, "apps/trainer/package.json"));
  const least = engines.node.replace(">=", "");
  const docs = await readFile(join(ROOT, "docs/own-search.md"), "utf8");
  expect(docs).toContain(`Node ${least} or newer`);
  expect(docs).toContain(`npx -p node@${least.split(".")[0]} -p ${name} poeem init`);
  await run(join(place, "x"));
  const inside = (await readJson(join(place, "x/package.json"))).engines.node.replace(">=", "");
  expect(docs.replaceAll("\n", " ")).toContain(`In the folder, Node ${inside} is enough`);
  expect(await readFile(join(place, "x/README.md"), "utf8")).toContain(`Node ${inside} or newer: in this folder`);
});

describe("the workflow", () => {
  const template = resolve(import.meta.dirname, "../templates/search");

  it("parses, pins its actions, may only read, and hands nothing from outside to a shell", async () => {
    const text = await readFile(join(template, "_github/workflows/retrain.yml"), "utf8");
    const workflow = parse(text);
    expect(workflow.permissions).toEqual({ contents: "read" });
    expect(Object.keys(workflow.on)).toEqual(["schedule", "workflow_dispatch"]);
    expect(workflow.on.workflow_dispatch.inputs["max-loss"].default).toBe(""); // MAX_LOSS counts
    const steps: { uses?: string; run?: string }[] = workflow.jobs.retrain.steps;
    for (const { uses, run } of steps) {
      if (uses !== undefined) expect(uses).toMatch(/^actions\/[\w-]+@[0-9a-f]{40}$/);
      expect(run ?? "").not.toContain("${{");
      // the exit code of a pipe hides that publishing was refused
      expect(run ?? "").not.toMatch(/\bpoeem\b.*\|/);
    }
  });

  it.each([
    ["old", "rollback --to remote --to-version old"],
    ["new", "rollback --to remote"],
    [null, "rollback --to remote --to-version none: this was the first version"],
  ])("goes back from new, which replaced %s", async (replaced, called) => {
    const { jobs } = parse(await readFile(join(template, "_github/workflows/retrain.yml"), "utf8"));
    const steps: { name?: string; if?: string; run: string }[] = jobs.retrain.steps;
    const back = steps.find(({ name }) => name === "Roll back")!;
    // a cancelled check leaves a version that nobody has looked at
    expect(back.if).toContain("(failure() || cancelled()) && steps.publish.outcome == 'success'");
    await mkdir(join(place, "dist"));
    await writeFile(join(place, "dist/published.json"), JSON.stringify({ version: "new", replaced }));
    const { stdout } = await promisify(execFile)("bash", ["-ec", `npx() { echo "$*"; }\n${back.run}`], { cwd: place });
    expect(stdout).toBe(`poeem ${called}\n`);
  });

  it("calls scripts that package.json has, and options that the commands have", async () => {
    await run(join(place, "x"));
    const { scripts } = await readJson(join(place, "x/package.json"));
    const text = await readFile(join(template, "_github/workflows/retrain.yml"), "utf8");
    const called = [...text.matchAll(/npm run (?:--silent )?([\w-]+)/g)].map(([, name]) => name);
    expect(called).toEqual(["train", "evaluate"]);
    for (const name of called) expect(scripts).toHaveProperty(name!);

    const lines = [...Object.values<string>(scripts), ...text.split("\n")].flatMap((line) => {
      const [, command, options = ""] = /\bpoeem ([a-z]+)((?: .*)?)/.exec(line.split("&&")[0]!) ?? [];
      return command === undefined || line.trimStart().startsWith("#") ? [] : [{ command, options }];
    });
    expect(lines.length).toBe(8);
    for (const { command, options } of lines) {
      const known = program().commands.find((one) => one.name() === command);
      expect(known, command).toBeDefined();
      for (const [flag] of options.matchAll(/--[\w-]+/g))
        expect(
          known!.options.map(({ long }) => long),
          command,
        ).toContain(flag);
    }
  });
});

describe("scripts/check.mjs", () => {
  const script = resolve(import.meta.dirname, "../templates/search/scripts/check.mjs");

  it("says what is missing when it is called with nothing", async () => {
    await expect(promisify(execFile)(process.execPath, [script])).rejects.toMatchObject({
      code: 1,
      stderr: "check: expected the address of the search and the file of `poeem publish --json`\n",
    });
  });
});
