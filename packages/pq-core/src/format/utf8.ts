const encoder = new TextEncoder();

/** Bytes of a text in UTF-8; −1 when it is not well-formed: half of a surrogate pair has no bytes. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit >= 0xd800 && unit < 0xe000) {
      const low = unit < 0xdc00 ? text.charCodeAt(++i) : 0;
      if (!(low >= 0xdc00 && low < 0xe000)) return -1;
    }
    // two units of a pair are four bytes
    bytes += unit < 0x800 ? 1 : 2;
  }
  return bytes;
}

/** Writes a text of `length` bytes to bytes[at …]; for a million short texts, calls of an encoder cost more. */
export function writeUtf8(text: string, bytes: Uint8Array, at: number, length: number): void {
  if (length === text.length) for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i);
  else encoder.encodeInto(text, bytes.subarray(at, at + length));
}
