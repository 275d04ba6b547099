import { FormatError, messageOf } from "@poeem/pq-core";

export { messageOf };

/** A mistake of the user's (configuration, data, arguments): the command prints the message alone and exits with 1. */
export class UserError extends Error {
  override readonly name = "UserError";
  /** What the command ends with. */
  readonly exitCode: number = 1;
}

/** Does `read`; when the contents of the file or folder are at fault, the message says which one it is. */
export async function naming<T>(path: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw error instanceof FormatError ? new UserError(`${path}: ${messageOf(error)}`, { cause: error }) : error;
  }
}
