/** What the reader has picked, in this tab and nowhere else, and the way from there to more like it. */
import type { Result } from "./api.ts";

/** Newest last; as many as a history may have query vectors without slowing the answer. */
const MAX_PICKS = 12;

export interface ShelfEvents {
  /** An item, small. */
  readonly draw: (result: Result) => { readonly title: string; readonly drawing: Element };
  /** "More like these" is wanted: ids, oldest first. */
  readonly onMore: (ids: readonly string[]) => void;
  /** The picks changed, while they were what is being shown. */
  readonly onEmpty: () => void;
}

export class Shelf {
  readonly #element: HTMLElement;
  readonly #events: ShelfEvents;
  #picks: readonly Result[] = [];

  constructor(element: HTMLElement, events: ShelfEvents) {
    this.#element = element;
    this.#events = events;
  }

  get ids(): readonly string[] {
    return this.#picks.map(({ id }) => String(id));
  }

  add(result: Result): void {
    this.#picks = [...this.#picks.filter(({ id }) => id !== result.id), result].slice(-MAX_PICKS);
    this.#show();
  }

  #remove(result: Result): void {
    this.#picks = this.#picks.filter(({ id }) => id !== result.id);
    this.#show();
    if (this.#picks.length === 0) this.#events.onEmpty();
    else this.#element.querySelector<HTMLButtonElement>(".pick:last-of-type")?.focus();
  }

  #show(): void {
    this.#element.hidden = this.#picks.length === 0;
    const more = document.createElement("button");
    more.type = "button";
    more.className = "more-like";
    more.textContent = this.#picks.length === 1 ? "More like this" : "More like these";
    more.addEventListener("click", () => this.#events.onMore(this.ids));
    this.#element.replaceChildren(...this.#picks.map((pick) => this.#pick(pick)), more);
  }

  #pick(result: Result): HTMLButtonElement {
    const { title, drawing } = this.#events.draw(result);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "pick";
    button.title = `Remove ${title}`;
    button.setAttribute("aria-label", button.title);
    button.append(drawing);
    button.addEventListener("click", () => this.#remove(result));
    return button;
  }
}
