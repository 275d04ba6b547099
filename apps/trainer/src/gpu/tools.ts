import { UserError } from "@poeem/offline/errors";
import { errorLine, run } from "./run.ts";

/** What a setup is done with, each found and seen to run. */
export interface Tools {
  readonly python: string;
  readonly compiler: string;
  readonly npm: string;
}

interface Wanted {
  readonly candidates: readonly string[];
  readonly args: readonly string[];
  /** What it is, what for, and who brings it. */
  readonly about: string;
}

/**
 * Finds the tools before anything is fetched.
 * @throws UserError that names all that are missing
 */
export async function findTools(env: NodeJS.ProcessEnv = process.env): Promise<Tools> {
  const wanted: Record<keyof Tools, Wanted> = {
    python: {
      candidates: known(env["PYTHON"], "python3", "python"),
      args: ["-m", "pip", "--version"],
      about: "Python 3 with pip, which fetches libtensorflow (Debian: apt-get install python3-pip)",
    },
    compiler: {
      candidates: known(env["CXX"], "g++", "c++", "clang++"),
      args: ["--version"],
      about: "a C++ compiler, as libtensorflow has to be linked to Node (Debian: apt-get install g++)",
    },
    npm: { candidates: ["npm"], args: ["--version"], about: "npm, which fetches the JavaScript half" },
  };
  const missing: string[] = [];
  const find = async ({ candidates, args, about }: Wanted): Promise<string> => {
    const reasons: string[] = [];
    for (const candidate of candidates) {
      const ended = await run(candidate, args, { env });
      if (ended.code === 0) return candidate;
      reasons.push(`${candidate}: ${errorLine(ended)}`);
    }
    missing.push(`${about}, got ${reasons.join(", ")}`);
    return "";
  };
  const tools = {
    python: await find(wanted.python),
    compiler: await find(wanted.compiler),
    npm: await find(wanted.npm),
  };
  if (missing.length > 0) throw new UserError(`poeem gpu setup needs ${missing.join("; and ")}`);
  return tools;
}

const known = (first: string | undefined, ...others: string[]): string[] => (first ? [first, ...others] : others);
