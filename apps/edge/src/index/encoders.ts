/** Which encoder embeds texts for which input of an index. */
import type { QueryTower } from "@poeem/towers";
import type { EncoderDesk } from "../encoder/desk.ts";

/** An input of a query tower, and who embeds texts for it. */
export interface InputEncoder {
  /** Name of the input. */
  readonly input: string;
  readonly desk: EncoderDesk;
}

/**
 * Finds the encoders that a tower names. An input that names none is for callers who embed texts themselves, and so is
 * every input where there are no encoders at all.
 * @throws Error for a tower that was trained with another encoder than there are, or with longer or shorter vectors: it
 *   would make nonsense of what it is given
 */
export function inputEncoders(
  tower: QueryTower | undefined,
  desks: readonly EncoderDesk[],
  version: string,
): readonly InputEncoder[] {
  const inputs = desks.length === 0 ? [] : (tower?.reads.embeddings ?? []);
  return inputs.flatMap(({ name, encoder, length }) => {
    if (encoder === undefined) return [];
    const desk = desks.find((one) => one.encoder.name === encoder);
    const expected = `[edge] query tower of version ${version}, input "${name}", expected encoder "${encoder}"`;
    if (desk === undefined) {
      const names = desks.map((one) => `"${one.encoder.name}"`).join(" and ");
      throw new Error(`${expected}, got ${names}: give the Worker that encoder, or train for this one`);
    }
    if (desk.encoder.length !== length)
      throw new Error(`${expected} with vectors of ${length} numbers, got one of ${desk.encoder.length}`);
    return [{ input: name, desk }];
  });
}
