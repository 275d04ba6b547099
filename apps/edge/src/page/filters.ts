/** One select a facet of the index; their choices together make the expression of `filter=`. */
import { formatFilter } from "../client.ts";
import type { Facets } from "./api.ts";

/** Facets with more values than this are for programs, not for a list to choose from. */
const MAX_VALUES = 60;

/** Replaces the selects, keeping what was chosen where the index still has it. */
export function showFilters(form: HTMLElement, facets: Facets, onChange: () => void): void {
  const chosen = new Map(selects(form).map(({ name, value }) => [name, value]));
  const number = new Intl.NumberFormat("en");
  form.replaceChildren(
    ...Object.entries(facets).flatMap(([facet, values]) => {
      const entries = Object.entries(values).sort(([, a], [, b]) => b - a);
      if (entries.length < 2 || entries.length > MAX_VALUES) return [];
      const select = document.createElement("select");
      select.name = facet;
      select.setAttribute("aria-label", `Filter by ${facet}`);
      select.append(
        new Option(`any ${facet}`, ""),
        ...entries.map(([value, count]) => new Option(`${value} (${number.format(count)})`, value)),
      );
      select.value = chosen.get(facet) ?? "";
      if (select.selectedIndex < 0) select.value = "";
      select.addEventListener("change", onChange);
      return [select];
    }),
  );
}

/** `set:mdi AND "page type":home`; empty when nothing is chosen. */
export function filterExpression(form: HTMLElement): string {
  const and = selects(form)
    .filter(({ value }) => value !== "")
    .map(({ name, value }) => ({ facet: name, in: [value] }));
  return and.length === 0 ? "" : formatFilter({ and });
}

function selects(form: HTMLElement): HTMLSelectElement[] {
  return [...form.querySelectorAll("select")];
}
