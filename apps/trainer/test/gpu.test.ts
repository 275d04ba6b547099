import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { firstSentence } from "@poeem/training/backend/refusal";
import { buildFolder, buildsFolder, isBuildName, missingPart } from "@poeem/training/backend/tensorflow-builds";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeCard, judgeCard, readCards } from "../src/gpu/cards.ts";
import { check } from "../src/gpu/fetch.ts";
import { place } from "../src/gpu/place.ts";
import { thisMachine, wheelFor } from "../src/gpu/platform.ts";
import { removeBuilds } from "../src/gpu/remove.ts";
import { requirementsOf } from "../src/gpu/requirements.ts";
import { errorLine, run } from "../src/gpu/run.ts";
import { findTools } from "../src/gpu/tools.ts";
import { describeTrial, readTrial, tryBackend } from "../src/gpu/try-backend.ts";
import { inTemporaryFolder, inWorkFolder } from "../src/gpu/work-folder.ts";

const BIN = fileURLToPath(new URL("../bin/poeem.js", import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "poeem-gpu-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function poeem(args: readonly string[], env: Record<string, string> = {}) {
  const cache = join(folder, "cache");
  return spawnSync(process.execPath, [BIN, "gpu", ...args], {
    encoding: "utf8",
    env: { ...process.env, POEEM_CACHE: cache, ...env },
  });
}

/** A folder with all the parts of a build, none of which loads. */
async function fakeBuild(build: string, content = "no library"): Promise<void> {
  await mkdir(build, { recursive: true });
  for (let part = missingPart("cpu", build); part !== undefined; part = missingPart("cpu", build)) {
    await mkdir(dirname(join(build, part)), { recursive: true });
    await writeFile(join(build, part), content);
  }
}

describe("requirementsOf", () => {
  const metadata = [
    "Metadata-Version: 2.1",
    "Requires-Dist: numpy <2.2.0,>=1.26.0",
    'Requires-Dist: tensorflow-intel ==2.19.1 ; platform_system == "Windows"',
    "Provides-Extra: and-cuda",
    "Requires-Dist: nvidia-cublas-cu12 ==12.5.3.2 ; extra == 'and-cuda'",
    'Requires-Dist: nvidia-cudnn-cu12 (==9.3.0.75) ; extra == "and-cuda"',
    "Requires-Dist: other ==1 ; extra == 'and-more'",
  ];

  it("reads what one extra asks for", () => {
    const expected = [
      { name: "nvidia-cublas-cu12", version: "12.5.3.2" },
      { name: "nvidia-cudnn-cu12", version: "9.3.0.75" },
    ];
    expect(requirementsOf(metadata.join("\n"), "and-cuda")).toEqual(expected);
    expect(requirementsOf(metadata.join("\r\n"), "and-cuda")).toEqual(expected);
    expect(requirementsOf(metadata.join("\n"), "nothing")).toEqual([]);
  });

  it("refuses what is not held to a version", () => {
    expect(() => requirementsOf("Requires-Dist: a >=1 ; extra == 'x'", "x")).toThrow(/expected name ==version/);
  });
});

describe("wheelFor", () => {
  const linux = { platform: "linux", arch: "x64", glibc: "2.36" };

  it("asks for what runs on the machine, in every spelling", () => {
    const { name, tags } = wheelFor("cpu", linux);
    expect(name).toBe("tensorflow-cpu");
    expect(tags).toContain("manylinux_2_17_x86_64");
    expect(tags).toContain("manylinux2014_x86_64");
    expect(tags[0]).toBe("manylinux_2_36_x86_64");
    expect(wheelFor("cuda", linux).name).toBe("tensorflow");
    const arm = wheelFor("cpu", { ...linux, arch: "arm64" });
    expect(arm.name).toBe("tensorflow");
    expect(arm.tags.every((tag) => tag.endsWith("_aarch64"))).toBe(true);
  });

  it("says what it has none for", () => {
    const refused = (kind: "cpu" | "cuda", machine: object) => () => wheelFor(kind, { ...linux, ...machine });
    expect(refused("cpu", { platform: "darwin", arch: "arm64" })).toThrow(/expected Linux .*got darwin$/);
    expect(refused("cuda", { arch: "arm64" })).toThrow(/expected x64, got arm64$/);
    expect(refused("cpu", { arch: "riscv64" })).toThrow(/expected x64 or arm64, got riscv64$/);
    expect(refused("cpu", { glibc: undefined })).toThrow(/glibc.*got one with musl$/);
    expect(refused("cpu", { glibc: "2.12" })).toThrow(/expected glibc 2.17 or newer, got 2.12$/);
  });

  it("reads this machine", () => {
    expect(thisMachine().platform).toBe(process.platform);
    if (process.platform === "linux") expect(thisMachine().glibc ?? "2.0").toMatch(/^2\.\d+$/);
  });
});

describe("cards", () => {
  it("knows which ones TensorFlow was built for", () => {
    const works = (capability: string, driver = "570.12") => judgeCard("card", capability, driver).works;
    for (const capability of ["6.0", "6.1", "7.0", "7.5", "8.0", "8.6", "8.9", "9.0"])
      expect(works(capability)).toBe(true);
    for (const capability of ["3.7", "5.2", "10.0", "12.0", "[N/A]", ""]) expect(works(capability)).toBe(false);
    expect(works("8.0", "470.57")).toBe(false);
    expect(works("8.0", "525.60.13")).toBe(true);
    expect(works("9.0", "535.1")).toBe(false);
  });

  it("reads nvidia-smi", () => {
    const cards = readCards("NVIDIA L4, 8.9, 550.54\nNVIDIA H200, 9.0, 570.1\nOdd, name, 12.0, 580.1\n");
    expect(cards.map(describeCard)).toEqual([
      "NVIDIA L4 (8.9): works",
      "NVIDIA H200 (9.0): works; the first start compiles for minutes, later ones do not",
      expect.stringMatching(/^Odd, name \(12\.0\): does not work; too new/),
    ]);
    expect(readCards("\n")).toEqual([]);
  });
});

describe("inWorkFolder", () => {
  it("leaves nothing, and removes what a killed process left", async () => {
    const parent = join(folder, "work");
    const ended = await run(process.execPath, ["-p", "process.pid"]);
    await mkdir(join(parent, `.setup-${ended.stdout.trim()}`, "half"), { recursive: true });
    await mkdir(join(parent, "kept"));
    const seen = await inWorkFolder(parent, async (work) => {
      await writeFile(join(work, "file"), "");
      return readdir(parent);
    });
    expect(seen.sort()).toEqual([`.setup-${process.pid}`, "kept"]);
    const failed = inWorkFolder(parent, () => Promise.reject(new Error("no")));
    await expect(failed).rejects.toThrow("no");
    expect(await readdir(parent)).toEqual(["kept"]);
  });

  it("says in a line that a folder cannot be written to", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    const refused = inWorkFolder(file, () => Promise.resolve());
    await expect(refused).rejects.toThrow(/cannot be written to: .*; POEEM_CACHE names another folder$/);
    await expect(refused).rejects.toMatchObject({ name: "UserError" });
  });

  it("is gone elsewhere too", async () => {
    const work = await inTemporaryFolder((made) => Promise.resolve(made));
    await expect(readdir(work)).rejects.toThrow("ENOENT");
  });

  it("ends with the process, and so does what that started", async (context) => {
    if (process.platform === "win32") context.skip("Windows has no such signals");
    const parent = join(folder, "ended");
    const modules = ["run", "work-folder"].map((name) =>
      JSON.stringify(new URL(`../src/gpu/${name}.ts`, import.meta.url).href),
    );
    const child = "console.log(process.pid); setTimeout(() => undefined, 20_000)";
    const script = `
      const { run } = await import(${modules[0]});
      const { inWorkFolder } = await import(${modules[1]});
      await inWorkFolder(${JSON.stringify(parent)}, async () => {
        await run(process.execPath, ["-e", ${JSON.stringify(child)}], { shown: true });
      });
    `;
    const ours = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let printed = "";
    for await (const data of ours.stderr) {
      printed += data;
      if (/^\d+\n/m.test(printed)) ours.kill("SIGTERM");
    }
    const pid = Number(/^\d+$/m.exec(printed)?.[0]);
    expect(pid, printed).toBeGreaterThan(0);
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    expect(ours.signalCode ?? (await once(ours, "exit"))[1]).toBe("SIGTERM");
    expect(await readdir(parent)).toEqual([]);
  });
});

