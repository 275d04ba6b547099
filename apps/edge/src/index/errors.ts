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
