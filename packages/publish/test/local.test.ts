/**
 * Publishing into the KV that wrangler dev reads, from processes of their own: killed in the middle, and two at once.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { pointerKey } from "@poeem/pq-core/kv";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { publishInto } from "../src/publish-into.ts";
import type { Store } from "../src/store.ts";
import { withLocalStore } from "../src/stores/local.ts";
import { readPublished } from "../src/versions.ts";
import { checkedArtifact, keysOf, makeArtifact } from "./artifacts.ts";
import { ACCOUNT, KvServer, NAMESPACE, TOKEN } from "./kv-server.ts";
import { ACCESS_KEY_ID, BUCKET, S3Server, SECRET } from "./s3-server.ts";

const worker = resolve(import.meta.dirname, "../../../apps/edge");
const poeem = resolve(import.meta.dirname, "../../../apps/trainer/bin/poeem.js");
const child = resolve(import.meta.dirname, "child.ts");
const NUM_ITEMS = 500;
const TIMEOUT = 300_000;
const environment = { ...process.env, WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false" };
const artifacts = await Promise.all([0, 1, 2].map((seed) => checkedArtifact(seed, NUM_ITEMS)));
const versionsOf = artifacts.map(({ manifest }) => manifest.version);
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "poeem-publish-"));
  for (const seed of [0, 1, 2])
    await writeIndexDirectory(join(folder, `index-${seed}`), await makeArtifact(seed, NUM_ITEMS), {});
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const within = <T>(state: string, work: (store: Store) => Promise<T>): Promise<T> =>
  withLocalStore({ worker, persist: join(folder, state) }, work);

/** Starts a process that publishes an artifact and, before it writes a key that begins so, says so and stands still. */
function start(
  state: string,
  seed: number,
  haltAt: string,
): { process: ChildProcess; line: (text: string) => Promise<void> } {
  const started = spawn(process.execPath, [child, worker, join(folder, state), `${seed}`, `${NUM_ITEMS}`, haltAt], {
    env: environment,
    stdio: ["pipe", "pipe", "ignore"],
  });
  let output = "";
  const changed: (() => void)[] = [];
  started.stdout!.on("data", (text) => {
    output += text;
    for (const wake of changed.splice(0)) wake();
  });
  started.on("exit", () => {
    for (const wake of changed.splice(0)) wake();
  });
  const line = async (text: string): Promise<void> => {
    while (!output.includes(text)) {
      if (started.exitCode !== null) throw new Error(`ended with ${started.exitCode}, without ${text}: ${output}`);
      await new Promise<void>((wake) => changed.push(wake));
    }
  };
  return { process: started, line };
}

async function complete(store: Store, seed: number): Promise<void> {
  const artifact = artifacts[seed]!;
  for (const { key } of artifact.manifest.chunks)
    expect(await store.get(`chunk/${key}`)).toEqual(Uint8Array.from(await artifact.read(key)));
}

describe("a publish into the local KV", () => {
  it(
    "leaves the old version serving when it is killed before manifest or pointer, and writes only the rest afterwards",
    async () => {
      await within("killed", async (store) => {
        await publishInto(store, artifacts[0]!);
        for (const haltAt of ["chunk/manifest-", "index/"]) {
          const { process: running, line } = start("killed", 1, haltAt);
          await line(`halted at ${haltAt}`);
          running.kill("SIGKILL");
          await new Promise((done) => running.once("exit", done));
          expect((await readPublished(store, "current")).pointer).toMatchObject({ version: versionsOf[0] });
          await complete(store, 0);
        }
        const facts = await publishInto(store, artifacts[1]!);
        expect(facts).toMatchObject({ version: versionsOf[1], replaced: versionsOf[0], chunksWritten: 0 });
        await complete(store, 1);
      });
    },
    TIMEOUT,
  );

  it(
    "lets one of two win that are under way at once, and keeps the other's version whole",
    async () => {
      await within("two", async (store) => {
        await publishInto(store, artifacts[0]!);
        const [first, second] = [start("two", 1, "chunk/lists-"), start("two", 2, "chunk/lists-")];
        await Promise.all([first.line("halted at"), second.line("halted at")]);
        second.process.stdin!.write("go\n");
        first.process.stdin!.write("go\n");
        await Promise.all([first.line("published"), second.line("published")]);
        const { pointer, versions } = await readPublished(store, "current");
        expect(versionsOf.slice(1)).toContain(pointer!.version);
        expect(versions.map(({ version }) => version).sort()).toEqual([...versionsOf].sort());
        for (const seed of [0, 1, 2]) await complete(store, seed);
      });
    },
    TIMEOUT,
  );
});

