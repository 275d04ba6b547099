import { run } from "./run.ts";

/** A card, and whether the libtensorflow that we build for CUDA 12 works on it. */
export interface Card {
  readonly name: string;
  /** As in "8.9". */
  readonly computeCapability: string;
  readonly driver: string;
  readonly works: boolean;
  /** What is to be known of it; absent for one that just works. */
  readonly note?: string;
}

/** For people who have no card in this machine yet. */
export const WHICH_CARDS =
  "NVIDIA cards of compute capability 6.0 to 8.9 (Pascal, Volta, Turing, Ampere, Ada) work with driver 525 or newer; " +
  "Hopper (9.0) with 555 or newer, whose first start compiles for minutes; Blackwell (10.0, 12.0) does not";

const LEAST_DRIVER = 525;
/** What is compiled on the machine needs a driver as new as CUDA 12.5. */
const LEAST_DRIVER_TO_COMPILE = 555;

/** What TensorFlow 2.19 was built for: machine code of 6.0, 7.0, 8.0 and 8.9, and for 9.0 what the driver compiles. */
export function judgeCard(name: string, computeCapability: string, driver: string): Card {
  const card = { name, computeCapability, driver };
  const [major = Number.NaN, minor = Number.NaN] = computeCapability.split(".").map(Number);
  if (Number.isNaN(major) || Number.isNaN(minor)) return { ...card, works: false, note: "its capability is unknown" };
  if (major < 6) return { ...card, works: false, note: "too old: capability 6.0 is the least" };
  if (major > 9) return { ...card, works: false, note: "too new: TensorFlow has no code for it; --backend webgpu may" };
  const least = major === 9 ? LEAST_DRIVER_TO_COMPILE : LEAST_DRIVER;
  if (Number.parseInt(driver, 10) < least)
    return { ...card, works: false, note: `its driver ${driver} is too old: ${least} is the least` };
  if (major === 9) return { ...card, works: true, note: "the first start compiles for minutes, later ones do not" };
  return { ...card, works: true };
}

/** Reads `name, compute_cap, driver_version` lines of nvidia-smi. */
export function readCards(csv: string): Card[] {
  const lines = csv.split(/\r?\n/).filter((line) => line.trim() !== "");
  return lines.map((line) => {
    // a name may have a comma
    const fields = line.split(",").map((field) => field.trim());
    const [capability = "", driver = ""] = fields.slice(-2);
    return judgeCard(fields.slice(0, -2).join(", "), capability, driver);
  });
}

/** The cards of this machine; none where there is no nvidia-smi. */
export async function listCards(): Promise<Card[]> {
  const query = ["--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader"];
  const ended = await run("nvidia-smi", query);
  return ended.code === 0 ? readCards(ended.stdout) : [];
}

/** "NVIDIA L4 (8.9): works" */
export function describeCard({ name, computeCapability, works, note }: Card): string {
  const verdict = works ? "works" : "does not work";
  return `${name} (${computeCapability}): ${verdict}${note === undefined ? "" : `; ${note}`}`;
}
