/** A page of ListObjectsV2, asked for with `encoding-type=url`. */
export interface ListPage {
  readonly keys: readonly string[];
  /** Where the next page begins; undefined for the last one. */
  readonly next: string | undefined;
}

/** @throws Error for a page that says there is another one, and not where */
export function readList(xml: string): ListPage {
  const keys = textsOf(xml, "Key").map((key) => decodeURIComponent(key.replaceAll("+", "%20")));
  if (textsOf(xml, "IsTruncated")[0] !== "true") return { keys, next: undefined };
  const [next] = textsOf(xml, "NextContinuationToken");
  if (!next) throw new Error("a list of R2 expected the continuation token of its next page, got none");
  return { keys, next };
}

/** Texts of all elements with this name; none of ours has elements inside. */
export function textsOf(xml: string, name: string): string[] {
  const elements = xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"));
  return Array.from(elements, ([, text = ""]) => unescapeXml(text));
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function unescapeXml(text: string): string {
  return text.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[name] ?? whole;
    return String.fromCodePoint(decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal));
  });
}
