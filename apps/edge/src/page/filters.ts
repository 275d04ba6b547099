/** One select a facet of the index, two fields a number; what is chosen makes the expression of `filter=`. */

import { formatFilter } from "../client.ts";
import type { PageConfig } from "../site/config.ts";
import type { Filters } from "./api.ts";
import { labelOf } from "./present.ts";
import { warnOnce } from "./warn.ts";

type Comparison = Parameters<typeof formatFilter>[0];

/** Facets with more values than this are for programs, not for a list to choose from. */
const MAX_VALUES = 60;
/** After the last digit of a bound. */
const TYPING_MS = 250;

const count = new Intl.NumberFormat("en");

/** Replaces the controls, keeping what was chosen where the index still has it. */
export function showFilters(form: HTMLElement, filters: Filters, config: PageConfig, onChange: () => void): void {
  const chosen = new Map(controls(form).map(({ name, dataset, value }) => [`${dataset["end"] ?? ""}${name}`, value]));
  const numbers = new Set(filters.numbers);
  const names = config.filters ?? [...Object.keys(filters.facets), ...filters.numbers];
  form.replaceChildren(
    ...names.flatMap((name) => {
      const values = Object.hasOwn(filters.facets, name) ? filters.facets[name] : undefined;
      const control = values ? facetSelect(name, values, config, onChange) : undefined;
      if (control) return [control];
      if (numbers.has(name)) return [numberRange(name, config, onChange)];
      if (!values) warnOnce(`page.json names the filter ${JSON.stringify(name)}, which the index does not have`);
      return [];
    }),
  );
  for (const control of controls(form)) {
    control.value = chosen.get(`${control.dataset["end"] ?? ""}${control.name}`) ?? "";
    if (control instanceof HTMLSelectElement && control.selectedIndex < 0) control.value = "";
  }
}

function facetSelect(
  facet: string,
  values: Readonly<Record<string, number>>,
  config: PageConfig,
  onChange: () => void,
): HTMLElement | undefined {
  const entries = Object.entries(values).sort(([, a], [, b]) => b - a);
  if (entries.length > MAX_VALUES)
    warnOnce(
      `The facet ${JSON.stringify(facet)} has ${entries.length} values: a list to choose from shows ${MAX_VALUES}`,
    );
  if (entries.length < 2 || entries.length > MAX_VALUES) return undefined;
  const label = labelOf(config, facet);
  const select = document.createElement("select");
  select.name = facet;
  select.setAttribute("aria-label", `Filter by ${label}`);
  select.append(
    new Option(`any ${label}`, ""),
    ...entries.map(([value, items]) => new Option(`${value} (${count.format(items)})`, value)),
  );
  select.addEventListener("change", onChange);
  return select;
}

/** From and to. An end that is empty, or not a number yet, is open. */
function numberRange(number: string, config: PageConfig, onChange: () => void): HTMLElement {
  const label = labelOf(config, number);
  const group = document.createElement("fieldset");
  group.className = "range";
  group.setAttribute("aria-label", `Filter by ${label}`);
  const name = document.createElement("span");
  name.textContent = label;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ends = (["from", "to"] as const).map((end) => {
    const input = document.createElement("input");
    input.type = "number";
    input.step = "any";
    input.name = number;
    input.dataset["end"] = end;
    input.placeholder = end;
    input.setAttribute("aria-label", `${label}, ${end}`);
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(onChange, TYPING_MS);
    });
    return input;
  });
  group.append(name, ...ends);
  return group;
}

/** `set:mdi AND "page type":home AND price<=20`; empty when nothing is chosen. */
export function filterExpression(form: HTMLElement): string {
  const and = controls(form).flatMap((control): Comparison[] => {
    const { name, value } = control;
    if (value === "") return [];
    if (control instanceof HTMLSelectElement) return [{ facet: name, in: [value] }];
    const bound = Number(value);
    if (!Number.isFinite(bound)) return [];
    return [control.dataset["end"] === "from" ? { number: name, min: bound } : { number: name, max: bound }];
  });
  return and.length === 0 ? "" : formatFilter({ and });
}

function controls(form: HTMLElement): (HTMLSelectElement | HTMLInputElement)[] {
  return [...form.querySelectorAll<HTMLSelectElement | HTMLInputElement>("select, input")];
}
