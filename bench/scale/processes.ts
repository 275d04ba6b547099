/** Processes that this one starts: how much memory and disk they take, and who is below them. Linux. */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync, type Stats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

const MEMORY_MS = 100;
const DISK_MS = 1000;

export interface Process {
  readonly pid: number;
  readonly command: string;
}

/** Processes below another one, however far. */
export function descendants(root: number): Process[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const parent = readOr("", () => /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${entry}/status`, "utf8"))?.[1]);
    if (parent) children.set(Number(parent), [...(children.get(Number(parent)) ?? []), Number(entry)]);
  }
  const found: Process[] = [];
  const open = [root];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop())
    for (const child of children.get(pid) ?? []) {
      open.push(child);
      const command = readOr("", () => readFileSync(`/proc/${child}/cmdline`, "utf8").replaceAll("\0", " "));
      found.push({ pid: child, command: command ?? "" });
    }
  return found;
}

/** Most bytes that a process had resident so far; 0 where it has ended. */
export function peakMemory(pid: number): number {
  const status = readOr("", () => readFileSync(`/proc/${pid}/status`, "utf8"));
  return 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(status ?? "")?.[1] ?? 0);
}

/** Seconds of CPU that a process has taken, with its threads; 0 where it has ended. */
export function cpuSeconds(pid: number): number {
  const stat = readOr("", () => readFileSync(`/proc/${pid}/stat`, "utf8")) ?? "";
  // behind the name, which may have blanks: user and system time are the twelfth and thirteenth
  const times = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(times[11] ?? 0) + Number(times[12] ?? 0)) / TICKS;
}
/** What the kernel counts a second in. */
const TICKS = 100;

/** A process may end while it is looked at. */
function readOr<T>(other: T, read: () => T | undefined): T | undefined {
  try {
    return read();
  } catch {
    return other;
  }
}

/** Bytes of the files in a folder, as they take up disk; 0 where there is none. */
export async function diskBytes(path: string): Promise<number> {
  const stats = await lstat(path).catch((): Stats | undefined => undefined);
  if (stats === undefined) return 0;
  if (!stats.isDirectory()) return stats.blocks * 512;
  let bytes = 0;
  for (const name of await readdir(path).catch((): string[] => [])) bytes += await diskBytes(join(path, name));
  return bytes;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  /** Its last lines. */
  readonly stderr: string;
}

/** Starts a command whose output is kept. */
export function start(
  [file = "", ...args]: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...environment } });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text) => {
    stdout += text;
  });
  child.stderr.on("data", (text) => {
    stderr = (stderr + text).slice(-4000);
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, ended };
}

/** Runs a command to its end. @throws Error with what it said, where it fails */
export async function run(command: readonly string[]): Promise<Ended> {
  const ended = await start(command).ended;
  if (ended.code === 0) return ended;
  throw new Error(`${command.slice(0, 4).join(" ")} … ended with ${ended.code ?? ended.signal}: ${ended.stderr}`);
}

export interface Watched extends Ended {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMemoryBytes: number;
  /** Most that the folders took together. */
  readonly peakDiskBytes: number;
}

/**
 * Runs a command, and looks at its memory and at some folders meanwhile.
 * @param stopWhen kills it as soon as this is so, looked at every second
 */
export async function watch(
  command: readonly string[],
  folders: () => readonly string[],
  stopWhen: () => boolean = () => false,
): Promise<Watched> {
  const started = performance.now();
  const { child, ended } = start(command);
  const pid = child.pid!;
  let [memory, disk, cpu] = [0, 0, 0];
  let isOver = false;
  const memories = setInterval(() => {
    memory = Math.max(memory, peakMemory(pid));
    cpu = Math.max(cpu, cpuSeconds(pid));
  }, MEMORY_MS);
  const disks = (async () => {
    for (; !isOver; await new Promise((wake) => setTimeout(wake, DISK_MS))) {
      if (stopWhen()) child.kill("SIGKILL");
      let sum = 0;
      for (const folder of folders()) sum += await diskBytes(folder);
      disk = Math.max(disk, sum);
    }
  })();
  const end = await ended;
  const seconds = (performance.now() - started) / 1000;
  clearInterval(memories);
  isOver = true;
  await disks;
  return { ...end, seconds, cpuSeconds: cpu, peakMemoryBytes: memory, peakDiskBytes: disk };
}
