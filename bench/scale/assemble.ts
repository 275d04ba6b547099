import { existsSync, readdirSync } from "node:fs";
import { copyFile, mkdir, rm, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { digestOf } from "./digest.ts";
import { poeem } from "./engines.ts";
import { diskBytes, start, type Watched, watch } from "./processes.ts";

export interface Assembly {
  readonly index: string;
  readonly shards: string;
  readonly out: string;
  readonly memoryLimit: string;
}

export interface Assembled {
  readonly version: string;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Of the process, DuckDB included. */
  readonly peakMemoryBytes: number;
  /** Shards, what is sorted, and the index, at their worst moment together. */
  readonly peakDiskBytes: number;
  readonly shardBytes: number;
  readonly indexBytes: number;
  readonly chunks: number;
}

const commandOf = ({ index, out, memoryLimit }: Assembly, shards: readonly string[], ...more: readonly string[]) =>
  poeem(
    "assemble",
    ...["--index", index, "--out", out, "--memory-limit", memoryLimit, "--json", ...more, "--shards", ...shards],
  );

const shardFiles = ({ shards }: Assembly): string[] =>
  readdirSync(shards)
    .filter((name) => name.endsWith(".parquet"))
    .sort()
    .map((name) => join(shards, name));

/** What an assembly makes beside its target while it runs. */
function folders({ out, shards }: Assembly): string[] {
  const name = basename(out);
  const beside = readdirSync(dirname(out)).filter((other) => other === name || other.startsWith(`.${name}`));
  return [shards, ...beside.map((other) => join(dirname(out), other))];
}

/** Puts the shards together, in a process that is watched. */
export async function assemble(of: Assembly): Promise<Assembled> {
  const watched = await watch(commandOf(of, [of.shards]), () => folders(of));
  const said = saidBy(watched);
  const { seconds, cpuSeconds, peakMemoryBytes, peakDiskBytes } = watched;
  return {
    ...{ version: said.version, seconds, cpuSeconds, peakMemoryBytes, peakDiskBytes },
    ...{ shardBytes: await diskBytes(of.shards), indexBytes: said.bytes, chunks: said.chunks },
  };
}

function saidBy({ code, signal, stdout, stderr }: Pick<Watched, "code" | "signal" | "stdout" | "stderr">) {
  if (code !== 0) throw new Error(`poeem assemble ended with ${code ?? signal}: ${stderr}`);
  return JSON.parse(stdout) as { readonly version: string; readonly bytes: number; readonly chunks: number };
}

export interface Check {
  readonly what: string;
  /** "equal", or what the command said when it refused. */
  readonly outcome: string;
}

/**
 * Bad days of an assembly: every one ends in the same index or is refused by name.
 * @param digest of the index, made on a good day
 * @throws Error where one does not
 */
export async function checkAssemblies(of: Assembly, digest: string): Promise<Check[]> {
  const files = shardFiles(of);
  const [first = ""] = files;
  const scratch = `${of.out}-checks`;
  await mkdir(scratch, { recursive: true });
  const again = { ...of, out: join(scratch, "index") };
  const equal = async (what: string): Promise<Check> => {
    if ((await digestOf(again.out)) !== digest) throw new Error(`${what}: expected the same index, got another`);
    await rm(again.out, { recursive: true, force: true });
    return { what, outcome: "equal" };
  };
  const refused = async (what: string, shards: readonly string[]): Promise<Check> => {
    const { code, stderr } = await start(commandOf(again, shards)).ended;
    const outcome = stderr.trim().split("\n").at(-1)!.replaceAll(`${of.shards}/`, "").replaceAll(`${scratch}/`, "");
    if (code !== 1) throw new Error(`${what}: expected it to be refused, got ${code}: ${outcome}`);
    return { what, outcome };
  };
  try {
    saidBy(await start(commandOf(again, files.toReversed())).ended);
    const checks = [await equal("shards in the reverse order")];
    // while it sorts or writes
    const isUnderWay = () => existsSync(join(scratch, ".index.assembling"));
    const { signal } = await watch(commandOf(again, [of.shards]), () => [], laterThan(isUnderWay));
    saidBy(await start(commandOf(again, [of.shards], "--resume")).ended);
    checks.push(await equal(`killed${signal === null ? " too late" : ""} and resumed`));
    const copy = join(scratch, "copy.parquet");
    await copyFile(first, copy);
    checks.push(await refused("a shard twice", [...files, copy]));
    checks.push(await refused("a shard missing", files.slice(1)));
    const linked = join(scratch, "linked.parquet");
    await symlink(first, linked);
    checks.push(await refused("a shard twice by a link", [...files, linked]));
    return checks;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** So from the second time on that it is looked at. */
function laterThan(isSo: () => boolean): () => boolean {
  let times = 0;
  return () => isSo() && ++times > 3;
}
