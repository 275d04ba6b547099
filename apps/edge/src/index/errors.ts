/** What the index code throws where a caller must tell failures apart; `http/app.ts` maps each class to a status. */

/** Nothing has been published yet, or what was published cannot be read. */
export class IndexUnavailableError extends Error {
  override readonly name = "IndexUnavailableError";
}

/** No index has the name that was asked for. */
export class UnknownIndexError extends Error {
  override readonly name = "UnknownIndexError";
}

/** There is no room for a request now, though what it asks for could be done: it may come again. */
export class OverloadedError extends Error {
  override readonly name = "OverloadedError";
}

/** What is answered when no index has a name, or one that may be served: the two cannot be told apart. */
export function unknownIndex(name: string): string {
  return `No index is called "${name}"`;
}

/** What a request is told: the reason goes to the log. */
export function unavailable(cause: unknown): Error {
  if (cause instanceof UnknownIndexError) return new UnknownIndexError(cause.message, { cause: cause.cause });
  if (cause instanceof OverloadedError) return new OverloadedError(cause.message, { cause: cause.cause });
  if (cause instanceof IndexUnavailableError) return new IndexUnavailableError(cause.message, { cause: cause.cause });
  return new IndexUnavailableError("The index cannot be read now", { cause });
}
