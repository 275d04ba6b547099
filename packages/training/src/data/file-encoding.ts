import { closeSync, openSync, readSync } from "node:fs";

/** How a text file that is not UTF-8 is written, as far as its bytes show. broken: UTF-8 but for a few places. */
export type Encoding = "UTF-8" | "UTF-16" | "UTF-16BE" | "Latin-1" | "Windows-1252" | "broken";

// what is read of a large file
const MOST_BYTES = 1 << 26;
const REPLACED = "\ufffd";

/** Undefined where the file cannot be read, or is compressed. */
export function encodingOf(file: string): Encoding | undefined {
  const bytes = firstBytes(file);
  if (bytes === undefined || (bytes[0] === 0x1f && bytes[1] === 0x8b) || bytes.readUInt32LE(0) === 0xfd2fb528) {
    return undefined;
  }
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "UTF-16BE";
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "UTF-16";
  const nul = bytes.subarray(0, 1000).indexOf(0);
  if (nul >= 0) return nul % 2 === 1 ? "UTF-16" : "UTF-16BE";
  const foreign = bytes.toString("utf8").match(/[^\0-\x7f]/gu) ?? [];
  const wrong = foreign.filter((character) => character === REPLACED).length;
  if (wrong === 0) return "UTF-8";
  // bytes of another encoding hardly ever look like UTF-8
  if (wrong < foreign.length / 2) return "broken";
  // where Latin-1 has control characters, Windows has the euro sign, dashes and quotes
  return bytes.some((byte) => byte >= 0x80 && byte < 0xa0) ? "Windows-1252" : "Latin-1";
}

function firstBytes(file: string): Buffer | undefined {
  try {
    const handle = openSync(file, "r");
    try {
      const bytes = Buffer.alloc(MOST_BYTES);
      const length = readSync(handle, bytes, 0, MOST_BYTES, 0);
      return length < 4 ? undefined : bytes.subarray(0, length);
    } finally {
      closeSync(handle);
    }
  } catch {
    return undefined;
  }
}
