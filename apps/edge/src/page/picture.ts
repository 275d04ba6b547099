/** An item's picture, or what stands in its place: no broken image, no request that the policy would refuse. */
import { DATA_IMAGE, IMAGE_FILE, isNamedHost } from "../site/notes.ts";
import { warnOnce } from "./warn.ts";

const HUES = 6;

/**
 * The address to load, when the policy allows it: a data URI, a file of this site, or https from a named host (http is
 * asked by https). @param hosts `imageHosts` of page.json
 */
export function imageAddress(value: unknown, hosts: readonly string[]): string | undefined {
  if (typeof value !== "string" || value === "") return undefined;
  if (DATA_IMAGE.test(value)) return value;
  if (!URL.canParse(value, location.origin)) return undefined;
  const url = new URL(value, location.origin);
  if (url.origin === location.origin) return IMAGE_FILE.test(url.pathname) ? url.href : undefined;
  if (url.protocol === "http:") url.protocol = "https:";
  if (url.protocol !== "https:") return undefined;
  if (isNamedHost(url.host, hosts)) return url.href;
  warnOnce(`Pictures from ${url.host} are not shown: "imageHosts" of page.json does not name it`);
  return undefined;
}

/** A box with the picture, lazily loaded, or with the title's initials until there is one. */
export function picture(value: unknown, title: string, hosts: readonly string[]): HTMLElement {
  const box = document.createElement("span");
  box.className = "picture";
  const address = imageAddress(value, hosts);
  const stand = () => {
    box.dataset["hue"] = String(hueOf(title));
    box.replaceChildren(initials(title));
  };
  if (address === undefined) {
    stand();
    return box;
  }
  const image = document.createElement("img");
  image.loading = "lazy";
  image.decoding = "async";
  // The tile says what it is; the same again would be read twice.
  image.alt = "";
  image.addEventListener("error", stand, { once: true });
  image.src = address;
  box.append(image);
  return box;
}

/** The first letters of the first two words. */
function initials(title: string): HTMLElement {
  const span = document.createElement("span");
  span.className = "initials";
  const words = title.match(/[\p{L}\p{N}]+/gu) ?? [title];
  const letters = words.slice(0, 2).map((word) => [...word][0]?.toUpperCase() ?? "");
  span.textContent = letters.join("");
  return span;
}

/** The same colour for the same title. */
function hueOf(title: string): number {
  let sum = 0;
  for (const character of title) sum = (sum * 31 + character.codePointAt(0)!) >>> 0;
  return sum % HUES;
}
