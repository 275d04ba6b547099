import { InputError } from "../errors.ts";
import type { FacetIn, Filter, NumberRange } from "./filter.ts";
import { quoteTerm } from "./terms.ts";

/** How tightly a text holds together: what is looser than its place allows gets parentheses. */
const LOOSE = { or: 0, and: 1, not: 2 } as const;
type Looseness = (typeof LOOSE)[keyof typeof LOOSE];

/**
 * The expression that `parseFilter` reads as this filter: as the very same, or, where expressions are poorer than
 * filters (several values of a facet, a range with two ends), as one that lets the same items through.
 *
 * @throws InputError for what no expression says: an "and" or "or" of nothing, a bound that is not finite
 */
export function formatFilter(filter: Filter): string {
  return format(filter, LOOSE.or);
}

function format(filter: Filter, place: Looseness): string {
  if ("not" in filter) return `NOT ${format(filter.not, LOOSE.not)}`;
  if ("and" in filter) return joined(" AND ", texts("and", filter.and, LOOSE.not), place > LOOSE.and);
  if ("or" in filter) return joined(" OR ", texts("or", filter.or, LOOSE.and), place > LOOSE.or);
  return "facet" in filter ? formatFacet(filter, place) : formatNumber(filter, place);
}

function texts(name: string, parts: readonly Filter[], place: Looseness): string[] {
  if (parts.length === 0) throw new InputError("filter", `expected a filter in "${name}", got none`);
  return parts.map((part) => format(part, parts.length === 1 ? LOOSE.not : place));
}

function joined(by: string, parts: readonly string[], isLoose: boolean): string {
  const text = parts.join(by);
  return isLoose && parts.length > 1 ? `(${text})` : text;
}

function formatFacet({ facet, in: values }: FacetIn, place: Looseness): string {
  const name = quoteTerm(facet);
  // no value: what nothing can be
  if (values.length === 0) return joined(" AND NOT ", [`${name}:""`, `${name}:""`], place > LOOSE.and);
  const each = values.map((value) => `${name}:${quoteTerm(value)}`);
  return joined(" OR ", each, place > LOOSE.or);
}

function formatNumber({ number, min = -Infinity, max = Infinity }: NumberRange, place: Looseness): string {
  const name = quoteTerm(number);
  if (Number.isNaN(min) || Number.isNaN(max) || min === Infinity || max === -Infinity)
    throw new InputError("filter", `expected finite bounds of ${name}, got ${min} and ${max}`);
  // any number at all
  if (min === -Infinity && max === Infinity) return joined(" OR ", [`${name}<0`, `${name}>=0`], place > LOOSE.or);
  if (Object.is(min, max)) return `${name}=${decimal(min)}`;
  const bounds = [
    ...(min === -Infinity ? [] : [`${name}>=${decimal(min)}`]),
    ...(max === Infinity ? [] : [`${name}<=${decimal(max)}`]),
  ];
  return joined(" AND ", bounds, place > LOOSE.and);
}

function decimal(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}
