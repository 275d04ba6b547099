/** Has the texts of searches embedded: each once, all of a request in one call, and goes on without where it fails. */
import { InputError } from "@poeem/pq-core";
import type { Context } from "hono";
import type { EncoderDesk } from "../encoder/desk.ts";
import type { EncoderError } from "../encoder/encoder.ts";
import { causesOf } from "../log.ts";
import type { AppEnv } from "./app-env.ts";
import type { Asked } from "./asked.ts";
import { FALLBACK_HEADER, textToEmbed } from "./embedded.ts";
import { inBackground } from "./hook-context.ts";
import { Problem } from "./problem.ts";
import { checkQuestion } from "./resolve.ts";

/**
 * The searches with the embeddings of their texts. One whose encoder failed stays as it is, which the log says, and a
 * header of the response, which no cache keeps.
 * @throws Problem `encoder-unavailable` for a search that nothing else can answer
 */
export async function embedTexts(c: Context<AppEnv>, all: readonly Asked[]): Promise<readonly Asked[]> {
  const wanted = new Map<EncoderDesk, Set<string>>();
  for (const { served, request } of all) {
    const text = textToEmbed(served, request);
    if (text === undefined) continue;
    for (const { desk } of served.encoders) wanted.set(desk, (wanted.get(desk) ?? new Set()).add(text));
  }
  const { origin } = new URL(c.req.url);
  const later = (promise: Promise<unknown>) => inBackground(c, promise);
  const made = new Map<EncoderDesk, ReadonlyMap<string, Float32Array>>();
  const embed = async ([desk, texts]: readonly [EncoderDesk, ReadonlySet<string>]) => {
    const { vectors, failure } = await desk.embed([...texts], origin, later);
    made.set(desk, vectors);
    if (failure !== undefined) tell(c, desk, failure);
  };
  await Promise.all(Array.from(wanted, embed));
  let isWhole = true;
  const embedded = all.map((one): Asked => {
    const { served, request } = one;
    const text = textToEmbed(served, request);
    if (text === undefined) return one;
    const vectors = served.encoders.flatMap(({ input, desk }) => {
      const vector = made.get(desk)?.get(text);
      return vector === undefined ? [] : [[input, vector] as const];
    });
    if (vectors.length < served.encoders.length) isWhole = false;
    if (vectors.length > 0) return { ...one, request: { ...request, embedding: Object.fromEntries(vectors) } };
    checkWithout(one);
    return one;
  });
  if (!isWhole) {
    c.header(FALLBACK_HEADER, "encoder");
    // It is not the answer to this question, only the best there is for now.
    c.header("ETag", undefined);
    c.header("Cache-Tag", undefined);
    c.header("Cache-Control", "no-store");
  }
  return embedded;
}

/** @throws Problem `encoder-unavailable` */
function checkWithout({ served, request }: Asked): void {
  try {
    checkQuestion(served, request);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const detail = "The model of this index reads nothing of q but its embedding, and its encoder did not answer";
    throw new Problem("encoder-unavailable", detail, undefined, { cause: error });
  }
}

function tell(c: Context<AppEnv>, { encoder }: EncoderDesk, failure: EncoderError): void {
  const { log, repeats, now } = c.get("dependencies");
  const { kind } = failure;
  const { index, indexVersion } = c.var;
  const said = { index, indexVersion, encoder: encoder.name, kind, causes: causesOf(failure) };
  repeats.say(`encoder ${encoder.name} ${kind}`, { level: "warn", event: "encoder-failed", ...said }, now(), log);
}
