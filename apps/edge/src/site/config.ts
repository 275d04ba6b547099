/** `page.json`: what the page shows of an index, and how. Read by the page itself and by what writes its files. */
import { InputError } from "@poeem/pq-core";

/** How much room a picture gets: 1 to 1, 2 to 3 as a book's cover, 4 to 3. */
export const IMAGE_SHAPES = ["square", "portrait", "wide"] as const;
/** Cards have pictures and texts; tiles are small and for what an extension draws. */
export const LAYOUTS = ["cards", "tiles"] as const;

/** Every key is optional: what none names is found out from the index. Fields are those of `fields` in an answer. */
export interface PageConfig {
  /** Name of the site. */
  readonly title?: string;
  /** The line above the search field. */
  readonly headline?: string;
  /** What the empty field says. */
  readonly placeholder?: string;
  /** Language of the items, as in "de-CH": prices and numbers are written as there. */
  readonly lang?: string;
  /** Name of the published index; without it, the current one. */
  readonly index?: string;
  /** Field with the name of an item, instead of `title`. */
  readonly titleField?: string;
  readonly subtitle?: string;
  /** Field with an https URL, a path of this site or a data URI of a picture. */
  readonly image?: string;
  /** Hosts that pictures may come from, as "images.example.com" or "*.example.com". */
  readonly imageHosts?: readonly string[];
  readonly imageShape?: (typeof IMAGE_SHAPES)[number];
  /** A field with a number, and the currency as in "EUR". */
  readonly price?: { readonly field: string; readonly currency: string };
  /** More fields to show, in this order. */
  readonly fields?: readonly string[];
  /** Field with the address of an item's own page. */
  readonly link?: string;
  /** Facets and numbers to filter by, in this order; without it, all. */
  readonly filters?: readonly string[];
  /** Names of fields, facets and numbers for readers. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Searches to start from, instead of the index's most frequent; one of another language as `[query, language]`. */
  readonly examples?: readonly (string | readonly [query: string, lang: string])[];
  readonly layout?: (typeof LAYOUTS)[number];
  /** A module beside `page.json`, as in "./symbols.js", that draws items or says what a click copies. */
  readonly extension?: string;
}

type Check = (value: unknown, name: string) => void;

const MAX_TEXT = 200;
const MAX_NAME_BYTES = 128;
const HOST = /^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*(?::\d{1,5})?$/i;
/** The page's own scripts, which an extension must not replace. */
const OWN_SCRIPTS = ["./page.js", "./reference.js"];

function check(isRight: boolean, name: string, expected: string, got: unknown): asserts isRight {
  if (!isRight) throw new InputError(name, `expected ${expected}, got ${JSON.stringify(got) ?? "nothing"}`);
}

const text: Check = (value, name) =>
  check(
    typeof value === "string" && value.trim() !== "" && value.length <= MAX_TEXT,
    name,
    `a text of 1 to ${MAX_TEXT} characters`,
    value,
  );

const columnName: Check = (value, name) =>
  check(
    typeof value === "string" && value !== "" && new TextEncoder().encode(value).length <= MAX_NAME_BYTES,
    name,
    "the name of a field",
    value,
  );

const matching =
  (form: RegExp, expected: string): Check =>
  (value, name) =>
    check(typeof value === "string" && form.test(value), name, expected, value);

const oneOf =
  (choices: readonly string[]): Check =>
  (value, name) =>
    check(choices.includes(value as string), name, `one of ${choices.join(", ")}`, value);

const listOf =
  (each: Check): Check =>
  (value, name) => {
    check(Array.isArray(value), name, "a list", value);
    for (const [i, one] of value.entries()) each(one, `${name}[${i}]`);
  };

const language: Check = (value, name) => {
  let isKnown = false;
  try {
    isKnown = typeof value === "string" && Intl.getCanonicalLocales(value).length === 1;
  } catch {
    // not even the form of one
  }
  check(isKnown, name, 'a language such as "en" or "de-CH"', value);
};

const members =
  (checks: Readonly<Record<string, Check>>, required: readonly string[]): Check =>
  (value, name) => {
    check(isObject(value), name, `an object with ${Object.keys(checks).join(" and ")}`, value);
    const prefix = name === "" ? "" : `${name}.`;
    for (const key of Object.keys(value))
      check(Object.hasOwn(checks, key), `${prefix}${key}`, `one of the keys ${Object.keys(checks).join(", ")}`, key);
    for (const [key, checkMember] of Object.entries(checks))
      if (Object.hasOwn(value, key) || required.includes(key)) checkMember(value[key], `${prefix}${key}`);
  };

const example: Check = (value, name) => {
  if (!Array.isArray(value)) return text(value, name);
  check(value.length === 2, name, "a text, or a text and its language", value);
  text(value[0], `${name}[0]`);
  language(value[1], `${name}[1]`);
};

const extension: Check = (value, name) =>
  check(
    typeof value === "string" && /^\.\/[\w-]+\.js$/.test(value) && !OWN_SCRIPTS.includes(value),
    name,
    'a script beside page.json, such as "./symbols.js"',
    value,
  );

const KEYS: Readonly<Record<keyof PageConfig, Check>> = {
  title: text,
  headline: text,
  placeholder: text,
  lang: language,
  index: matching(/^[a-z0-9-]{1,40}$/, "a name of 1 to 40 of a-z, 0-9 and -"),
  titleField: columnName,
  subtitle: columnName,
  image: columnName,
  imageHosts: listOf(matching(HOST, 'an https host such as "images.example.com", without https:// and without a path')),
  imageShape: oneOf(IMAGE_SHAPES),
  price: members({ field: columnName, currency: matching(/^[A-Z]{3}$/, 'a currency such as "EUR"') }, [
    "field",
    "currency",
  ]),
  fields: listOf(columnName),
  link: columnName,
  filters: listOf(columnName),
  labels: (value, name) => {
    check(isObject(value), name, "an object of names", value);
    for (const [key, label] of Object.entries(value)) text(label, `${name}.${key}`);
  },
  examples: listOf(example),
  layout: oneOf(LAYOUTS),
  extension,
};

/**
 * Checks what stands in a `page.json`.
 * @throws InputError that names the key, what was expected and what was got
 */
export function checkPageConfig(value: unknown): PageConfig {
  if (!isObject(value)) throw new InputError("page.json", `expected an object, got ${JSON.stringify(value)}`);
  members(KEYS, [])(value, "");
  return value as PageConfig;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
