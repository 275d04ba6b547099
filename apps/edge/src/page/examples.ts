/** Searches to start from: those of page.json, or the most frequent ones that the index was trained on. */
import type { PageConfig } from "../site/config.ts";

export type Example = readonly [query: string, lang?: string];

/** The examples of page.json; undefined when it leaves them to the index. */
export function configuredExamples({ examples }: PageConfig): readonly Example[] | undefined {
  return examples?.map((example) => (typeof example === "string" ? [example] : example));
}

export function showExamples(parent: HTMLElement, examples: readonly Example[], onPick: (query: string) => void): void {
  parent.replaceChildren(
    ...examples.map(([query, lang]) => {
      const button = document.createElement("button");
      button.type = "button";
      if (lang !== undefined) button.lang = lang;
      button.dir = "auto";
      button.textContent = query;
      button.addEventListener("click", () => onPick(query));
      return button;
    }),
  );
}

/** Marks the example that is being shown, if one is. */
export function markExample(nav: HTMLElement, query: string): void {
  for (const button of nav.querySelectorAll("button"))
    button.setAttribute("aria-pressed", String(button.textContent === query));
}