describe("place", () => {
  const setting = async (name: string) => {
    const work = join(folder, name, "work");
    const made = join(work, "made");
    await fakeBuild(made, "new");
    return { work, made, target: join(folder, name, "target") };
  };
  const content = (target: string) => readFile(join(target, "tfjs_binding.node"), "utf8");

  it("puts a build where none is, or an incomplete one", async () => {
    const free = await setting("free");
    await place("cpu", free.made, free.target, free.work);
    expect(await content(free.target)).toBe("new");
    const taken = await setting("taken");
    await fakeBuild(taken.target, "old");
    await rm(join(taken.target, "tfjs_binding.node"));
    await place("cpu", taken.made, taken.target, taken.work);
    expect(await content(taken.target)).toBe("new");
  });

  it("leaves a complete one that another setup made meanwhile", async () => {
    const { made, target, work } = await setting("race");
    await fakeBuild(target, "old");
    await place("cpu", made, target, work);
    expect(await content(target)).toBe("old");
  });
});

describe("removeBuilds", () => {
  it("removes builds of all versions and what killed setups left, and nothing else", async () => {
    const parent = join(folder, "remove");
    const machine = `${process.platform}-${process.arch}`;
    const builds = [`tensorflow-2.18.0-tfjs-4.20.0-cuda-${machine}`, `tensorflow-2.19.1-tfjs-4.22.0-cpu-${machine}`];
    const others = [`.setup-${process.pid}`, "else", "tensorflow-2.19.1-tfjs-4.22.0-cpu-aix-ppc"];
    const ended = await run(process.execPath, ["-p", "process.pid"]);
    const left = `.setup-${ended.stdout.trim()}`;
    for (const name of [...builds, ...others, left]) await mkdir(join(parent, name, "in"), { recursive: true });
    expect(await removeBuilds(parent)).toEqual([...builds, left].map((name) => join(parent, name)));
    expect((await readdir(parent)).sort()).toEqual([...others].sort());
    expect(await removeBuilds(join(folder, "nowhere"))).toEqual([]);
  });
});

