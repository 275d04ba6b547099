export { messageOf } from "@poeem/pq-core";

/** A mistake of the user's (configuration, data, arguments): the command prints the message alone and exits with 1. */
export class UserError extends Error {
  override readonly name = "UserError";
  /** What the command ends with. */
  readonly exitCode: number = 1;
}
