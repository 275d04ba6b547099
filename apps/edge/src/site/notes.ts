/** What a `page.json` says that an index does not have. */
import type { PageConfig } from "./config.ts";

/** Of an index: some items' fields, and the names of its facets and numbers. */
export interface IndexSample {
  readonly fields: readonly Readonly<Record<string, unknown>>[];
  readonly filters: readonly string[];
}

/** What every item has beside its fields. */
const OWN_FIELDS = ["id", "title"];

/** Every field that page.json names. */
export function namedFields({ titleField, subtitle, image, price, link, fields = [] }: PageConfig): string[] {
  return [titleField, subtitle, image, price?.field, link, ...fields].filter((name) => name !== undefined);
}

export const DATA_IMAGE = /^data:image\/(?:svg\+xml|png|jpeg|webp|avif|gif)[;,]/i;
export const IMAGE_FILE = /\.(?:svg|png|jpe?g|webp|avif|gif)$/i;
/** For addresses without a host: which one it is does not matter here. */
const BASE = "https://x";

/** Whether more than half of some values are so; of none, no. */
export function isMostly(values: readonly unknown[], test: (value: unknown) => boolean): boolean {
  return values.length > 0 && values.filter(test).length * 2 > values.length;
}

/** The field with an item's picture: that of page.json, else the first whose values mostly look like one. */
export function imageField({ image }: PageConfig, fields: IndexSample["fields"]): string | undefined {
  const names = new Set(fields.flatMap((values) => Object.keys(values)));
  const given = (name: string) => fields.map((values) => values[name]).filter((value) => (value ?? "") !== "");
  return image ?? [...names].find((name) => isMostly(given(name), looksLikeImage));
}

/** Whether a value is the address of a picture as one tells by looking at it. */
function looksLikeImage(value: unknown): boolean {
  if (typeof value !== "string") return false;
  if (DATA_IMAGE.test(value)) return true;
  const url = URL.canParse(value, BASE) ? new URL(value, BASE) : undefined;
  return url !== undefined && /^https?:$/.test(url.protocol) && IMAGE_FILE.test(url.pathname);
}

/** Whether `imageHosts` has the host; `*.example.com` is every host below that one. */
export function isNamedHost(host: string, hosts: readonly string[]): boolean {
  const isHost = (allowed: string) => (allowed.startsWith("*.") ? host.endsWith(allowed.slice(1)) : host === allowed);
  return hosts.some((named) => isHost(named.toLowerCase().replace(/:443$/, "")));
}

/** One line for each field and filter that the index does not have, and each host whose pictures will not be shown. */
export function pageNotes(config: PageConfig, { fields, filters }: IndexSample): string[] {
  const { imageHosts = [], filters: wanted = [] } = config;
  const image = imageField(config, fields);
  const known = new Set([...OWN_FIELDS, ...fields.flatMap((values) => Object.keys(values))]);
  const unknownFields = namedFields(config).filter((name) => !known.has(name));
  const hosts = fields.flatMap((values) => {
    const value = image === undefined ? undefined : values[image];
    return typeof value === "string" && /^(?:https?:)?\/\//i.test(value) && URL.canParse(value, BASE)
      ? [new URL(value, BASE).host]
      : [];
  });
  const refused = [...new Set(hosts)].filter((host) => !isNamedHost(host, imageHosts));
  return [
    ...(fields.length === 0 ? [] : unknownFields.map((name) => `the index has no field ${JSON.stringify(name)}`)),
    ...wanted
      .filter((name) => !filters.includes(name))
      .map((name) => `the index has no facet or number ${JSON.stringify(name)} to filter by`),
    ...refused.map((host) => `pictures from ${host} are not shown: "imageHosts" does not name it`),
  ];
}
