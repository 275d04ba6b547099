/** The page: a field, and what the Worker finds for it. */
import { ApiError, type IndexFacts, indexFacts, type Result, type SearchResponse, search } from "./api.ts";
import { copy, toast } from "./clipboard.ts";
import { copyText } from "./draw.ts";
import { markExample, showExamples } from "./examples.ts";
import { focusTile, moveByKeys, showTiles } from "./tiles.ts";

const byId = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const input = byId<HTMLInputElement>("query");
const list = byId("results");
const more = byId<HTMLButtonElement>("more");
const message = byId("message");
const examplesNav = byId("examples");

/** Typing pauses of this length send a request. */
const debounceMs = 70;
const firstPage = 60;
const secondPage = 300;

const number = new Intl.NumberFormat("en");
let facts: IndexFacts | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let running: AbortController | undefined;

function setQuery(query: string): void {
  input.value = query;
  run(firstPage);
}

/** Sends the text in the field; an answer to an older text is never shown. */
async function run(k: number): Promise<void> {
  clearTimeout(timer);
  running?.abort();
  const query = input.value.trim();
  history.replaceState(null, "", query === "" ? "/" : `/?${new URLSearchParams({ q: query })}`);
  markExample(examplesNav, query);
  if (query === "") return showNothing();
  running = new AbortController();
  const { signal } = running;
  list.setAttribute("aria-busy", "true");
  const sentAt = performance.now();
  try {
    const response = await search(query, k, signal);
    const latencyMs = performance.now() - sentAt;
    if (signal.aborted) return;
    showResponse(response, latencyMs);
    if (facts?.version !== response.indexVersion) void showFacts();
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
  byId("count").textContent =
    results.length === 0
      ? `Nothing found for “${query}”: no part of it is known`
      : `${number.format(results.length)} nearest to “${query}”`;
  more.hidden = results.length < k || k > firstPage;
  const total = facts?.version === response.indexVersion ? ` of ${number.format(facts.numItems)}` : "";
  const cells = facts?.version === response.indexVersion ? ` of ${number.format(facts.nlist)}` : "";
  byId("status").textContent = [
    `index ${response.indexVersion.slice(0, 12)}`,
    ...(facts ? [`${facts.bytesPerItem} bytes an item`] : []),
    `${response.listsProbed}${cells} cells`,
    `${number.format(response.codesScanned)}${total} items scanned`,
    `${latencyMs.toFixed(0)} ms`,
  ].join(" · ");
}

function showNothing(): void {
  list.replaceChildren();
  list.setAttribute("aria-busy", "false");
  message.hidden = true;
  more.hidden = true;
  byId("count").textContent = "";
  byId("status").textContent = facts ? `index ${facts.version.slice(0, 12)} · ${facts.bytesPerItem} bytes an item` : "";
}

function showError(error: unknown): void {
  list.replaceChildren();
  more.hidden = true;
  byId("count").textContent = "";
  message.hidden = false;
  message.textContent = error instanceof ApiError ? error.message : "The server cannot be reached. Is it running?";
}

async function showFacts(): Promise<void> {
  try {
    facts = await indexFacts();
    if (facts === undefined) return;
    byId("headline").textContent =
      `${number.format(facts.numItems)} symbols found by meaning, ${facts.bytesPerItem} bytes each`;
    if (input.value.trim() === "") showNothing();
  } catch (error) {
    showError(error);
  }
}

async function pick(result: Result): Promise<void> {
  const text = copyText(result.fields, String(result.id));
  const name = text.startsWith("<svg") ? `SVG of ${result.title}` : text;
  toast(byId("toast"), (await copy(text)) ? `Copied ${name}` : "The browser does not let this page copy");
}

byId<HTMLFormElement>("form").addEventListener("submit", (event) => {
  event.preventDefault();
  run(firstPage);
});
input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => run(firstPage), debounceMs);
});
input.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown") return;
  const tiles = [...list.querySelectorAll<HTMLButtonElement>(".tile")];
  if (tiles.length === 0) return;
  event.preventDefault();
  focusTile(tiles, tiles[0]);
});
more.addEventListener("click", () => run(secondPage));
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
void showFacts().then(() => run(firstPage));
if (matchMedia("(hover: hover)").matches) input.focus();
