/**
 * Checks a deployed search: `node scripts/check.mjs URL FILE`, where FILE is what `poeem publish --json` printed.
 * Waits until the published version serves, then searches. Ends with 1 and a line that says what is wrong.
 */
import { readFileSync } from "node:fs";

/** Searches that must find something, beside the most frequent ones of the index itself. */
const QUERIES = [];

/** KV shows a new version everywhere within a minute, and a Worker looks every half minute. */
const WAIT_SECONDS = Number(process.env.CHECK_SECONDS ?? 300);
const POLL_SECONDS = Math.min(5, WAIT_SECONDS / 20);
/** For a single request. */
const TIMEOUT_MS = 20_000;

const [address, file] = process.argv.slice(2);

async function ask(path) {
  const headers = process.env.SEARCH_TOKEN ? { authorization: `Bearer ${process.env.SEARCH_TOKEN}` } : {};
  const response = await fetch(new URL(path, address), { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${(await response.text()).slice(0, 300)}`);
  return response.json();
}

/** The most frequent searches, from the published version. */
async function untilServed(version) {
  const deadline = Date.now() + 1000 * WAIT_SECONDS;
  for (;;) {
    const outcome = await ask("/suggest?q=&k=12").catch((error) => error);
    if (outcome.indexVersion === version) return outcome.suggestions.map(({ text }) => text);
    if (Date.now() >= deadline) {
      const got = outcome instanceof Error ? outcome.message : `version ${outcome.indexVersion}`;
      throw new Error(`version ${version} does not serve after ${WAIT_SECONDS} s: ${got}`);
    }
    await new Promise((wake) => setTimeout(wake, 1000 * POLL_SECONDS));
  }
}

/** One request that fails is no reason to roll back: it is made twice more. */
async function askAgain(path) {
  for (let left = 2; ; left--) {
    try {
      return await ask(path);
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((wake) => setTimeout(wake, 1000 * POLL_SECONDS));
    }
  }
}

try {
  if (!address || !file) throw new Error("expected the address of the search and the file of `poeem publish --json`");
  const { version } = JSON.parse(readFileSync(file, "utf8"));
  const queries = [...QUERIES, ...(await untilServed(version))];
  for (const query of queries) {
    const { results } = await askAgain(`/search?${new URLSearchParams({ q: query, k: "5" })}`);
    if (results.length === 0) throw new Error(`"${query}" finds nothing`);
  }
  const searched = queries.length === 0 ? "it has no frequent searches to try: name some in QUERIES" : "";
  console.log(`check: version ${version} serves, ${searched || `${queries.length} searches find something`}`);
} catch (error) {
  console.error(`check: ${error.message}`);
  process.exitCode = 1;
}
