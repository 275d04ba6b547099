/** Every kind of input there is. A new one is a file in `inputs/` and a line here. */
import { CATEGORY } from "./inputs/category.ts";
import { CONTEXT } from "./inputs/context.ts";
import { EMBEDDING } from "./inputs/embedding.ts";
import { HASHED } from "./inputs/hashed.ts";
import { HISTORY } from "./inputs/history.ts";
import type { InputKind } from "./inputs/input.ts";
import { KNOWN } from "./inputs/known.ts";
import { NUMBER } from "./inputs/number.ts";
import { TEXT } from "./inputs/text.ts";

/** In the order in which their parts are added up. */
export const QUERY_KINDS = [TEXT, HISTORY, CONTEXT, EMBEDDING] as const;
export const ITEM_KINDS = [KNOWN, HASHED, CATEGORY, NUMBER, TEXT, EMBEDDING] as const;

/** What a person wants to know of an input. */
export function inputFacts(weights: QueryInputWeights | ItemInputWeights): ReturnType<(typeof TEXT)["facts"]> {
  const kind = [...QUERY_KINDS, ...ITEM_KINDS].find(({ kind }) => kind === weights.kind)!;
  return (kind as InputKind<typeof weights, unknown>).facts(weights);
}

type OfKind<K> = K extends { open(weights: infer W, width: number): { add?(of: infer Of, sum: Float64Array): void } }
  ? { weights: W; of: Of }
  : never;
type Intersected<U> = (U extends unknown ? (u: U) => void : never) extends (i: infer I) => void ? I : never;

export type QueryInputWeights = OfKind<(typeof QUERY_KINDS)[number]>["weights"];
export type ItemInputWeights = OfKind<(typeof ITEM_KINDS)[number]>["weights"];
/** What a query may have; a tower uses the parts it was trained on (`reads`). */
export type Query = Omit<Intersected<OfKind<(typeof QUERY_KINDS)[number]>["of"]>, "isNew">;
/** What an item may have. */
export type ItemContent = Intersected<OfKind<(typeof ITEM_KINDS)[number]>["of"]>;
