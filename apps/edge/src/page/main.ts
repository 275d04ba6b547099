/** The page: a field, and what the Worker finds for it. */

import {
  ApiError,
  chooseIndex,
  type IndexFacts,
  indexFacts,
  type Question,
  type Result,
  readFilters,
  type SearchResponse,
  search,
  suggest,
} from "./api.ts";
import { copy, toast } from "./clipboard.ts";
import { draw } from "./draw.ts";
import { configuredExamples, type Example, markExample, showExamples } from "./examples.ts";
import { filterExpression, showFilters } from "./filters.ts";
import { Presentation } from "./present.ts";
import { Shelf } from "./shelf.ts";
import { readSite } from "./site.ts";
import { Suggestions } from "./suggestions.ts";
import { focusTile, moveByKeys, showTiles } from "./tiles.ts";

const byId = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const input = byId<HTMLInputElement>("query");
const list = byId("results");
const more = byId<HTMLButtonElement>("more");
const message = byId("message");
const examplesNav = byId("examples");
const empty = byId("empty");
const filters = byId("filters");

/** Typing pauses of this length send a request. */
const DEBOUNCE_MS = 70;
/** The index's own searches are waited for this long. */
const POPULAR_MS = 5000;
const FIRST_PAGE = 60;
/** Fewer results than these do not show for good what the fields of an index look like. */
const FEW = 20;
const SECOND_PAGE = 300;
/** Below this the best result is told to be near at most. */
const LOW_CONFIDENCE = 0.35;
/** As many searches are offered where nothing was found. */
const MAX_OFFERS = 6;

const site = await readSite();
const { config, extension } = site;
chooseIndex(config.index);

const number = new Intl.NumberFormat("en");
let examples: readonly Example[] = [];
/**
 * An empty field shows what it could be used for instead of an empty page: one of these, and another one where an index
 * has nothing of it.
 */
let idleQueries: string[] = [];
/** How results of the index being served are shown. */
let presentation = new Presentation(config, []);
let presented = "";
let sampled = 0;
let facts: IndexFacts | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let running: AbortController | undefined;
/** Set while the grid shows more like the picks, or like one item; typing ends that. */
let picks: readonly string[] = [];
let likeTitle: string | undefined;

const shelf = new Shelf(byId("shelf"), {
  draw: (result) => ({ title: presentation.present(result).title, drawing: draw(result, presentation, site) }),
  onMore: (ids) => showMore(ids),
  onEmpty: () => ask(input.value),
});

const suggestions = new Suggestions(input, byId("suggestions"), ask);
let suggesting: AbortController | undefined;

/** Shows more like these; `title` is that of the one item, when it is not from the shelf. */
function showMore(ids: readonly string[], title?: string): void {
  picks = ids;
  likeTitle = title;
  input.value = "";
  void run(FIRST_PAGE);
}

/** Shows what a text finds. */
function ask(query: string): void {
  input.value = query;
  picks = [];
  void run(FIRST_PAGE);
}

/** Shows how the text could go on; a list that comes too late, or not at all, is not missed. */
async function offer(): Promise<void> {
  stopOffering();
  const typed = input.value.trim();
  if (typed === "" || facts?.words === null) return suggestions.close();
  suggesting = new AbortController();
  const { signal } = suggesting;
  const found = await suggest(typed, signal).catch(() => []);
  if (!signal.aborted) suggestions.show(found);
}

function stopOffering(): void {
  suggesting?.abort();
}

