import { counted, formatCount, formatSeconds } from "@poeem/offline/progress";
import type { TrainingLog, TrainingRecord } from "../train/training-log.ts";
import { baseAxis, type Figure, line, SERIES, type Table, valueAxis } from "./chart.ts";
import { formatFigure, formatShort } from "./format.ts";

/** Rows of a table beside a curve: the whole log would be a wall. */
const TABLE_ROWS = 12;

/** Loss, distortion and validation recall over the examples seen; a curve without two points is left out. */
export function trainingFigures(log: TrainingLog): Figure[] {
  const { records, validation } = log;
  const recall = validation ? `recall@${validation.k}` : "recall";
  return [
    curve(log, {
      id: "loss",
      title: "Loss",
      value: ({ loss }) => loss,
      words: (first, last) => `Training loss fell from ${formatShort(first)} to ${formatShort(last)}`,
      color: SERIES[0],
    }),
    curve(log, {
      id: "distortion",
      title: "Distortion",
      value: ({ distortion }) => distortion,
      words: (first, last) =>
        `Mean squared distance of an item to its quantized vector, from the start of the quantizer on: ` +
        `${formatShort(first)} to ${formatShort(last)}`,
      color: SERIES[1],
    }),
    curve(log, {
      id: "validation",
      title: `Validation ${recall}`,
      value: ({ validationRecall }) => validationRecall ?? null,
      words: (first, last) =>
        `${recall} of ${counted(validation?.queries ?? 0, "query")} not trained on: ` +
        `${formatFigure(first)} to ${formatFigure(last)}, best ` +
        `${formatFigure(Math.max(...records.map(({ validationRecall }) => validationRecall ?? 0)))}. Items are ` +
        `quantized once the quantizer has started`,
      color: SERIES[2],
      points: true,
    }),
  ].filter((figure) => figure !== undefined);
}

interface Curve {
  readonly id: string;
  readonly title: string;
  readonly value: (record: TrainingRecord) => number | null;
  readonly words: (first: number, last: number) => string;
  readonly color: string;
  readonly points?: boolean;
}

function curve({ records, milestones }: TrainingLog, curve: Curve): Figure | undefined {
  const { id, title, value, words, color, points = false } = curve;
  const measured = records.filter((record) => value(record) !== null);
  if (measured.length < 2) return undefined;
  const data = measured.map((record) => [record.examples, value(record)]);
  const perStep = records.at(-1)!.examples / records.at(-1)!.step;
  const [first, last] = [value(measured[0]!)!, value(measured.at(-1)!)!];
  const { examples, seconds } = records.at(-1)!;
  const dotted = milestones.map(({ step, text }) => `step ${formatCount(step)}, ${text}`).join("; ");
  return {
    id,
    title,
    description:
      `${words(first, last)}, over ${counted(examples, "example")} in ${formatSeconds(seconds)}.` +
      `${dotted === "" ? "" : ` Dotted: ${dotted}.`}`,
    legend: [],
    option: () => ({
      xAxis: baseAxis("examples", {
        type: "value",
        max: records.at(-1)!.examples,
        splitNumber: 4,
        axisLabel: { formatter: formatShort, showMaxLabel: false },
      }),
      yAxis: valueAxis({ scale: true, axisLabel: { formatter: formatShort } }),
      series: [
        line(
          data,
          color,
          { width: 2 },
          {
            showSymbol: points,
            symbol: "circle",
            symbolSize: 6,
            markLine: {
              silent: true,
              symbol: "none",
              precision: 12,
              label: { show: false },
              lineStyle: { color: "var(--quiet)", type: "dotted", width: 1 },
              data: milestones.map(({ step }) => ({ xAxis: step * perStep })),
            },
          },
        ),
      ],
    }),
    table: table(measured, title, value),
  };
}

function table(records: readonly TrainingRecord[], title: string, value: Curve["value"]): Table {
  const count = Math.min(TABLE_ROWS, records.length);
  const kept = Array.from({ length: count }, (_, i) => records[Math.round((i * (records.length - 1)) / (count - 1))]!);
  return {
    columns: ["Step", "Epoch", "Examples", "Time", title],
    rows: kept.map((record) => [
      formatCount(record.step),
      String(record.epoch),
      formatCount(record.examples),
      formatSeconds(record.seconds),
      value(record)!.toFixed(4),
    ]),
  };
}
