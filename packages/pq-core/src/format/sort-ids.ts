/**
 * Positions of keys in rising order, equal keys in the order they come, without a comparison a pair: a byte at a
 * time, the last one first (radix sort).
 *
 * @param words keys of `perKey` little-endian words each
 */
export function sortWords(words: Uint32Array, perKey: number): Uint32Array {
  const n = words.length / perKey;
  let order = positions(n);
  let other = new Uint32Array(n);
  for (let word = 0; word < perKey; word++) {
    for (let shift = 0; shift < 32; shift += 8) {
      const next = new Uint32Array(257);
      for (let at = word; at < words.length; at += perKey) next[((words[at]! >>> shift) & 255) + 1]!++;
      for (let b = 0; b < 256; b++) next[b + 1]! += next[b]!;
      for (const position of order) other[next[(words[position * perKey + word]! >>> shift) & 255]!++] = position;
      [order, other] = [other, order];
    }
  }
  return order;
}

/** A run of at most so many keys is sorted by comparing them. */
const SMALL = 16;

/**
 * The same for byte strings: key i is bytes[offsets[i]] … bytes[offsets[i + 1] − 1], and a key ranks before those
 * it begins. The first byte comes first here, so that only bytes that tell keys apart are read.
 */
export function sortBytes(bytes: Uint8Array, offsets: ArrayLike<number>): Uint32Array {
  const n = offsets.length - 1;
  const order = positions(n);
  const moved = new Uint32Array(n);
  // 0 for a key that has ended, else its byte + 1
  const digits = new Uint16Array(n);
  const next = new Uint32Array(258);
  // runs (start, end, depth) whose keys agree in their first `depth` bytes
  const runs = [0, n, 0];
  while (runs.length > 0) {
    let depth = runs.pop()!;
    const end = runs.pop()!;
    const start = runs.pop()!;
    if (end - start <= SMALL) {
      insert(bytes, offsets, order, start, end, depth);
      continue;
    }
    depth = sharedPrefix(bytes, offsets, order, start, end, depth);
    next.fill(0);
    for (let i = start; i < end; i++) {
      const at = offsets[order[i]!]! + depth;
      const digit = at < offsets[order[i]! + 1]! ? bytes[at]! + 1 : 0;
      digits[i] = digit;
      next[digit + 1]!++;
    }
    next[0] = start;
    for (let digit = 0, from = start; digit < 257; digit++) {
      const to = from + next[digit + 1]!;
      if (digit > 0 && to - from > 1) runs.push(from, to, depth + 1);
      next[digit + 1] = to;
      from = to;
    }
    for (let i = start; i < end; i++) moved[next[digits[i]!]!++] = order[i]!;
    order.set(moved.subarray(start, end), start);
  }
  return order;
}

function positions(n: number): Uint32Array<ArrayBuffer> {
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  return order;
}

/** Bytes in which the keys of a run agree, at least `depth`: often many, as in addresses. */
function sharedPrefix(
  bytes: Uint8Array,
  offsets: ArrayLike<number>,
  order: Uint32Array,
  start: number,
  end: number,
  depth: number,
): number {
  const first = offsets[order[start]!]!;
  let length = offsets[order[start]! + 1]! - first;
  for (let i = start + 1; i < end && length > depth; i++) {
    const own = offsets[order[i]!]!;
    length = Math.min(length, offsets[order[i]! + 1]! - own);
    let same = depth;
    while (same < length && bytes[own + same] === bytes[first + same]) same++;
    length = same;
  }
  return length;
}

function insert(
  bytes: Uint8Array,
  offsets: ArrayLike<number>,
  order: Uint32Array,
  start: number,
  end: number,
  depth: number,
): void {
  for (let i = start + 1; i < end; i++) {
    const position = order[i]!;
    let to = i;
    while (to > start && isBefore(bytes, offsets, position, order[to - 1]!, depth)) {
      order[to] = order[to - 1]!;
      to--;
    }
    order[to] = position;
  }
}

function isBefore(bytes: Uint8Array, offsets: ArrayLike<number>, a: number, b: number, depth: number): boolean {
  const endA = offsets[a + 1]!;
  const endB = offsets[b + 1]!;
  let i = offsets[a]! + depth;
  let j = offsets[b]! + depth;
  while (i < endA && j < endB && bytes[i] === bytes[j]) {
    i++;
    j++;
  }
  return j < endB && (i === endA || bytes[i]! < bytes[j]!);
}
