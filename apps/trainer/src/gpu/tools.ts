import { UserError } from "@poeem/offline/errors";
import { errorLine, run } from "./run.ts";

/** What a setup is done with, each found and seen to run. */
export interface Tools {
  readonly python: string;
  /** A command and its first arguments, as in "ccache g++". */
  readonly compiler: readonly string[];
  readonly npm: string;
}

interface Wanted {
  /** Of the environment, which has the last word. */
  readonly variable?: string;
  /** Commands, with arguments after blanks. */
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
      variable: "PYTHON",
      candidates: ["python3", "python"],
      args: ["-m", "pip", "--version"],
      about: "Python 3 with pip, which fetches libtensorflow (Debian: apt-get install python3-pip)",
    },
    compiler: {
      variable: "CXX",
      candidates: ["g++", "c++", "clang++"],
      args: ["--version"],
      about: "a C++ compiler, as libtensorflow has to be linked to Node (Debian: apt-get install g++)",
    },
    npm: { candidates: ["npm"], args: ["--version"], about: "npm, which fetches the JavaScript half" },
  };
  const missing: string[] = [];
  const find = async ({ variable = "", candidates, args, about }: Wanted): Promise<readonly string[]> => {
    const given = env[variable]?.trim();
    const reasons: string[] = [];
    for (const candidate of given ? [given] : candidates) {
      const [command = "", ...first] = variable === "CXX" ? candidate.split(/\s+/) : [candidate];
      const ended = await run(command, [...first, ...args], { env });
      if (ended.code === 0) return [command, ...first];
      reasons.push(`${given ? `${variable}=` : ""}${candidate}: ${errorLine(ended)}`);
    }
    missing.push(`${about}, got ${reasons.join(", ")}`);
    return [""];
  };
  const [python = ""] = await find(wanted.python);
  const compiler = await find(wanted.compiler);
  const [npm = ""] = await find(wanted.npm);
  if (missing.length > 0) throw new UserError(`poeem gpu setup needs ${missing.join("; and ")}`);
  return { python, compiler, npm };
}
