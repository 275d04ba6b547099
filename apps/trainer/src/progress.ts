import cliProgress from "cli-progress";

/** A long piece of work a person watches: a bar on a terminal, a plain line now and then elsewhere. All on stderr. */
export interface Progress {
  /** @param done units finished so far @param note short text after the figures */
  update(done: number, note?: string): void;
  /** Says something without breaking the bar. */
  say(line: string): void;
  stop(): void;
}

/** @param unit what is counted, plural, e.g. "examples" */
export function createProgress(label: string, total: number, unit: string): Progress {
  const started = performance.now();
  const describe = (done: number): { rate: string; left: string } => {
    const seconds = (performance.now() - started) / 1000;
    const rate = done / Math.max(seconds, 1e-3);
    return { rate: formatCount(rate), left: done > 0 ? formatSeconds((total - done) / rate) : "…" };
  };
  return process.stderr.isTTY ? bar(label, total, unit, describe) : lines(label, total, unit, describe);
}

type Describe = (done: number) => { rate: string; left: string };

function bar(label: string, total: number, unit: string, describe: Describe): Progress {
  const instance = new cliProgress.SingleBar(
    {
      format: `${label} {bar} {percentage}% · {rate} ${unit}/s · {left} left {note}`,
      stream: process.stderr,
      // a hidden cursor would stay hidden after Ctrl-C
      hideCursor: false,
      barsize: 24,
      fps: 8,
      forceRedraw: true,
    },
    cliProgress.Presets.shades_classic,
  );
  let state = { done: 0, note: "" };
  const payload = (): object => ({ ...describe(state.done), note: state.note && `· ${state.note}` });
  instance.start(total, 0, payload());
  return {
    update(done, note = state.note) {
      state = { done, note };
      instance.update(done, payload());
    },
    say(line) {
      process.stderr.write(`\r\u001b[2K${line}\n`);
      instance.update(state.done, payload());
    },
    stop: () => instance.stop(),
  };
}

const SECONDS_BETWEEN_LINES = 10;

function lines(label: string, total: number, unit: string, describe: Describe): Progress {
  let last = performance.now();
  return {
    update(done, note) {
      const now = performance.now();
      if (now - last < SECONDS_BETWEEN_LINES * 1000 && done < total) return;
      last = now;
      const { rate, left } = describe(done);
      const percent = Math.floor((100 * done) / Math.max(1, total));
      process.stderr.write(`${label} ${percent}% · ${rate} ${unit}/s · ${left} left${note ? ` · ${note}` : ""}\n`);
    },
    say: (line) => process.stderr.write(`${line}\n`),
    stop() {},
  };
}

/** 1234567 → "1,234,567" */
export function formatCount(n: number): string {
  return Math.round(n).toLocaleString("en-US");
}

/** 95 → "1m35s" */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const minutes = Math.floor(whole / 60);
  return minutes > 0 ? `${minutes}m${String(whole % 60).padStart(2, "0")}s` : `${whole}s`;
}
