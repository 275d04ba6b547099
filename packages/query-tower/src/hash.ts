const encoder = new TextEncoder();

/**
 * 32-bit FNV-1a over the UTF-8 bytes of `text`, as an unsigned integer.
 * It hashes text features into embedding rows and decides which query strings are held out, so its value is part of
 * the artifact: it never changes. Source: Fowler–Noll–Vo, offset basis 2166136261, prime 16777619.
 */
export function fnv1a32(text: string): number {
  const bytes = encoder.encode(text);
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash >>> 0;
}
