import type { ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

/** How long children have to clean up after themselves. */
const PATIENCE_MS = 3000;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const children = new Map<ChildProcess, Promise<unknown>>();
const folders = new Set<string>();
let listening = false;
let stopping = false;

/** Whether a signal asked this process to end: nothing new is to be started. */
export const isStopping = (): boolean => stopping;

/** Children lead a group, so that what they start ends with them; Windows has none. */
export const HAS_GROUPS = process.platform !== "win32";

/** A child that must not outlive this process. @param closed settles when it has ended */
export function endWithUs(child: ChildProcess, closed: Promise<unknown>): void {
  listen();
  children.set(child, closed);
  const forget = (): void => void children.delete(child);
  closed.then(forget, forget);
}

/** A folder that must not outlive this process. It returns how to let go of it. */
export function removeWithUs(folder: string): () => void {
  listen();
  folders.add(folder);
  return () => folders.delete(folder);
}

function listen(): void {
  if (listening) return;
  listening = true;
  for (const signal of SIGNALS) process.on(signal, stop);
  process.on("exit", () => {
    end("SIGKILL");
    removeFolders();
  });
}

async function stop(signal: NodeJS.Signals): Promise<void> {
  // whoever asks twice does not want to wait
  if (stopping) return end("SIGKILL");
  stopping = true;
  const asked = [...children.keys()];
  // upon this one pip and compilers remove what they have in the temporary folder
  end("SIGINT");
  const timer = new AbortController();
  const patience = setTimeout(PATIENCE_MS, undefined, { signal: timer.signal }).catch(() => undefined);
  await Promise.race([Promise.all(children.values()), patience]);
  timer.abort();
  // a group may outlive its leader
  end("SIGKILL", asked);
  removeFolders();
  for (const one of SIGNALS) process.off(one, stop);
  process.kill(process.pid, signal);
}

function end(signal: NodeJS.Signals, asked: Iterable<ChildProcess> = children.keys()): void {
  for (const child of asked) {
    try {
      if (HAS_GROUPS && child.pid !== undefined) process.kill(-child.pid, signal);
      else child.kill(signal);
    } catch {
      // it has ended
    }
  }
}

function removeFolders(): void {
  for (const folder of folders) {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // what a child still writes there is removed by the next setup, or by `poeem gpu remove`
    }
  }
}
