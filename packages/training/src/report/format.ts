import { formatCount } from "@poeem/offline/progress";

/** 1536 → "1.5 kB" */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? formatCount(value) : value.toPrecision(3)} ${units[unit]}`;
}

/** 1234567 → "1.23M", for axes. */
export function formatShort(value: number): string {
  for (const [size, letter] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    if (Math.abs(value) >= size) return `${Number((value / size).toPrecision(3))}${letter}`;
  }
  return String(Number(value.toPrecision(3)));
}

/** .4321 → "43.2 %" */
export function formatPercent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** .43214 → "0.4321" */
export const formatFigure = (value: number): string => value.toFixed(4);
