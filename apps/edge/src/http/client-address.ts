/** Who asks, as far as the network tells: what a rate limit goes by before any token has been looked at. */

/** What node-server adds to the bindings. */
interface NodeBindings {
  readonly incoming?: { readonly socket?: { readonly remoteAddress?: string | undefined } };
}

/**
 * The address that a request came from: in a Worker Cloudflare's word for it, in Node the socket's. No header of the
 * client's own counts.
 */
export function clientAddress(request: Request, env: object): string | undefined {
  const { incoming } = env as NodeBindings;
  if (incoming !== undefined) return incoming.socket?.remoteAddress;
  return request.headers.get("cf-connecting-ip") ?? undefined;
}

const GROUPS = 8;
/** Groups of an IPv6 address that its owner does not choose: a connection has at least a /64 to itself. */
const NETWORK_GROUPS = 4;
const MAX_LENGTH = 64;
const DOTTED = /^(?:\d{1,3}\.){3}\d{1,3}$/;

/** One spelling for one client: IPv4 as it is, IPv6 by its /64, whatever the port, brackets, zone and case. */
export function networkOf(address: string): string {
  const [, bracketed] = /^\[([^\]]*)\](?::\d+)?$/.exec(address.trim()) ?? [];
  const text = (bracketed ?? address.trim().replace(/^([\d.]+):\d+$/, "$1")).toLowerCase().replace(/%.*$/, "");
  const groups = text.includes(":") ? groupsOf(text) : undefined;
  if (groups === undefined) return text.slice(0, MAX_LENGTH);
  const [sixth = 0, high = 0, low = 0] = groups.slice(5);
  if (sixth === 0xffff && groups.slice(0, 5).every((group) => group === 0))
    return [high >> 8, high & 255, low >> 8, low & 255].join(".");
  return groups
    .slice(0, NETWORK_GROUPS)
    .map((group) => group.toString(16))
    .join(":");
}

/** The eight groups of an IPv6 address; undefined for what is none. */
function groupsOf(text: string): number[] | undefined {
  const last = text.slice(text.lastIndexOf(":") + 1);
  const [a = 0, b = 0, c = 0, d = 0] = DOTTED.test(last) ? last.split(".").map(Number) : [];
  const hex = DOTTED.test(last)
    ? `${text.slice(0, -last.length)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
    : text;
  const [head = "", tail, more] = hex.split("::");
  if (more !== undefined) return undefined;
  const parse = (part: string) => (part === "" ? [] : part.split(":").map(toGroup));
  const [before, after] = [parse(head), parse(tail ?? "")];
  const missing = GROUPS - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...before, ...Array<number>(missing).fill(0), ...after];
  return groups.every((group) => Number.isInteger(group)) ? groups : undefined;
}

function toGroup(text: string): number {
  return /^[0-9a-f]{1,4}$/.test(text) ? Number.parseInt(text, 16) : Number.NaN;
}
