import { setImmediate as nextTurn } from "node:timers/promises";

/** A long piece of work a person watches. Who draws it, and whether, is up to the application. */
export interface Progress {
  /** @param done units finished so far @param note short text after the figures */
  update(done: number, note?: string): void;
  /** Says something without breaking the bar. */
  say(line: string): void;
  stop(): void;
}

/** What libraries take to show progress. @param unit what is counted, plural, e.g. "examples" */
export type ProgressStarter = (label: string, total: number, unit: string) => Progress;

/** Shows nothing: the default of libraries. */
export const silentProgress: ProgressStarter = () => ({ update() {}, say() {}, stop() {} });

/** Takes what is done so far; a bar is drawn and a signal heard while it is awaited. */
export type Tick = (done: number) => Promise<void>;

/** Does a piece of work under a progress of its own, which ends with it. */
export async function withProgress<T>(progress: Progress, work: (tick: Tick) => Promise<T>): Promise<T> {
  try {
    return await work(async (done) => {
      progress.update(done);
      await nextTurn();
    });
  } finally {
    progress.stop();
  }
}

/** 1234567 → "1,234,567" */
export function formatCount(n: number): string {
  return Math.round(n).toLocaleString("en-US");
}

/** 1, "query" → "1 query"; 1234, "query" → "1,234 queries" */
export function counted(n: number, noun: string): string {
  return `${formatCount(n)} ${n === 1 ? noun : noun.replace(/([^aeiou])y$/, "$1ie").concat("s")}`;
}

/** 95 → "1m35s", 7384 → "2h03m" */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const minutes = Math.floor(whole / 60);
  const two = (n: number): string => String(n).padStart(2, "0");
  if (minutes >= 60) return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
  return minutes > 0 ? `${minutes}m${two(whole % 60)}s` : `${whole}s`;
}
