/** The page: a field, and what the Worker finds for it. */

import { formatList } from "../client.ts";
import {
  ApiError,
  type IndexFacts,
  indexFacts,
  type Question,
  type Result,
  readFacets,
  type SearchResponse,
  search,
  suggest,
} from "./api.ts";
import { copy, toast } from "./clipboard.ts";
import { copyText } from "./draw.ts";
import { examples, markExample, showExamples } from "./examples.ts";
import { filterExpression, showFilters } from "./filters.ts";
import { Shelf } from "./shelf.ts";
import { Suggestions } from "./suggestions.ts";
import { focusTile, moveByKeys, showTiles } from "./tiles.ts";

const byId = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const input = byId<HTMLInputElement>("query");
const list = byId("results");
const more = byId<HTMLButtonElement>("more");
const message = byId("message");
const examplesNav = byId("examples");
const filters = byId("filters");

/** Typing pauses of this length send a request. */
const DEBOUNCE_MS = 70;
const FIRST_PAGE = 60;
const SECOND_PAGE = 300;
/** Below this the best result is told to be near at most. */
const LOW_CONFIDENCE = 0.35;
/**
 * An empty field shows what it could be used for instead of an empty page: one of these, and another one where an index
 * has nothing of it.
 */
const idleQueries = examples.map(([query]) => query).sort(() => Math.random() - 0.5);

const number = new Intl.NumberFormat("en");
let facts: IndexFacts | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let running: AbortController | undefined;
/** Set while the grid shows more like the picks; typing ends that. */
let picks: readonly string[] = [];

const shelf = new Shelf(byId("shelf"), {
  onMore(ids) {
    picks = ids;
    input.value = "";
    void run(FIRST_PAGE);
  },
  onEmpty: () => ask(input.value),
});

const suggestions = new Suggestions(input, byId("suggestions"), ask);
let suggesting: AbortController | undefined;

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
  const question: Question = picks.length > 0 ? { history: formatList(picks) } : { q: typed || (idleQueries[0] ?? "") };
  markExample(examplesNav, "q" in question ? question.q : "");
  running = new AbortController();
  const { signal } = running;
  list.setAttribute("aria-busy", "true");
  const sentAt = performance.now();
  try {
    const response = await search(question, k, filterExpression(filters), signal);
    const latencyMs = performance.now() - sentAt;
    if (facts?.version !== response.indexVersion) await readFacts();
    if (signal.aborted) return;
    if (isIdle && response.results.length === 0 && filterExpression(filters) === "" && idleQueries.length > 1) {
      idleQueries.shift();
      return void run(k);
    }
    showResponse(response, latencyMs);
  } catch (error) {
    if (!signal.aborted) showError(error);
  } finally {
    if (!signal.aborted) list.setAttribute("aria-busy", "false");
  }
}

function showResponse(response: SearchResponse, latencyMs: number): void {
  const { results, query, k, confidence } = response;
  message.hidden = true;
  showTiles(list, results, (result) => void pick(result));
  byId("count").textContent = countText(results.length, query, confidence);
  more.hidden = results.length < k || k > FIRST_PAGE;
  byId("status").textContent = [
    `index ${response.indexVersion}`,
    ...(facts ? [`${facts.bytesPerItem} bytes per item`] : []),
    `${response.listsProbed} of ${facts ? Math.max(facts.nlist, 1) : "?"} cells`,
    `${number.format(response.codesScanned)} of ${facts ? number.format(facts.numItems) : "?"} items scanned`,
    `${latencyMs.toFixed(0)} ms`,
  ].join(" · ");
}

function countText(count: number, query: string | null, confidence: number | null): string {
  const shown = number.format(count);
  if (query === null) return `${shown} nearest to your ${picks.length === 1 ? "pick" : `${picks.length} picks`}`;
  const isIdle = input.value.trim() === "";
  if (count > 0 && !isIdle && confidence !== null && confidence < LOW_CONFIDENCE)
    return `Nothing quite matches “${query}”: these ${shown} are the nearest`;
  if (count > 0) return `${isIdle ? "For example: " : ""}${shown} nearest to “${query}”`;
  if (filterExpression(filters) !== "") return `No match for “${query}” passes the filter`;
  return isIdle ? "" : `Nothing found for “${query}”: no part of it is known`;
}

function showError(error: unknown): void {
  list.replaceChildren();
  more.hidden = true;
  byId("count").textContent = "";
  message.hidden = false;
  message.textContent = error instanceof ApiError ? error.message : "The server cannot be reached. Is it running?";
}

/** Facts for the headline and the status line, and the filters; without them the results are shown all the same. */
async function readFacts(): Promise<void> {
  const [nextFacts, facets] = await Promise.all([indexFacts().catch(() => undefined), readFacets().catch(() => ({}))]);
  facts = nextFacts;
  if (facts)
    byId("headline").textContent =
      `${number.format(facts.numItems)} items found by meaning, ${facts.bytesPerItem} bytes each`;
  showFilters(filters, facets, () => void run(FIRST_PAGE));
}

/** A pick is copied, and kept on the shelf. */
async function pick(result: Result): Promise<void> {
  shelf.add(result);
  const text = copyText(result.fields, String(result.id));
  const name = text.startsWith("<svg") ? `SVG of ${result.title}` : text;
  toast(byId("toast"), (await copy(text)) ? `Copied ${name}` : "The browser blocks copying from this page");
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

showExamples(examplesNav, ask);
ask(new URLSearchParams(location.search).get("q") ?? "");
if (matchMedia("(hover: hover)").matches) input.focus();
