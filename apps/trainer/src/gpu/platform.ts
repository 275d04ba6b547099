import { UserError } from "@poeem/offline/errors";
import type { BuildKind } from "@poeem/training/backend/tensorflow-builds";

/** What of a machine decides whether there is a libtensorflow for it. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  /** Version of the C library, as in "2.36"; undefined where that is musl. */
  readonly glibc: string | undefined;
}

/** A wheel on PyPI that has libtensorflow, and the tags of those that run here. */
export interface Wheel {
  readonly name: string;
  readonly tags: readonly string[];
}

const LEAST_GLIBC_MINOR = 17;

/** The machine that runs this. */
export function thisMachine(): Machine {
  return { platform: process.platform, arch: process.arch, glibc: process.platform === "linux" ? glibc() : undefined };
}

function glibc(): string | undefined {
  // or it looks up names of all open connections
  Object.assign(process.report, { excludeNetwork: true });
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime;
}

/**
 * The wheel with libtensorflow for a machine.
 * @throws UserError where there is none
 */
export function wheelFor(kind: BuildKind, { platform, arch, glibc }: Machine): Wheel {
  const refuse = (expected: string, got: string): never => {
    throw new UserError(`poeem gpu setup has no libtensorflow for this machine: expected ${expected}, got ${got}`);
  };
  if (platform !== "linux") return refuse("Linux (elsewhere: --backend webgpu)", platform);
  if (arch !== "x64" && !(arch === "arm64" && kind === "cpu"))
    return refuse(kind === "cuda" ? "x64" : "x64 or arm64", arch);
  if (glibc === undefined) return refuse("a Linux with glibc, such as Debian or Ubuntu", "one with musl");
  const [major = 0, minor = 0] = glibc.split(".").map(Number);
  if (major !== 2 || minor < LEAST_GLIBC_MINOR) return refuse(`glibc 2.${LEAST_GLIBC_MINOR} or newer`, glibc);
  // on arm64 the package without a suffix is for the processor
  const name = kind === "cpu" && arch === "x64" ? "tensorflow-cpu" : "tensorflow";
  return { name, tags: platformTags(arch, minor) };
}

/** All that pip would take here: asked for wheels of another Python than its own, it compares tags letter by letter. */
function platformTags(arch: "x64" | "arm64", glibcMinor: number): string[] {
  const machine = arch === "x64" ? "x86_64" : "aarch64";
  const tags: string[] = [];
  for (let minor = glibcMinor; minor >= (arch === "x64" ? 5 : LEAST_GLIBC_MINOR); minor--)
    tags.push(`manylinux_2_${minor}_${machine}`);
  const older = arch === "x64" ? ["manylinux2014", "manylinux2010", "manylinux1"] : ["manylinux2014"];
  return [...tags, ...older.map((tag) => `${tag}_${machine}`)];
}
