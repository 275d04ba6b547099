/** A mistake of the user's (configuration, data, arguments): the command prints the message alone and exits with 1. */
export class UserError extends Error {
  override readonly name = "UserError";
  /** What the command ends with. */
  readonly exitCode: number = 1;
}

/** The message of anything thrown, on one line. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\s*\n\s*/g, " ").trim();
}
