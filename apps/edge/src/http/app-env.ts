import type { RequestIdVariables } from "hono/request-id";
import type { Config } from "../config.ts";
import type { Figures } from "../figures.ts";
import type { IndexSet } from "../index/index-set.ts";
import type { ServedIndex } from "../index/served-index.ts";
import type { LogEntry } from "../log.ts";
import type { Repeats } from "../repeats.ts";
import type { Hooks } from "./hooks.ts";
import type { Meter } from "./meter.ts";
import type { Problem } from "./problem.ts";

/** Everything that the app needs from outside, so that it runs without KV, clock or console. */
export interface Dependencies {
  /** Gives the index of a request by its name. */
  readonly indexes: Pick<IndexSet<ServedIndex>, "acquire" | "current" | "isWhole" | "refreshFailure" | "checkedAt">;
  readonly config: Config;
  readonly hooks: Hooks;
  /** Whether routes and middleware of somebody else's come first: they may let in some and not others. */
  readonly isBehindOthers: boolean;
  readonly log: (entry: LogEntry) => void;
  /** Counts the lines that repeat. */
  readonly repeats: Repeats;
  /** Milliseconds; in a Worker it moves only with I/O. */
  readonly now: () => number;
  /** In [0, 1), for sampling. */
  readonly random: () => number;
  /**
   * Takes a unit of a client's budget; false, or what is known of the budget, when there is none left. Left out: there
   * is no limit.
   * @param client `address:…` or `token:…`
   */
  readonly mayProceed?: ((client: string) => Promise<boolean | UsedUp>) | undefined;
  /** The address that a request came from; left out: `clientAddress`. */
  readonly addressOf?: ((request: Request, env: object) => string | undefined) | undefined;
  /** Takes the figures of searches, refusals and failures; left out: nobody. */
  readonly record?: ((figures: Figures) => void) | undefined;
}

/** A budget of which nothing is left. */
export interface UsedUp {
  /** Seconds until there is more. */
  readonly retryAfter?: number | undefined;
  /** Units that it has when nothing is taken. */
  readonly most?: number | undefined;
}

/** Why a request has no answer: what the client is told, and what was thrown. */
export interface Failure {
  readonly problem: Problem;
  readonly error: unknown;
}

export type AppEnv = {
  /** The bindings of whoever runs the app; hooks get them, and nothing else here looks at them. */
  Bindings: object;
  Variables: RequestIdVariables & {
    dependencies: Dependencies;
    /** Version of the code. */
    version: string;
    /** Name of the index that was asked, once it is known. */
    index: string | undefined;
    indexVersion: string | undefined;
    /** Whose budget of requests is used: `address:…` or `token:…`; undefined without a limit. */
    client: string | undefined;
    /** The body as bytes, kept for hooks. */
    body: ArrayBuffer | undefined;
    /** Names that the token of this request opens; undefined: every one. */
    opens: ReadonlySet<string> | undefined;
    waits: Record<string, number>;
    /** What the request has used so far. */
    meter: Meter;
    failure: Failure | undefined;
  };
};
