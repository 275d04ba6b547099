import type { Codebook } from "../codebook/codebook.ts";
import type { EncodedVectors } from "../codebook/codes.ts";
import { decodedSquares } from "../codebook/decode.ts";
import { checkLength, rangeError } from "../errors.ts";
import { hasTerms, type TermRange } from "../kernel/blocks.ts";
import { type Facets, type Numbers, valuesOf } from "./filters-chunk.ts";
import { idColumn } from "./id-column.ts";
import { type ItemIds, idTypeOf, toIds } from "./ids.ts";
import { orderByList } from "./inverted-lists.ts";
import { fieldsJson, type ItemFields } from "./item-pages.ts";
import type { PagedItems } from "./paged-writer.ts";

/** Items that are in memory together. */
export interface Rows extends EncodedVectors {
  readonly codebook: Codebook;
  readonly ids: ItemIds;
  /** One object an item; left out = items without fields. */
  readonly fields?: readonly ItemFields[] | undefined;
  /** Facets an item can be filtered by: name → one value, several or none for each item. */
  readonly facets?: Facets | undefined;
  /** Numbers an item can be filtered by: name → one number per item; NaN = absent. */
  readonly numbers?: Numbers | undefined;
}

const LOOKUP_SLICE = 8192;

/** Rows that are in memory, handed over as `writePagedArtifact` asks for them. */
export function pagedRows(input: Rows, cellsPerPage: number): PagedItems & { readonly wordOrder: Uint32Array } {
  const { codebook, assignments, codes, ids, fields, facets = {}, numbers = {} } = input;
  const M = codebook.numSubQuantizers;
  const idType = idTypeOf(ids);
  const column = idColumn(ids);
  const { order, offsets } = orderByList(assignments, Math.max(codebook.nlist, 1), column.byId);
  const terms = termsInOrder(input, order);
  const facetColumns = Object.entries(facets);
  const numberColumns = Object.entries(numbers);
  for (const [name, values] of facetColumns) checkLength(`facets.${name}`, values, ids.length);
  for (const [name, values] of numberColumns) checkLength(`numbers.${name}`, values, ids.length);
  const hasFilters = input.facets !== undefined || input.numbers !== undefined;
  const filters = {
    facets: facetColumns.map(([name, values]) => ({ name, counts: countsOf(name, values) })),
    numbers: Object.keys(numbers),
  };
  return {
    ...{ codebook, idType, hasFields: fields !== undefined, cellsPerPage, offsets, range: termRange(terms) },
    wordOrder: order,
    ...(hasFilters ? { filters } : {}),
    rows(first, count) {
      const own = order.subarray(first, first + count);
      const ofItems = new Uint8Array(count * M);
      for (let i = 0; i < count; i++) ofItems.set(codes.subarray(own[i]! * M, (own[i]! + 1) * M), i * M);
      return {
        codes: ofItems,
        ...(hasTerms(codebook) ? { terms: terms.subarray(first, first + count) } : {}),
        ids: toIds(
          Array.from(own, (i) => ids[i]!),
          idType,
        ),
        ...(fields === undefined ? {} : { fields: Array.from(own, (i) => fieldsJson(fields[i], i)) }),
        facets: facetColumns.map(([, values]) => Array.from(own, (i) => values[i])),
        numbers: numberColumns.map(([, values]) => Float64Array.from(own, (i) => values[i]!)),
      };
    },
    *lookup() {
      const ordinalOf = new Uint32Array(order.length);
      for (let ordinal = 0; ordinal < order.length; ordinal++) ordinalOf[order[ordinal]!] = ordinal;
      for (let at = 0; at < ids.length; at += LOOKUP_SLICE) {
        const own = column.byId.subarray(at, at + LOOKUP_SLICE);
        yield {
          ids: toIds(
            Array.from(own, (i) => ids[i]!),
            idType,
          ),
          ordinals: own.map((i) => ordinalOf[i]!),
        };
      }
    },
  };
}

function countsOf(name: string, values: Facets[string]): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i < values.length; i++)
    for (const value of valuesOf(`facets.${name}[${i}]`, values[i])) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/** What lists have of each item beside its codes, in list order; nothing for the inner product. */
export function termsInOrder({ codebook, codes, assignments, terms: given }: Rows, order: Uint32Array): Float32Array {
  if (!hasTerms(codebook)) return new Float32Array(0);
  const all = given ?? decodedSquares(codebook, assignments, codes);
  return Float32Array.from(order, (from) => (codebook.metric === "l2" ? all[from]! : Math.sqrt(all[from]!)));
}

/** Smallest and largest. @throws RangeError for a decoded vector beyond all numbers */
export function termRange(terms: Float32Array): TermRange {
  if (terms.length === 0) return { min: 0, max: 0 };
  let min = Infinity;
  let max = 0;
  for (const term of terms) {
    if (!Number.isFinite(term)) throw rangeError("decoded vector", "a finite norm", term);
    min = Math.min(min, term);
    max = Math.max(max, term);
  }
  return { min, max };
}
