/** From a validated request to what an index is asked: its defaults filled in, and what it cannot do refused. */
import { countProbed, InputError } from "@poeem/pq-core";
import type { Mode } from "@poeem/pq-core/words";
import { checkModeParts, planQuestion } from "@poeem/towers";
import type { ServedIndex } from "../index/served-index.ts";
import type { Limits } from "../limits.ts";
import { standIn, textToEmbed } from "./embedded.ts";
import { questionOf } from "./question.ts";
import type { SearchRequest } from "./requests.ts";

/** A request made complete with what only the index knows. */
export type ResolvedSearch = Omit<SearchRequest, "nprobe"> & { readonly nprobe: number; readonly mode: Mode };

/**
 * Checks a request against the index and fills in its default nprobe and mode.
 * @throws InputError when `nprobe` is above what there is, a vector has another dim, the model does not read what is
 *   asked, or there are no words to go by
 */
export function resolveSearch(served: ServedIndex, request: SearchRequest, limits: Limits): ResolvedSearch {
  const { index, memory } = served;
  const { defaultNprobe } = index.manifest;
  // An index without coarse quantizer (nlist 0) is one cell.
  const most = countProbed(index.manifest);
  const unit = index.manifest.cellsPerPage === undefined ? "cells" : "runs of cells";
  const { nprobe: asked = Math.min(defaultNprobe, limits.nprobe), filter } = request;
  const nprobe = asked === "all" ? most : asked;
  if (nprobe > most)
    throw new InputError(
      "nprobe",
      `expected a whole number from 1 to ${most}, the ${unit} of this index, got ${nprobe}`,
    );
  const { mode = served.words !== undefined && request.q !== undefined ? "hybrid" : "dense" } = request;
  const resolved = { ...request, nprobe, mode };
  if (mode !== "dense") requireWords(served, "mode");
  const embedding = textToEmbed(served, resolved) === undefined ? request.embedding : standIn(served);
  checkQuestion(served, { ...resolved, embedding });
  if (filter !== undefined && !memory.keepsFilters)
    throw new InputError("filter", "cannot be used: this index has more filters than an isolate can keep");
  return resolved;
}

/**
 * Checks what is asked, as far as one can without reading anything.
 * @throws InputError naming the part that the model or the mode does not read
 */
export function checkQuestion({ index, tower }: ServedIndex, request: ResolvedSearch): void {
  const { mode, embedding } = request;
  const question = questionOf(request);
  if (mode === "dense" || embedding !== undefined) planQuestion(tower, index.manifest.dim, question);
  checkModeParts(question, mode);
}

/** @throws InputError naming a parameter that goes by words where the index has none */
export function requireWords({ words, memory }: ServedIndex, parameter: string): void {
  if (words !== undefined) return;
  const why = memory.keepsWords ? "was published without words" : "has more words than an isolate can keep";
  throw new InputError(parameter, `cannot be used: this index ${why}`);
}
