/** The page: a field, and what the Worker finds for it. */
import { ApiError, type IndexFacts, indexFacts, type Result, type SearchResponse, search } from "./api.ts";
import { copy, toast } from "./clipboard.ts";
import { copyText } from "./draw.ts";
import { examples, markExample, showExamples } from "./examples.ts";
import { focusTile, moveByKeys, showTiles } from "./tiles.ts";

const byId = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const input = byId<HTMLInputElement>("query");
const list = byId("results");
const more = byId<HTMLButtonElement>("more");
const message = byId("message");
const examplesNav = byId("examples");

/** Typing pauses of this length send a request. */
const debounceMs = 70;
const idleQuery = examples[Math.floor(Math.random() * examples.length)]?.[0] ?? "";
const firstPage = 60;
const secondPage = 300;

const number = new Intl.NumberFormat("en");
let facts: IndexFacts | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let running: AbortController | undefined;

function setQuery(query: string): void {
  input.value = query;
  void run(firstPage);
}

/** Sends the text in the field; an answer to an older text is never shown. */
async function run(k: number): Promise<void> {
  clearTimeout(timer);
  running?.abort();
  const typed = input.value.trim();
  history.replaceState(null, "", typed === "" ? "/" : `/?${new URLSearchParams({ q: typed })}`);
  // An empty field shows what it could be used for instead of an empty page.
  const query = typed || idleQuery;
  markExample(examplesNav, query);
  running = new AbortController();
  const { signal } = running;
  list.setAttribute("aria-busy", "true");
  const sentAt = performance.now();
  try {
    const response = await search(query, k, signal);
    const latencyMs = performance.now() - sentAt;
    if (signal.aborted) return;
    if (facts?.version !== response.indexVersion) await readFacts();
    if (signal.aborted) return;
    showResponse(response, latencyMs);
  } catch (error) {
    if (!signal.aborted) showError(error);
  } finally {
    if (!signal.aborted) list.setAttribute("aria-busy", "false");
  }
}

function showResponse(response: SearchResponse, latencyMs: number): void {
  const { results, query, k } = response;
  message.hidden = true;
  showTiles(list, results, (result) => void pick(result));
  const count =
    results.length === 0
      ? `Nothing found for “${query}”: no part of it is known`
      : `${number.format(results.length)} nearest to “${query}”`;
  byId("count").textContent = input.value.trim() === "" ? `For example: ${count}` : count;
  more.hidden = results.length < k || k > firstPage;
  byId("status").textContent = [
    `index ${response.indexVersion}`,
    ...(facts ? [`${facts.bytesPerItem} bytes an item`] : []),
    `${response.listsProbed} of ${facts?.nlist ?? "?"} cells`,
    `${number.format(response.codesScanned)} of ${facts ? number.format(facts.numItems) : "?"} items scanned`,
    `${latencyMs.toFixed(0)} ms`,
  ].join(" · ");
}

function showError(error: unknown): void {
  list.replaceChildren();
  more.hidden = true;
  byId("count").textContent = "";
  message.hidden = false;
  message.textContent = error instanceof ApiError ? error.message : "The server cannot be reached. Is it running?";
}

/** Facts for the headline and the status line; without them the results are shown all the same. */
async function readFacts(): Promise<void> {
  facts = await indexFacts().catch(() => undefined);
  if (facts)
    byId("headline").textContent =
      `${number.format(facts.numItems)} items found by meaning, ${facts.bytesPerItem} bytes each`;
}

async function pick(result: Result): Promise<void> {
  const text = copyText(result.fields, String(result.id));
  const name = text.startsWith("<svg") ? `SVG of ${result.title}` : text;
  toast(byId("toast"), (await copy(text)) ? `Copied ${name}` : "The browser does not let this page copy");
}

byId<HTMLFormElement>("form").addEventListener("submit", (event) => {
  event.preventDefault();
  void run(firstPage);
});
input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => void run(firstPage), debounceMs);
});
input.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown") return;
  const tiles = [...list.querySelectorAll<HTMLButtonElement>(".tile")];
  if (tiles.length === 0) return;
  event.preventDefault();
  focusTile(tiles, tiles[0]);
});
more.addEventListener("click", () => void run(secondPage));
moveByKeys(list, () => input.focus());
document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement;
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    input.focus();
    input.select();
  }
});

showExamples(examplesNav, setQuery);
input.value = new URLSearchParams(location.search).get("q") ?? "";
void run(firstPage);
if (matchMedia("(hover: hover)").matches) input.focus();
