import type { Suggestion } from "./api.ts";

const number = new Intl.NumberFormat("en");

/**
 * The list under the field, a combobox as the ARIA practices describe it: the cursor stays in the field, arrows mark an
 * option, Enter takes it, Escape closes the list.
 */
export class Suggestions {
  readonly #input: HTMLInputElement;
  readonly #list: HTMLElement;
  readonly #onPick: (text: string) => void;
  #active = -1;

  /** @param onPick is called with the text of an option that was taken */
  constructor(input: HTMLInputElement, list: HTMLElement, onPick: (text: string) => void) {
    this.#input = input;
    this.#list = list;
    this.#onPick = onPick;
    input.addEventListener("keydown", (event) => this.#press(event));
    input.addEventListener("blur", () => this.close());
    // A press on the list must not take the cursor out of the field, nor put a phone's keyboard away.
    list.addEventListener("pointerdown", (event) => event.preventDefault());
    list.addEventListener("mousedown", (event) => event.preventDefault());
  }

  get isOpen(): boolean {
    return !this.#list.hidden;
  }

  /** Shows suggestions; none, or only what is typed already, closes the list. */
  show(suggestions: readonly Suggestion[]): void {
    const typed = this.#input.value.trim().toLowerCase();
    const others = suggestions.filter(({ text }) => text.toLowerCase() !== typed);
    if (others.length === 0 || document.activeElement !== this.#input) {
      this.close();
      return;
    }
    this.#list.replaceChildren(...others.map((suggestion, i) => this.#option(suggestion, i, typed)));
    this.#list.hidden = false;
    this.#input.setAttribute("aria-expanded", "true");
    this.#mark(-1);
  }

  close(): void {
    this.#list.hidden = true;
    this.#list.replaceChildren();
    this.#input.setAttribute("aria-expanded", "false");
    this.#mark(-1);
  }

  #option({ text, items }: Suggestion, i: number, typed: string): HTMLElement {
    const option = document.createElement("div");
    option.id = `suggestion-${i}`;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    option.dataset["text"] = text;
    const name = document.createElement("span");
    name.dir = "auto";
    if (text.toLowerCase().startsWith(typed)) {
      const rest = document.createElement("span");
      rest.className = "rest";
      rest.textContent = text.slice(typed.length);
      name.append(text.slice(0, typed.length), rest);
    } else name.textContent = text;
    const count = document.createElement("span");
    count.className = "items";
    count.textContent = number.format(items);
    option.setAttribute("aria-label", `${text}, ${number.format(items)} ${items === 1 ? "item" : "items"}`);
    option.append(name, count);
    option.addEventListener("click", () => this.#take(text));
    return option;
  }

  #take(text: string): void {
    this.close();
    this.#onPick(text);
  }

  #mark(active: number): void {
    this.#active = active;
    const options = [...this.#list.children];
    for (const [i, option] of options.entries()) option.setAttribute("aria-selected", String(i === active));
    const option = options[active];
    if (option === undefined) this.#input.removeAttribute("aria-activedescendant");
    else this.#input.setAttribute("aria-activedescendant", option.id);
    option?.scrollIntoView({ block: "nearest" });
  }

  #press(event: KeyboardEvent): void {
    // Keys that choose a character of an input method are not for the list.
    if (!this.isOpen || event.isComposing) return;
    const { length } = this.#list.children;
    // One place more than options: in it, what was typed is what counts.
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) this.#mark(((this.#active + 1 + step + length + 1) % (length + 1)) - 1);
    else if (event.key === "Escape") this.close();
    else if (event.key === "Enter" && this.#active >= 0)
      this.#take((this.#list.children[this.#active] as HTMLElement).dataset["text"]!);
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}
