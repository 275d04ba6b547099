/** What an array of strings and a `TextList` have in common. */
export type Texts = Pick<readonly string[], "length" | "at"> & Iterable<string>;

/**
 * Texts that do not change, end to end in UTF-8. A million short ids are 40 MB as strings of JavaScript and 11 MB here,
 * at some 100 ns a look. A lone surrogate, which UTF-8 cannot say, becomes U+FFFD; no text that comes from DuckDB has
 * one.
 */
export class TextList implements Texts {
  readonly length: number;
  /** Text i is bytes[offsets[i] … offsets[i + 1]), (length + 1). */
  readonly offsets: Uint32Array;
  readonly bytes: Buffer;

  /** @param texts or what another list has of them */
  constructor(texts: Texts | { readonly offsets: Uint32Array; readonly bytes: Uint8Array }) {
    if ("bytes" in texts) {
      const { offsets, bytes } = texts;
      this.length = offsets.length - 1;
      this.offsets = offsets;
      this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      return;
    }
    this.length = texts.length;
    this.offsets = new Uint32Array(texts.length + 1);
    let end = 0;
    let i = 0;
    for (const text of texts) {
      end += Buffer.byteLength(text);
      this.offsets[++i] = end;
    }
    if (end > 0xffffffff) throw new RangeError(`texts: expected at most 4 GiB of UTF-8, got ${end} bytes`);
    this.bytes = Buffer.allocUnsafeSlow(end);
    i = 0;
    for (const text of texts) this.bytes.write(text, this.offsets[i++]!);
  }

  /** Text of this number, or undefined beyond the end; -1 is the last. */
  at(index: number): string | undefined {
    const whole = Math.trunc(index) || 0;
    const i = whole < 0 ? this.length + whole : whole;
    if (!(i >= 0 && i < this.length)) return undefined;
    return this.bytes.toString("utf8", this.offsets[i]!, this.offsets[i + 1]!);
  }

  *[Symbol.iterator](): Iterator<string> {
    for (let i = 0; i < this.length; i++) yield this.at(i)!;
  }
}