/** Sends what is asked now; an answer to an older question is never shown. */
async function run(k: number): Promise<void> {
  clearTimeout(timer);
  running?.abort();
  const typed = input.value.trim();
  history.replaceState(null, "", typed === "" ? "/" : `/?${new URLSearchParams({ q: typed })}`);
  const isIdle = typed === "" && picks.length === 0;
  running = new AbortController();
  const { signal } = running;
  const question: Question = picks.length > 0 ? { history: picks } : { q: typed || (idleQueries[0] ?? "") };
  markExample(examplesNav, "q" in question ? question.q : "");
  if ("q" in question && question.q === "") return showNothing();
  list.setAttribute("aria-busy", "true");
  const sentAt = performance.now();
  let isAnswered = false;
  try {
    const response = await search(question, k, filterExpression(filters), signal);
    isAnswered = true;
    const latencyMs = performance.now() - sentAt;
    if (facts?.version !== response.indexVersion) await readFacts();
    if (signal.aborted) return;
    if (isIdle && response.results.length === 0 && filterExpression(filters) === "" && idleQueries.length > 1) {
      idleQueries.shift();
      return void run(k);
    }
    showResponse(response, latencyMs);
  } catch (error) {
    if (!signal.aborted) showError(error, isAnswered);
  } finally {
    if (!signal.aborted) list.setAttribute("aria-busy", "false");
  }
}

function showResponse(response: SearchResponse, latencyMs: number): void {
  const { results, query, k, confidence } = response;
  message.hidden = true;
  if ((presented !== response.indexVersion || sampled < FEW) && results.length > 0) {
    presentation = new Presentation(config, results);
    presented = response.indexVersion;
    sampled = results.length;
  }
  showTiles(list, results, presentation, site, {
    onPick: (result) => void pick(result),
    onMore: (result) => showMore([String(result.id)], presentation.present(result).title),
  });
  showOffers(results.length === 0 && query !== null ? "Searches that find something here:" : "");
  byId("count").textContent = countText(results.length, query, confidence);
  more.hidden = results.length < k || k > FIRST_PAGE;
  // What words found is scored once more, even where it was scanned.
  const scanned = Math.min(response.codesScanned, facts?.numItems ?? Infinity);
  byId("status").textContent = [
    `index ${response.indexVersion}`,
    ...(facts ? [`${facts.bytesPerItem} bytes per item`] : []),
    `${response.listsProbed} of ${facts ? Math.max(facts.nlist, 1) : "?"} cells`,
    `${number.format(scanned)} of ${facts ? number.format(facts.numItems) : "?"} items scanned`,
    `${latencyMs.toFixed(0)} ms`,
  ].join(" · ");
}

/** An empty field, and nothing that it could show. */
function showNothing(): void {
  list.replaceChildren();
  list.setAttribute("aria-busy", "false");
  message.hidden = true;
  more.hidden = true;
  byId("count").textContent = "";
  byId("status").textContent = facts ? `index ${facts.version} · ${facts.bytesPerItem} bytes per item` : "";
  showOffers(facts ? `Type what you are looking for: there are ${number.format(facts.numItems)} items.` : "");
}

/** What to do where the grid is empty; no text, no offers. */
function showOffers(text: string): void {
  const offers = examples.filter(([query]) => query !== input.value.trim()).slice(0, MAX_OFFERS);
  empty.hidden = text === "" || (offers.length === 0 && input.value.trim() !== "");
  // Once is enough.
  examplesNav.toggleAttribute("data-below", !empty.hidden);
  const buttons = document.createElement("div");
  showExamples(buttons, offers, ask);
  const line = document.createElement("p");
  line.textContent = text;
  empty.replaceChildren(line, buttons);
}

function countText(count: number, query: string | null, confidence: number | null): string {
  const shown = number.format(count);
  if (query === null && likeTitle !== undefined) return `${shown} more like “${likeTitle}”`;
  if (query === null) return `${shown} nearest to your ${picks.length === 1 ? "pick" : `${picks.length} picks`}`;
  const isIdle = input.value.trim() === "";
  if (count > 0 && !isIdle && confidence !== null && confidence < LOW_CONFIDENCE)
    return `Nothing quite matches “${query}”: these ${shown} are the nearest`;
  if (count > 0) return `${isIdle ? "For example: " : ""}${shown} nearest to “${query}”`;
  if (filterExpression(filters) !== "") return `No match for “${query}” passes the filter`;
  return isIdle ? "" : `Nothing found for “${query}”: no part of it is known`;
}

