import { messageOf } from "@poeem/offline/errors";

/** Why a backend cannot be had, and what would change that. Both are short: several have to fit into a line. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly remedy: string | undefined;

  constructor(reason: string, remedy?: string) {
    super(reason);
    this.remedy = remedy;
  }
}

/** As in "not installed (npm install --no-save …)"; of other errors the first sentence. */
export function describeRefusal(error: unknown): string {
  if (!(error instanceof Refusal)) return firstSentence(error);
  return error.remedy === undefined ? error.message : `${error.message} (${error.remedy})`;
}

/** What has room in a line of a message that may have many. */
export function firstSentence(error: unknown): string {
  const [line = ""] = messageOf(error).trim().split(/\r?\n/);
  // Node appends who asked for a module that it cannot find
  const [sentence = ""] = line.split(/(?<=[.!?]) | Require stack:/);
  return sentence.trim() || "it did not start";
}
