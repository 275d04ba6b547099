/** The grid of results: small tiles or cards, the actions beside them, and the card that a small tile opens. */
import type { Result } from "./api.ts";
import { draw } from "./draw.ts";
import { highlighted } from "./highlight.ts";
import type { Presentation, Presented } from "./present.ts";
import type { Site } from "./site.ts";

export interface TileEvents {
  readonly onPick: (result: Result) => void;
  /** More like this one is wanted. */
  readonly onMore: (result: Result) => void;
}

/** Longer ones, such as a description, stand by themselves. */
const LONG_FACT = 40;

type Tile = HTMLButtonElement | HTMLAnchorElement;

/** Replaces the tiles. The first stays reachable by Tab, the arrows do the rest (roving tabindex). */
export function showTiles(
  list: HTMLElement,
  results: readonly Result[],
  presentation: Presentation,
  site: Site,
  events: TileEvents,
): void {
  const best = results[0]?.score ?? 1;
  // Products start at 0; logarithms and distances of other models may be below, where only differences say something.
  const least = Math.min(0, results.at(-1)?.score ?? 0);
  const { config, extension } = site;
  const isSmall = (config.layout ?? (extension.renderTile ? "tiles" : "cards")) === "tiles";
  const hasDrawing = isSmall || extension.renderTile !== undefined || presentation.hasImages;
  list.dataset["layout"] = isSmall ? "tiles" : "cards";
  list.dataset["shape"] = config.imageShape ?? "square";
  list.toggleAttribute("data-texts", !hasDrawing);
  list.replaceChildren(
    ...results.map((result, i) => {
      const shown = presentation.present(result);
      const nearness = meter(result.score, least, best);
      // What only hovering shows is not read out either.
      const tile = frame(isSmall ? { ...shown, facts: [] } : shown, extension.copyText !== undefined);
      if (config.lang !== undefined) tile.lang = config.lang;
      if (hasDrawing) {
        const drawing = element("span", "drawing");
        drawing.append(draw(result, presentation, site));
        tile.append(drawing);
      }
      tile.append(...(isSmall ? smallTexts(result, shown, tile, nearness) : cardTexts(result, shown, nearness)));
      for (const part of tile.children) part.setAttribute("aria-hidden", "true");
      tile.addEventListener("click", () => events.onPick(result));
      const row = document.createElement("li");
      row.append(tile, ...(isSmall ? [] : [moreButton(shown.title, () => events.onMore(result))]));
      setReachable(tile, i === 0);
      return row;
    }),
  );
}

/** A link where the item has a page of its own, else a button; named for a screen reader with all that is shown. */
function frame({ title, subtitle, price, facts, link }: Presented, copies: boolean): Tile {
  const names = [title, subtitle, price, ...facts].filter((text) => text !== "");
  const tile = link === undefined ? element("button", "tile") : element("a", "tile");
  if (tile instanceof HTMLAnchorElement) {
    tile.href = link!;
    tile.target = "_blank";
    tile.rel = "noopener";
  } else tile.type = "button";
  tile.setAttribute("aria-label", `${names.join(", ")}. ${link !== undefined ? "Open" : copies ? "Copy" : "Pick"}`);
  return tile;
}

function cardTexts(result: Result, { title, subtitle, price, facts }: Presented, nearness: Element): Element[] {
  const texts = element("span", "texts");
  texts.append(captioned(title, result.matched));
  if (subtitle !== "") texts.append(span("subtitle", subtitle));
  if (price !== "") texts.append(span("price", price));
  const short = facts.filter((fact) => fact.length <= LONG_FACT);
  if (short.length > 0) texts.append(span("facts", short.join(" · ")));
  texts.append(...facts.filter((fact) => fact.length > LONG_FACT).map((fact) => span("note", fact)));
  return [texts, nearness];
}

function smallTexts(result: Result, shown: Presented, tile: Tile, nearness: Element): Element[] {
  const card = element("span", "card");
  const name = element("b", "");
  name.append(...highlighted(shown.title, result.matched));
  const facts = [shown.subtitle, shown.price, ...shown.facts];
  card.append(name, span("", [...facts, `score ${result.score.toFixed(3)}`].filter(Boolean).join(" · ")));
  const place = () => placeCard(tile, card);
  tile.addEventListener("pointerenter", place);
  tile.addEventListener("focus", place);
  return [captioned(shown.title, result.matched), nearness, card];
}

function captioned(title: string, matched: readonly string[]): Element {
  const caption = element("span", "title");
  caption.dir = "auto";
  caption.append(...highlighted(title, matched));
  return caption;
}

function meter(score: number, least: number, best: number): Element {
  const nearness = element("meter", "");
  nearness.max = best - least;
  nearness.value = score - least;
  return nearness;
}

function moreButton(title: string, onMore: () => void): HTMLButtonElement {
  const button = element("button", "more-of");
  button.type = "button";
  button.title = "More like this";
  button.setAttribute("aria-label", `More like ${title}`);
  button.addEventListener("click", onMore);
  return button;
}

/** Cards open upwards and centred; near an edge of the window they turn inwards. */
function placeCard(tile: Tile, card: HTMLElement): void {
  const box = tile.getBoundingClientRect();
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
    const tiles = [...list.querySelectorAll<Tile>(".tile")];
    const own = (event.target as Element).closest("li")?.querySelector<Tile>(".tile");
    const from = own ? tiles.indexOf(own) : -1;
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

export function focusTile(tiles: readonly Tile[], tile: Tile | undefined): void {
  for (const other of tiles) setReachable(other, other === tile);
  tile?.focus();
  tile?.scrollIntoView({ block: "nearest" });
}

/** A tile and the button beside it are reached by Tab together. */
function setReachable(tile: Tile, isReachable: boolean): void {
  for (const part of tile.parentElement!.querySelectorAll<Tile>(".tile, .more-of"))
    part.tabIndex = isReachable ? 0 : -1;
}

function span(className: string, text: string): HTMLSpanElement {
  const made = element("span", className);
  made.textContent = text;
  return made;
}

function element<K extends keyof HTMLElementTagNameMap>(name: K, className: string): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  if (className) made.className = className;
  return made;
}
