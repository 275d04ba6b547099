import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Collects all garbage and gives its pages back to the system. After data were loaded this is worth 40 MB and more,
 * which a training would hold to its end: V8 grew its room for young objects to what loading wanted, and shrinks it
 * only when asked.
 */
export function releaseMemory(): void {
  // V8 has no other door to this, and takes the flag at any time; a global `gc` is not left behind.
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as (options: { type: string; execution: string; flavor: string }) => void;
  setFlagsFromString("--no-expose-gc");
  gc({ type: "major", execution: "sync", flavor: "last-resort" });
}
