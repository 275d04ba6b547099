/** What of a result is shown where: as `page.json` says, and for the rest as the values look. */
import type { PageConfig } from "../site/config.ts";
import { imageField, isMostly, namedFields } from "../site/notes.ts";
import type { Result } from "./api.ts";
import { warnOnce } from "./warn.ts";

export interface Presented {
  readonly title: string;
  readonly subtitle: string;
  readonly price: string;
  /** More values: numbers, and what page.json has a label for, together with their labels. */
  readonly facts: readonly string[];
  /** The picture's address as the field has it; undefined when this index has no pictures. */
  readonly image?: unknown;
  /** Address of the item's own page. */
  readonly link?: string;
}

/** Which field is shown as what; undefined where there is none. */
interface Roles {
  readonly image: string | undefined;
  readonly subtitle: string | undefined;
  readonly price: string | undefined;
  readonly facts: readonly string[];
}

const SUBTITLE = /^(?:brand|authors?|artists?|maker|manufacturer|subtitle)$/i;
const PRICE = /^(?:sale_?|unit_?)?(?:price|preis|prix|prezzo|precio|preço)s?$/i;
/** As many fields, and as many characters of each, as a reader wants who was not asked. */
const MAX_FACTS = 2;
const MAX_FACT_LENGTH = 40;

/** Shows the results of one index, of which the first ones say what its fields look like. */
export class Presentation {
  readonly #config: PageConfig;
  readonly #roles: Roles;
  readonly #price: Intl.NumberFormat;
  readonly #number: Intl.NumberFormat;

  constructor(config: PageConfig, sample: readonly Result[]) {
    this.#config = config;
    this.#roles = rolesOf(config, sample);
    const { lang = "en", price } = config;
    this.#number = new Intl.NumberFormat(lang, { useGrouping: "min2" });
    this.#price = new Intl.NumberFormat(
      lang,
      price ? { style: "currency", currency: price.currency } : { minimumFractionDigits: 2, maximumFractionDigits: 2 },
    );
  }

  get hasImages(): boolean {
    return this.#roles.image !== undefined;
  }

  present(result: Result): Presented {
    const { fields } = result;
    const { image, subtitle, price, facts } = this.#roles;
    const { titleField, link } = this.#config;
    const amount = numberOf(price === undefined ? undefined : fields[price]);
    const address = link === undefined ? undefined : linkOf(fields[link]);
    return {
      title: (titleField && this.#text(fieldOf(result, titleField))) || result.title || String(result.id),
      subtitle: subtitle === undefined ? "" : this.#text(fieldOf(result, subtitle)),
      price: amount === undefined ? "" : this.#price.format(amount),
      facts: facts.flatMap((name) => {
        const value = fieldOf(result, name);
        const text = this.#text(value);
        if (text === "") return [];
        const isLabelled = typeof value === "number" || Object.hasOwn(this.#config.labels ?? {}, name);
        return [isLabelled ? `${labelOf(this.#config, name)} ${text}` : text];
      }),
      ...(image === undefined ? {} : { image: fields[image] }),
      ...(address === undefined ? {} : { link: address }),
    };
  }

  #text(value: unknown): string {
    if (typeof value === "number") return Math.abs(value) < 10_000 ? String(value) : this.#number.format(value);
    if (Array.isArray(value)) return value.map((one) => this.#text(one)).join(", ");
    return typeof value === "string" || typeof value === "boolean" ? String(value) : "";
  }
}

/** A field, facet or number as readers know it. */
export function labelOf({ labels = {} }: PageConfig, name: string): string {
  return Object.hasOwn(labels, name) ? labels[name]! : name;
}

function fieldOf({ title, id, fields }: Result, name: string): unknown {
  if (Object.hasOwn(fields, name)) return fields[name];
  return { title, id }[name];
}

function rolesOf(config: PageConfig, sample: readonly Result[]): Roles {
  const names = [...new Set(sample.flatMap(({ fields }) => Object.keys(fields)))];
  const values = (name: string) => sample.map(({ fields }) => fields[name]).filter((value) => (value ?? "") !== "");
  const most = (name: string, test: (value: unknown) => boolean) => isMostly(values(name), test);
  for (const name of namedFields(config))
    if (sample.length > 0 && !names.includes(name) && name !== "title" && name !== "id")
      warnOnce(`page.json names the field ${JSON.stringify(name)}, which no item on the page has`);
  const image = imageField(
    config,
    sample.map(({ fields }) => fields),
  );
  const price = config.price?.field ?? names.find((name) => PRICE.test(name) && most(name, isNumeric));
  const subtitle = config.subtitle ?? names.find((name) => SUBTITLE.test(name) && most(name, isShort));
  const taken = [image, price, subtitle, config.titleField, config.link];
  const isId = (name: string) => sample.every(({ id, fields }) => String(fields[name]) === String(id));
  const isFact = (name: string) =>
    !taken.includes(name) && most(name, isShort) && new Set(values(name)).size > 1 && !isId(name);
  return { image, price, subtitle, facts: config.fields ?? names.filter(isFact).slice(0, MAX_FACTS) };
}

const isNumeric = (value: unknown): boolean => numberOf(value) !== undefined;

const isShort = (value: unknown): boolean =>
  typeof value === "number" ||
  (typeof value === "string" && value.length <= MAX_FACT_LENGTH && !/^(?:https?:|data:|\/)/i.test(value));

function numberOf(value: unknown): number | undefined {
  if (typeof value !== "number" && (typeof value !== "string" || value.trim() === "")) return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

/** An address that a link may have: nothing that runs as a script. */
function linkOf(value: unknown): string | undefined {
  if (typeof value !== "string" || value === "" || !URL.canParse(value, location.origin)) return undefined;
  const { protocol, href } = new URL(value, location.origin);
  return protocol === "https:" || protocol === "http:" ? href : undefined;
}
