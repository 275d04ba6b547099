/** What the S3 API says when it does not do what it was asked. */
import { messageOf, UserError } from "@poeem/offline/errors";
import { type Failure, parseRetryAfter } from "../retry.ts";
import { textsOf } from "./s3-list.ts";

/** An answer that is no success. */
export class S3Error extends Error {
  readonly status: number;
  /** As in `NoSuchKey`; empty where the answer had no body. */
  readonly code: string;
  readonly retryAfter: string | null;
  constructor(status: number, code: string, reason: string, retryAfter: string | null) {
    super(`status ${status}, ${reason}${code === "" ? "" : ` (${code})`}`);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** The error of an answer, whose body is read. */
export async function s3ErrorOf(response: Response): Promise<S3Error> {
  const xml = await response.text();
  const [code = ""] = textsOf(xml, "Code");
  const [reason = "no reason given"] = textsOf(xml, "Message");
  return new S3Error(response.status, code, messageOf(reason), response.headers.get("retry-after"));
}

/** Whether it is worth trying again. */
export function classifyS3(error: unknown, now: number): Failure {
  if (error instanceof S3Error) {
    const { status, message, retryAfter } = error;
    const retriable = status === 408 || status === 429 || status >= 500;
    return { retriable, reason: message, retryAfterMs: parseRetryAfter(retryAfter, now) };
  }
  if (error instanceof DOMException && error.name === "TimeoutError")
    return { retriable: true, reason: "no connection: the request timed out" };
  // fetch throws this for a connection that is refused, reset, or breaks off in a body
  if (error instanceof TypeError && error.cause instanceof Error)
    return { retriable: true, reason: `no connection: ${messageOf(error.cause)}` };
  return { retriable: false, reason: messageOf(error) };
}

/** An error that says what to do about it, in one line. */
export function explainS3(error: S3Error, bucket: string): UserError {
  const { status, code, message } = error;
  if (code === "NoSuchBucket") return new UserError(`the account has no R2 bucket ${bucket}: ${message}`);
  if (code === "SignatureDoesNotMatch")
    return new UserError(`R2_SECRET_ACCESS_KEY is not that of R2_ACCESS_KEY_ID: ${message}`);
  if (status === 401 || code === "InvalidAccessKeyId")
    return new UserError(`R2_ACCESS_KEY_ID is not valid: ${message}`);
  if (status === 403)
    return new UserError(`R2_ACCESS_KEY_ID may not do this: it needs "Object Read & Write" for ${bucket}: ${message}`);
  return new UserError(`R2 refused the request: ${message}`);
}
