/** Searches to start from: one idea a language, so that a reader sees at once that the language does not matter. */
export const examples: readonly (readonly [query: string, lang: string])[] = [
  ["birthday cake", "en"],
  ["gâteau d’anniversaire", "fr"],
  ["Geburtstagskuchen", "de"],
  ["arrow left", "en"],
  ["誕生日", "ja"],
  ["кошка", "ru"],
  ["حب", "ar"],
  ["música", "es"],
  ["बारिश", "hi"],
  ["돈", "ko"],
  ["σπίτι", "el"],
  ["flag japan", "en"],
  ["火箭", "zh"],
  ["שמש", "he"],
  ["fotoğraf makinesi", "tr"],
];

export function showExamples(nav: HTMLElement, onPick: (query: string) => void): void {
  nav.replaceChildren(
    ...examples.map(([query, lang]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.lang = lang;
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