function showError(error: unknown, isAnswered: boolean): void {
  list.replaceChildren();
  more.hidden = true;
  showOffers("");
  byId("count").textContent = "";
  message.hidden = false;
  if (isAnswered) console.error(error);
  const problem = isAnswered ? "This page cannot show the answer." : "The server cannot be reached. Is it running?";
  message.textContent = error instanceof ApiError ? error.message : problem;
}

/** Facts for the headline and the status line, and the filters; without them the results are shown all the same. */
async function readFacts(): Promise<void> {
  const [nextFacts, available] = await Promise.all([
    indexFacts().catch(() => undefined),
    readFilters().catch(() => undefined),
  ]);
  facts = nextFacts;
  if (config.headline !== undefined) byId("headline").textContent = config.headline;
  else if (facts) {
    const how = facts.words === null ? "by meaning" : "by words and meaning";
    const items = `${number.format(facts.numItems)} items found ${how}`;
    // A site with a name of its own is not about how it is made.
    byId("headline").textContent = config.title === undefined ? `${items}, ${facts.bytesPerItem} bytes each` : items;
  }
  // What could not be asked for, for want of a token say, is not what the index lacks.
  if (available !== undefined) showFilters(filters, available, config, () => void run(FIRST_PAGE));
}

/** A pick is kept on the shelf, and copied where the site says what. */
async function pick(result: Result): Promise<void> {
  shelf.add(result);
  const { title, link } = presentation.present(result);
  if (extension.copyText) {
    try {
      const { text, name } = extension.copyText(result);
      toast(byId("toast"), (await copy(text)) ? `Copied ${name}` : "The browser blocks copying from this page");
    } catch (error) {
      console.error(error);
      toast(byId("toast"), `${title} cannot be copied, but is among your picks`);
    }
  } else if (link === undefined) toast(byId("toast"), `${title} is among your picks`);
}

/** The searches to start from, and the first of them. */
async function start(): Promise<void> {
  if (config.placeholder !== undefined) input.placeholder = config.placeholder;
  if (config.headline !== undefined) byId("headline").textContent = config.headline;
  if (site.problem !== undefined) console.error(site.problem);
  const asked = new URLSearchParams(location.search).get("q") ?? "";
  const own = configuredExamples(config);
  if (own === undefined) {
    // What was asked for need not wait for this.
    if (asked !== "") ask(asked);
    const popular = await suggest("", AbortSignal.timeout(POPULAR_MS)).catch(() => []);
    examples = popular.map(({ text }) => [text]);
  } else examples = own;
  // An isolate that has just started knows the facts once it was asked for anything else.
  for (let i = 0; i < 2 && examples.length === 0 && facts === undefined; i++) await readFacts();
  idleQueries = examples.map(([query]) => query).sort(() => Math.random() - 0.5);
  showExamples(examplesNav, examples, ask);
  if (own !== undefined || input.value === "") ask(input.value || asked);
}

byId<HTMLFormElement>("form").addEventListener("submit", (event) => {
  event.preventDefault();
  stopOffering();
  suggestions.close();
  ask(input.value);
});
input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => {
    ask(input.value);
    void offer();
  }, DEBOUNCE_MS);
});
// The list of suggestions hears the keys first.
input.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && input.value !== "") ask("");
  if (event.key !== "ArrowDown") return;
  const tiles = [...list.querySelectorAll<HTMLButtonElement>(".tile")];
  if (tiles.length === 0) return;
  event.preventDefault();
  focusTile(tiles, tiles[0]);
});
more.addEventListener("click", () => void run(SECOND_PAGE));
moveByKeys(list, () => input.focus());
document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    input.focus();
    input.select();
  }
});

await start();
if (matchMedia("(hover: hover)").matches) input.focus();
