const PRIME = 0x01000193;

/**
 * 32-bit FNV-1a over the UTF-8 bytes of `text`, as an unsigned integer.
 * It hashes text features into embedding rows and decides which query strings are held out, so its value is part of
 * the artifact: it never changes. Source: Fowler–Noll–Vo, offset basis 2166136261, prime 16777619.
 *
 * The bytes are made on the way: a call of TextEncoder costs twenty times as much as the hash of a short feature. As
 * there, a lone surrogate counts as U+FFFD.
 */
export function fnv1a32(text: string): number {
  return continueHash(0x811c9dc5, text);
}

/**
 * The hash of a text that goes on after one whose hash is `before`: of "ab" it is continueHash(fnv1a32("a"), "b").
 *
 * @param start first code unit that counts; `end` is behind the last. Neither may split a surrogate pair.
 */
export function continueHash(before: number, text: string, start = 0, end = text.length): number {
  let hash = before;
  for (let i = start; i < end; i++) {
    let point = text.charCodeAt(i);
    if (point < 0x80) {
      hash = Math.imul(hash ^ point, PRIME);
      continue;
    }
    if (point >= 0xd800 && point < 0xe000) {
      const next = text.charCodeAt(i + 1);
      const paired = point < 0xdc00 && next >= 0xdc00 && next < 0xe000;
      point = paired ? 0x10000 + ((point - 0xd800) << 10) + (next - 0xdc00) : 0xfffd;
      if (paired) i++;
    }
    if (point < 0x800) hash = Math.imul(hash ^ (0xc0 | (point >> 6)), PRIME);
    else {
      if (point < 0x10000) hash = Math.imul(hash ^ (0xe0 | (point >> 12)), PRIME);
      else {
        hash = Math.imul(hash ^ (0xf0 | (point >> 18)), PRIME);
        hash = Math.imul(hash ^ (0x80 | ((point >> 12) & 0x3f)), PRIME);
      }
      hash = Math.imul(hash ^ (0x80 | ((point >> 6) & 0x3f)), PRIME);
    }
    hash = Math.imul(hash ^ (0x80 | (point & 0x3f)), PRIME);
  }
  return hash >>> 0;
}

/** The finalizer of MurmurHash3: every bit of a 32-bit number changes half of the others. As a signed integer. */
export function mixBits(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