/** Runs the command; standard error comes with the exit code. */
async function run(
  args: string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [poeem, ...args], {
      env: { ...environment, ...env },
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

describe("the commands, on this machine", () => {
  it(
    "print JSON alone, whatever wrangler has to say of the Worker's secrets",
    async () => {
      const own = await mkdtemp(join(folder, "worker-"));
      await copyFile(join(worker, "wrangler.jsonc"), join(own, "wrangler.jsonc"));
      await writeFile(join(own, ".dev.vars"), "API_KEY=secret\n");
      const { code, stdout } = await run(["versions", "--to", "local", "--worker", own, "--json"]);
      expect(JSON.parse(stdout)).toMatchObject({ indexes: [] });
      expect(code).toBe(0);
    },
    TIMEOUT,
  );

  it(
    "roll back, prune and list what was published under two names",
    async () => {
      await within("commands", async (store) => {
        for (const seed of [0, 1]) await publishInto(store, artifacts[seed]!);
        await publishInto(store, artifacts[2]!, { name: "books" });
      });
      const to = ["--to", "local", "--worker", worker, "--persist", join(folder, "commands")];
      const rolled = await run(["rollback", ...to, "--json"]);
      expect(JSON.parse(rolled.stdout)).toMatchObject({ version: versionsOf[0], replaced: versionsOf[1] });
      const pruned = await run(["prune", ...to]);
      expect(pruned.stderr).toMatch(/deleted 0 versions and 0 chunks, 0 bytes; 3 versions stay/);
      const { stdout } = await run(["versions", ...to, "--json"]);
      expect(JSON.parse(stdout).indexes).toMatchObject([
        {
          name: "books",
          serving: versionsOf[2],
          versions: [{ version: versionsOf[2], items: NUM_ITEMS, serving: true, previous: null }],
        },
        {
          name: "current",
          serving: versionsOf[0],
          versions: [
            { version: versionsOf[1], serving: false, previous: versionsOf[0] },
            { version: versionsOf[0], serving: true, previous: null },
          ],
        },
      ]);
    },
    TIMEOUT,
  );
});

describe("the commands, with R2", () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await S3Server.start();
  });
  afterAll(() => server.stop());

  it.each(["local-r2", "r2"])(
    "publish, list and roll back: --to %s",
    async (to) => {
      const own = await mkdtemp(join(folder, "r2-"));
      const buckets = [{ binding: "INDEX_BUCKET", bucket_name: BUCKET }];
      await writeFile(
        join(own, "wrangler.jsonc"),
        JSON.stringify({ name: "x", r2_buckets: buckets, cache: { enabled: true } }),
      );
      const env = { R2_ENDPOINT: server.endpoint, R2_ACCESS_KEY_ID: ACCESS_KEY_ID, R2_SECRET_ACCESS_KEY: SECRET };
      const at = ["--to", to, "--worker", own];
      for (const index of ["index-1", "index-2"]) {
        const { stderr } = await run(["publish", "--index", join(folder, index), ...at], env);
        expect(stderr).toMatch(
          /published current: version .*\nanswers that Cloudflare has cached may be .* for 30 s more/,
        );
      }
      expect((await run(["rollback", ...at], env)).code).toBe(0);
      const { stdout } = await run(["versions", ...at, "--json"], env);
      expect(JSON.parse(stdout).indexes).toMatchObject([{ name: "current", serving: versionsOf[1] }]);
      const bare = await run(["versions", "--to", to, "--worker", worker], env);
      expect(bare).toMatchObject({ code: 1, stderr: expect.stringMatching(/INDEX_BUCKET/) });
    },
    TIMEOUT,
  );
});

describe("the commands, with --to remote", () => {
  let server: KvServer;
  const env = () => ({
    CLOUDFLARE_BASE_URL: server.baseURL,
    CLOUDFLARE_API_TOKEN: TOKEN,
    CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
  });
  const to = ["--to", "remote", "--worker", worker, "--namespace-id", NAMESPACE];
  beforeAll(async () => {
    server = await KvServer.start();
  });
  afterAll(() => server.stop());

  it(
    "print what would be written, are killed in the middle, and write only the rest",
    async () => {
      const publish = ["publish", "--index", join(folder, "index-1"), ...to];
      const dry = await run([...publish, "--dry-run"], env());
      expect(
        dry.stdout
          .trim()
          .split("\n")
          .map((line) => line.split(" ")[0]),
      ).toEqual(keysOf(artifacts[1]!));
      expect(dry.stderr).toMatch(
        /would publish current: version .* chunks of .* bytes to write into KV namespace b+, 0 already there/,
      );
      expect(server.values.size).toBe(0);

      // half of the keys are written when the process is killed while it waits for the other half
      let writes = 0;
      let halted = (): void => undefined;
      const stopped = new Promise<void>((resolve) => {
        halted = resolve;
      });
      server.fail = ({ path, body }) => {
        if (path !== "bulk" || body.includes("claim/")) return undefined;
        if (++writes === 1) return "partial";
        halted();
        return "hang";
      };
      const running = spawn(process.execPath, [poeem, ...publish], {
        env: { ...environment, ...env() },
        stdio: "ignore",
      });
      await stopped;
      running.kill("SIGKILL");
      await new Promise((done) => running.once("exit", done));
      const present = server.keys();
      expect(present.length).toBe(Math.ceil(keysOf(artifacts[1]!).length / 2));
      server.fail = () => undefined;
      server.requests.length = 0;

      const again = await run([...publish, "--json"], env());
      expect(JSON.parse(again.stdout)).toMatchObject({ chunksPresent: present.length });
      const written = server
        .bulkWrites()
        .flat()
        .filter((key) => key.startsWith("chunk/"));
      expect([...present, ...written].sort()).toEqual(keysOf(artifacts[1]!).sort());
      expect(server.bulkWrites().at(-1)).toEqual([pointerKey()]);
      const { stdout } = await run(["versions", ...to], env());
      expect(stdout).toMatch(new RegExp(`^current\n  ${versionsOf[1]} .* 500 items .* serves since`));
    },
    TIMEOUT,
  );

  it(
    "say in one line what is wrong",
    async () => {
      const { code, stdout, stderr } = await run(["versions", ...to], { ...env(), CLOUDFLARE_API_TOKEN: "wrong" });
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toBe("poeem: CLOUDFLARE_API_TOKEN is not valid: status 401, Authentication error (code 10000)\n");
    },
    TIMEOUT,
  );
});
