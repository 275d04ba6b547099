import { rmSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

const PREFIX = ".setup-";

/** Does something in a new folder beside what it makes. The folder is gone afterwards, also after Ctrl-C. */
export async function inWorkFolder<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  await removeLeftovers(parent);
  const folder = join(parent, `${PREFIX}${process.pid}`);
  await mkdir(folder, { recursive: true });
  const stop = (signal: NodeJS.Signals): void => {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // what a child still writes there is removed by the next setup
    }
    process.off(signal, stop);
    process.kill(process.pid, signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, stop);
  try {
    return await work(folder);
  } finally {
    for (const signal of signals) process.off(signal, stop);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Of setups that were killed. */
async function removeLeftovers(parent: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => []))
    if (name.startsWith(PREFIX) && !isRunning(Number(name.slice(PREFIX.length))))
      await rm(join(parent, name), { recursive: true, force: true });
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