describe("readTrial", () => {
  const ended = { code: 1, stdout: "", stderr: "" };

  it("takes reason and remedy apart", () => {
    const stderr = "a warning\npoeem: --backend node cannot be started here; node: no (really) x.so (do this)\n";
    const trial = readTrial("node", { ...ended, stderr });
    expect(trial).toEqual({ backend: "node", works: false, reason: "no (really) x.so", remedy: "do this" });
    expect(describeTrial(trial)).toBe("node: no (really) x.so (do this)");
    const bare = readTrial("wasm", { ...ended, stderr: "poeem: --backend wasm cannot be started here; wasm: why\n" });
    expect(bare).toEqual({ backend: "wasm", works: false, reason: "why" });
    expect(readTrial("wasm", ended)).toMatchObject({ reason: "it ended without a word" });
  });

  it("names the signal that ended it", () => {
    const by = (signal: NodeJS.Signals, backend: "node" | "webgpu" = "node") =>
      describeTrial(readTrial(backend, { code: null, stdout: "", stderr: "an error of the library", signal }));
    expect(by("SIGBUS")).toMatch(
      /^node: its process was ended by SIGBUS .*poeem gpu remove, and poeem gpu setup --cpu/,
    );
    expect(by("SIGILL")).toMatch(/SIGILL \(this processor lacks instructions/);
    expect(by("SIGSEGV", "webgpu")).toBe("webgpu: its process was ended by SIGSEGV");
  });

  it("says what was loaded", () => {
    const seen = (origin?: object) =>
      describeTrial(readTrial("node", { ...ended, code: 0, stdout: JSON.stringify({ seconds: 1.23, origin }) }));
    expect(seen()).toBe("node: computes, started in 1.2 s");
    expect(seen({ build: "/b" })).toBe("node: computes, by the build in /b, started in 1.2 s");
    expect(seen({ package: "@a/b" })).toBe("node: computes, by @a/b of the project, started in 1.2 s");
  });
});

describe("firstSentence", () => {
  it("leaves out who asked for a module", () => {
    const error = new Error("Cannot find module './proto/api_pb'\nRequire stack:\n- /a/b.js\n- /a/c.node");
    expect(firstSentence(error)).toBe("Cannot find module './proto/api_pb'");
  });
});

describe("findTools", () => {
  it("takes what the environment names, with arguments, or refuses it by name", async (context) => {
    if (process.platform === "win32") context.skip("scripts of a shell");
    const bin = join(folder, "bin");
    await mkdir(bin);
    for (const name of ["python3", "g++", "npm", "cache"]) {
      await writeFile(join(bin, name), "#!/bin/sh\nexit 0\n");
      await chmod(join(bin, name), 0o755);
    }
    const env = { PATH: bin };
    expect(await findTools(env)).toEqual({ python: "python3", compiler: ["g++"], npm: "npm" });
    expect((await findTools({ ...env, CXX: "cache  g++" })).compiler).toEqual(["cache", "g++"]);
    await expect(findTools({ ...env, CXX: "no-such" })).rejects.toThrow(/C\+\+ compiler.* got CXX=no-such: not found$/);
    await expect(findTools({ ...env, PYTHON: "/no such" })).rejects.toThrow(/pip.* got PYTHON=\/no such: not found$/);
  });
});

describe("check", () => {
  it("says where to look for room when a disk is full", () => {
    const hints = { full: "see TMPDIR", other: "check the network" };
    const ended = (stderr: string) => ({ code: 1, stdout: "", stderr });
    const full = "ERROR: Could not install\nOSError: [Errno 28] No space left on device";
    expect(() => check(ended(full), "no", hints)).toThrow(
      "no: OSError: [Errno 28] No space left on device; see TMPDIR",
    );
    expect(() => check(ended("ERROR: refused"), "no", hints)).toThrow("no: ERROR: refused; check the network");
    expect(() => check({ ...ended(""), code: 0 }, "no", hints)).not.toThrow();
  });
});

describe("run", () => {
  it("says in a line why a command failed", async () => {
    expect(errorLine(await run("poeem-has-no-such-command", []))).toBe("not found");
    const script = "console.error('first\\nERROR: the reason\\nlast'); process.exit(3)";
    const ended = await run(process.execPath, ["-e", script]);
    expect(ended.code).toBe(3);
    expect(errorLine(ended)).toBe("ERROR: the reason");
    const killed = { code: null, stdout: "", stderr: "", signal: "SIGKILL" } as const;
    expect(errorLine(killed)).toBe("it was ended by SIGKILL");
  });
});

describe("builds", () => {
  it("lie in a folder of the user's, or where POEEM_CACHE says", () => {
    expect(buildsFolder({ POEEM_CACHE: "/a" })).toBe(resolve("/a"));
    expect(buildsFolder({ XDG_CACHE_HOME: "/x" })).toBe(resolve("/x", "poeem"));
    expect(buildsFolder({})).toMatch(/\.cache.poeem$/);
    expect(buildsFolder({ POEEM_CACHE: "a" })).toBe(resolve("a"));
    expect(buildFolder("cpu")).not.toBe(buildFolder("cuda"));
    expect(isBuildName(basename(buildFolder("cuda")))).toBe(true);
    expect(isBuildName("tensorflow")).toBe(false);
  });
});

describe("poeem gpu", () => {
  it("names all tools that are missing before it fetches anything", (context) => {
    if (process.platform !== "linux" || thisMachine().glibc === undefined) context.skip("for Linux with glibc");
    const { status, stderr } = poeem(["setup", "--cpu"], { PATH: folder, PYTHON: "", CXX: "" });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^poeem: poeem gpu setup needs Python 3 with pip.*python3: not found/);
    expect(stderr).toMatch(/; and a C\+\+ compiler.*g\+\+: not found/);
    expect(stderr).toMatch(/; and npm/);
  });

  it("wants to know for what", () => {
    expect(poeem(["setup", "--cpu", "--cuda"]).stderr).toMatch(/--cuda and --cpu make different builds/);
  });

  it("has nothing to remove where nothing was made", () => {
    expect(poeem(["remove"])).toMatchObject({ status: 0, stderr: "there is nothing to remove\n" });
  });

  it("refuses a build that is incomplete, or does not load, with what to do", async () => {
    const cache = join(folder, "broken");
    const broken = buildFolder("cpu", cache);
    await fakeBuild(broken);
    expect(await tryBackend("node", { POEEM_CACHE: cache })).toMatchObject({
      works: false,
      reason: expect.stringContaining("does not load"),
      remedy: "poeem gpu remove, and poeem gpu setup --cpu once more",
    });
    await rm(join(broken, "tfjs_binding.node"));
    expect(await tryBackend("node", { POEEM_CACHE: cache })).toMatchObject({
      works: false,
      reason: "the build of poeem gpu setup is incomplete: it has no tfjs_binding.node",
      remedy: "poeem gpu setup --cpu replaces it",
    });
  });

  it("starts a backend in a process of its own, and checks its numbers", async () => {
    for (const backend of ["wasm", "cpu"] as const)
      expect(await tryBackend(backend)).toMatchObject({ backend, works: true, seconds: expect.any(Number) });
  });
});
