import { normalForm } from "@poeem/towers";
import type { Dictionary } from "./types.ts";

/** The normal form of the query of each event: all spellings of one form are one value. */
export function queryForms({ values, numbers }: Dictionary): Dictionary {
  const numberOf = new Map<string, number>();
  const formOf = Uint32Array.from(values, (text) => {
    const form = normalForm(text);
    const number = numberOf.get(form) ?? numberOf.size;
    numberOf.set(form, number);
    return number;
  });
  return { values: [...numberOf.keys()], numbers: numbers.map((number) => formOf[number]!) };
}
