import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildFolder, buildsFolder } from "@poeem/training/backend/tensorflow-builds";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeCard, judgeCard, readCards } from "../src/gpu/cards.ts";
import { thisMachine, wheelFor } from "../src/gpu/platform.ts";
import { requirementsOf } from "../src/gpu/requirements.ts";
import { errorLine, run } from "../src/gpu/run.ts";
import { tryBackend } from "../src/gpu/try-backend.ts";
import { inWorkFolder } from "../src/gpu/work-folder.ts";

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
});

describe("run", () => {
  it("says in a line why a command failed", async () => {
    expect(errorLine(await run("poeem-has-no-such-command", []))).toBe("not found");
    const script = "console.error('first\\nERROR: the reason\\nlast'); process.exit(3)";
    const ended = await run(process.execPath, ["-e", script]);
    expect(ended.code).toBe(3);
    expect(errorLine(ended)).toBe("ERROR: the reason");
  });
});

describe("builds", () => {
  it("lie in a folder of the user's, or where POEEM_CACHE says", () => {
    expect(buildsFolder({ POEEM_CACHE: "/a" })).toBe("/a");
    expect(buildsFolder({ XDG_CACHE_HOME: "/x" })).toBe(join("/x", "poeem"));
    expect(buildsFolder({})).toMatch(/\.cache.poeem$/);
    expect(buildFolder("cpu")).not.toBe(buildFolder("cuda"));
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

  it("refuses a build that does not load, with what to do", async () => {
    const cache = join(folder, "broken");
    const broken = buildFolder("cpu", cache);
    await mkdir(broken, { recursive: true });
    await writeFile(join(broken, "tfjs_binding.node"), "no library");
    const trial = await tryBackend("node", { POEEM_CACHE: cache });
    expect(trial).toMatchObject({ works: false, reason: expect.stringContaining("does not load") });
    expect(trial).toMatchObject({ reason: expect.stringContaining(`remove ${broken}`) });
  });

  it("starts a backend in a process of its own, and checks its numbers", async () => {
    for (const backend of ["wasm", "cpu"] as const)
      expect(await tryBackend(backend)).toMatchObject({ backend, works: true, seconds: expect.any(Number) });
  });
});
