import { canBePopular, MAX_POPULAR_BYTES } from "@poeem/pq-core/write";
import { normalForm } from "@poeem/towers";
import type { Dataset } from "../data/types.ts";

/** Who or, where nothing says who, how often at least: what one person asks for over and over may be a secret. */
const LEAST_ASKED = 3;
/** An address, or a number that may be somebody's; and what turns the direction of the text that follows. */
const UNFIT = /@|(?:\d[\s()./+-]*){7}|[\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** The zero-width space too: it stands between words. */
const BLANKS = /[\s\u200b]+/g;

/** Texts with how many events they have. */
type Counts = Map<string, number>;

/** What is known of one text. */
interface Asked {
  readonly events: number;
  /** Who asked; empty where nothing says so. */
  readonly users: ReadonlySet<string>;
}

/**
 * The most frequent queries of the training events, at most so many and so many bytes as an index may have. Spellings
 * of one normal form are one query, shown as it is spelled most. What fewer than three users asked, or in data without
 * users fewer than three events, is none, nor what looks like an address or a telephone number, nor the items' own
 * sentences.
 */
export function popularQueries(
  { train, eventQuery, behaviour }: Pick<Dataset, "train" | "eventQuery" | "behaviour">,
  most: number,
): string[] {
  if (most === 0 || train.texts.length === 0) return [];
  const byForm = new Map<string, { readonly spellings: Counts; readonly users: Set<string> }>();
  for (const [text, { events, users }] of countTexts(train, eventQuery.subarray(0, behaviour))) {
    const form = normalForm(text);
    if (form === "") continue;
    const known = byForm.get(form) ?? { spellings: new Map<string, number>(), users: new Set<string>() };
    known.spellings.set(text, events);
    for (const user of users) known.users.add(user);
    byForm.set(form, known);
  }
  const merged: Counts = new Map();
  for (const { spellings, users } of byForm.values()) {
    const events = [...spellings.values()].reduce((sum, one) => sum + one, 0);
    const asked = train.users.length > 0 ? users.size : events;
    if (asked >= LEAST_ASKED) merged.set(ranked(spellings)[0]!, events);
  }
  const chosen: string[] = [];
  let bytes = 0;
  for (const text of ranked(merged)) {
    if (chosen.length === most) break;
    const size = Buffer.byteLength(text);
    if (bytes + size > MAX_POPULAR_BYTES) continue;
    bytes += size;
    chosen.push(text);
  }
  return chosen;
}

/** Events and users of each text that can be shown, blanks being one blank. */
function countTexts({ texts, users }: Dataset["train"], eventQuery: Uint32Array): Map<string, Asked> {
  const events = new Uint32Array(texts.length);
  for (const query of eventQuery) events[query]!++;
  const found = new Map<string, { events: number; users: Set<string> }>();
  for (const [query, count] of events.entries()) {
    const text = texts[query]!.replace(BLANKS, " ").trim();
    if (count === 0 || !canBePopular(text) || UNFIT.test(text)) continue;
    const asked = found.get(text) ?? { events: 0, users: new Set<string>() };
    asked.events += count;
    if (users[query] !== undefined) asked.users.add(users[query]);
    found.set(text, asked);
  }
  return found;
}

/** The most frequent first; of equal ones the first by code units, whatever the order of the rows. */
function ranked(counts: Counts): string[] {
  const pairs = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return pairs.map(([text]) => text);
}
