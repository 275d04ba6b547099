import { formatCount, formatSeconds, type Progress, type ProgressStarter } from "@poeem/offline/progress";
import cliProgress from "cli-progress";
import { Pace } from "./pace.ts";

/** A bar on a terminal, a plain line now and then elsewhere. All on stderr. */
export const startProgress: ProgressStarter = (label, total, unit) => {
  const work = { label, total, unit, pace: new Pace() };
  return process.stderr.isTTY ? bar(work) : lines(work);
};

/** A line on stderr, in place of a bar that may stand there. */
export function sayOverBar(line: string): void {
  process.stderr.write(process.stderr.isTTY ? `${CLEAR_LINE}${line}\n` : `${line}\n`);
}

interface Work {
  readonly label: string;
  readonly total: number;
  readonly unit: string;
  readonly pace: Pace;
}

/** As in "41% · 1,634 examples/s · 1m44s left · epoch 3/5". */
function describe({ total, unit, pace }: Work, done: number, note: string): string {
  const percent = Math.floor((100 * done) / Math.max(1, total));
  const left = pace.secondsFor(total - done);
  return [
    `${Math.min(100, percent)}%`,
    ...(pace.rate === undefined ? [] : [`${formatCount(pace.rate)} ${unit}/s`]),
    ...(left === undefined || done >= total ? [] : [`${formatSeconds(left)} left`]),
    ...(note === "" ? [] : [note]),
  ].join(" · ");
}

const CLEAR_LINE = "\r\u001b[2K";
const WIDEST_BAR = 24;
const NARROWEST_BAR = 6;

/**
 * A bar that takes the room its words leave, so that a narrow terminal shows words alone, and cut rather than wrapped:
 * a wrapped line could not be drawn over.
 * @param share 0 … 1
 */
export function barLine(label: string, share: number, words: string, columns: number): string {
  const room = Math.min(WIDEST_BAR, columns - label.length - words.length - 3);
  const full = Math.round(share * room);
  const drawn = room < NARROWEST_BAR ? "" : `${"█".repeat(full)}${"░".repeat(room - full)} `;
  const line = `${label} ${drawn}${words}`;
  return line.length < columns ? line : `${line.slice(0, columns - 2)}…`;
}

function bar(work: Work): Progress {
  let state = { done: 0, note: "" };
  const instance = new cliProgress.SingleBar(
    {
      format: () =>
        barLine(
          work.label,
          Math.min(1, state.done / Math.max(1, work.total)),
          describe(work, state.done, state.note),
          process.stderr.columns || 80,
        ),
      stream: process.stderr,
      // a hidden cursor would stay hidden after Ctrl-C
      hideCursor: false,
      fps: 8,
      forceRedraw: true,
    },
    cliProgress.Presets.shades_classic,
  );
  instance.start(work.total, 0);
  return {
    update(done, note = state.note) {
      state = { done, note };
      work.pace.add(done, performance.now());
      instance.update(done);
    },
    say(line) {
      sayOverBar(line);
      instance.update(state.done);
    },
    stop: () => instance.stop(),
  };
}

const SECONDS_BETWEEN_LINES = 10;

function lines(work: Work): Progress {
  let spoken = performance.now();
  let note = "";
  let ended = false;
  return {
    update(done, newNote = note) {
      note = newNote;
      const now = performance.now();
      work.pace.add(done, now);
      const last = done >= work.total && !ended;
      if (now - spoken < SECONDS_BETWEEN_LINES * 1000 && !last) return;
      spoken = now;
      ended ||= last;
      process.stderr.write(`${work.label} ${describe(work, done, note)}\n`);
    },
    say: (line) => process.stderr.write(`${line}\n`),
    stop() {},
  };
}
