/** The grid of results: tiles, arrow keys, and the card that a tile shows on hover and focus. */
import type { Result } from "./api.ts";
import { draw } from "./draw.ts";
import { highlighted } from "./highlight.ts";

/** Replaces the tiles. The first stays reachable by Tab, the arrows do the rest (roving tabindex). */
export function showTiles(list: HTMLElement, results: readonly Result[], onPick: (result: Result) => void): void {
  const best = results[0]?.score ?? 1;
  // Products start at 0; logarithms and distances of other models may be below, where only differences say something.
  const least = Math.min(0, results.at(-1)?.score ?? 0);
  list.replaceChildren(
    ...results.map((result, i) => {
      const row = document.createElement("li");
      row.append(tile(result, [least, best], i === 0, onPick));
      return row;
    }),
  );
}

function tile(
  result: Result,
  [least, best]: readonly [number, number],
  first: boolean,
  onPick: (result: Result) => void,
): HTMLButtonElement {
  const title = result.title ?? String(result.id);
  const set = String(result.fields["set"] ?? "");
  const button = element("button", "tile");
  button.type = "button";
  button.tabIndex = first ? 0 : -1;
  button.setAttribute("aria-label", `${title}${set && `, ${set}`}. Copy`);

  const drawing = element("span", "drawing");
  drawing.append(draw(result.fields, title));
  const meter = element("meter", "");
  meter.max = best - least;
  meter.value = result.score - least;
  const card = element("span", "card");
  const name = element("b", "");
  name.append(...highlighted(title, result.matched));
  const facts = element("span", "");
  facts.textContent = [set, result.fields["category"], `score ${result.score.toFixed(3)}`].filter(Boolean).join(" · ");
  card.append(name, facts);
  const caption = element("span", "title");
  caption.append(...highlighted(title, result.matched));
  button.append(drawing, caption, meter, card);
  for (const part of [drawing, caption, meter, card]) part.setAttribute("aria-hidden", "true");

  button.addEventListener("click", () => onPick(result));
  const place = () => placeCard(button, card);
  button.addEventListener("pointerenter", place);
  button.addEventListener("focus", place);
  return button;
}

/** Cards open upwards and centred; near an edge of the window they turn inwards. */
function placeCard(button: HTMLElement, card: HTMLElement): void {
  const box = button.getBoundingClientRect();
  const centre = box.left + box.width / 2;
  const half = card.offsetWidth / 2 + 8;
  if (centre < half) card.dataset["side"] = "start";
  else if (centre > document.documentElement.clientWidth - half) card.dataset["side"] = "end";
  else delete card.dataset["side"];
  card.toggleAttribute("data-below", box.top < card.offsetHeight + 16);
}

/** Arrow keys, Home and End move among the tiles; `onLeave` is called when Up leaves the first row, or on Escape. */
export function moveByKeys(list: HTMLElement, onLeave: () => void): void {
  list.addEventListener("keydown", (event) => {
    const tiles = [...list.querySelectorAll<HTMLButtonElement>(".tile")];
    const from = tiles.indexOf(event.target as HTMLButtonElement);
    if (from < 0) return;
    const columns = getComputedStyle(list).gridTemplateColumns.split(" ").length;
    const steps: Record<string, number> = {
      ArrowRight: from + 1,
      ArrowLeft: from - 1,
      ArrowDown: from + columns,
      ArrowUp: from - columns,
      Home: 0,
      End: tiles.length - 1,
    };
    const to = steps[event.key];
    if (event.key === "Escape" || (event.key === "ArrowUp" && from < columns)) onLeave();
    else if (to === undefined) return;
    else if (tiles[to]) focusTile(tiles, tiles[to]);
    event.preventDefault();
  });
}

export function focusTile(tiles: readonly HTMLButtonElement[], tile: HTMLButtonElement | undefined): void {
  for (const other of tiles) other.tabIndex = other === tile ? 0 : -1;
  tile?.focus();
  tile?.scrollIntoView({ block: "nearest" });
}

function element<K extends keyof HTMLElementTagNameMap>(name: K, className: string): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  if (className) made.className = className;
  return made;
}
