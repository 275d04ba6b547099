import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fnv1a32, normalForm, type TokenizerConfig, textFeatures, words } from "../src/index.ts";
import { random } from "./helpers.ts";
import { texts } from "./texts.ts";

const features = (text: string): Set<number> => new Set(textFeatures(text));
const word = (text: string): number => fnv1a32(`w${text}`);
const union = (...texts: string[]): Set<number> => new Set(texts.flatMap((text) => [...textFeatures(text)]));

describe("words", () => {
  it.each([
    ["iPhone红鞋0", ["iphone", "红鞋", "0"]],
    ["LEDライト", ["led", "ライト"]],
    ["KF94마스크", ["kf94", "마스크"]],
    ["12306铁路", ["12306", "铁路"]],
    ["USB-C充电器", ["usb", "c", "充电器"]],
    ["айфонтелефон手机", ["айфонтелефон", "手机"]],
    ["東京タワーの夜景", ["東京タワーの夜景"]],
    ["เคสiPhoneแดง", ["เคส", "iphone", "แดง"]],
    ["كابلUSB", ["كابل", "usb"]],
    ["آيفون15", ["آيفون15"]],
    ["Galaxy™ 2½ ５㎏", ["galaxy", "tm", "2", "1", "2", "5kg"]],
    ["❤️", ["❤"]],
    ["❤︎ x️y", ["❤", "xy"]],
    ["Schiff\u00adfahrt", ["schifffahrt"]],
    ["می\u200cخواهم", ["میخواهم"]],
    ["क्\u200dष", ["क्ष"]],
    ["\ufeffred\u2060 \u202eshoe\u202c", ["red", "shoe"]],
    ["\u0301lone \u0308marks \u20e3", ["lone", "marks"]],
    ["\u3164\u115f", []],
    ["ผ้า\u200bแดง", ["ผ้า", "แดง"]],
    ["1️⃣ #️⃣*️⃣", ["1", "1⃣", "#⃣", "*⃣"]],
    ["🇫🇷🇩🇪🇫", ["🇫🇷", "🇩🇪"]],
    ["🏴󠁧󠁢󠁳󠁣󠁴󠁿 🏴", ["🏴", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🏴"]],
    ["👍🏽 🏽", ["👍", "🏽", "🏽"]],
    ["👩🏽‍🚒", ["👩", "🏽", "🚒", "👩‍🚒"]],
    ["🏳️‍🌈", ["🏳", "🌈", "🏳‍🌈"]],
    ["İstanbul ΣΊΣΥΦΟΣ ŉ", ["istanbul", "σίσυφοσ", "n"]],
    ["كِتَابٌ العـــربية", ["كتاب", "العربية"]],
    ["שָׁלוֹם", ["שלום"]],
    ["٣٤ ۳۴ ३४ ３４ 𝟛𝟜", ["34", "34", "34", "34", "34"]],
    ["C++, C#; F♯ Ｃ＃ C++17 学习C++编程", ["c++", "c#", "f#", "c#", "c++", "17", "学习", "c++", "编程"]],
    ["wow!! a + b a+b foo#bar #tag item#5 x++y c+++", "wow a b a b foo bar tag item 5 x y c".split(" ")],
    ["foo#bar é x++y", ["foo", "bar", "é", "x", "y"]],
    ["обʼєкт об'єкт", ["об", "єкт", "об", "єкт"]],
  ])("of %j", (text, expected) => expect(words(text)).toEqual(expected));
});

describe("features", () => {
  it.each([
    ["iPhone红鞋", "iphone", "红鞋"],
    ["KF94마스크", "kf94", "마스크"],
    ["เคสiPhone", "เคส", "iphone"],
  ])("of %j are those of its parts, with a blank between them or without", (text, ...parts) => {
    expect(features(text)).toEqual(union(...parts));
    expect(features(parts.join(" "))).toEqual(union(...parts));
  });

  it.each([
    ["straße", "strasse"],
    ["smørrebrød", "smorrebrod"],
    ["łódź", "lodz"],
    ["ısı", "isi"],
    ["œuvre", "oeuvre"],
    ["ærø", "aero"],
    ["đường", "duong"],
    ["gâteau", "gateau"],
    ["أحمد", "احمد"],
    ["کتاب", "كتاب"],
    ["مدرسة", "مدرسه"],
  ])("of %j are those of %j and the word itself", (accented, plain) => {
    expect(features(accented)).toEqual(new Set([...features(plain), word(accented)]));
    expect(features(plain)).not.toContain(word(accented));
  });

  it.each([
    ["#️⃣", "*️⃣"],
    ["1️⃣", "2️⃣"],
    ["🇫🇷", "🇩🇪"],
    ["🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"],
    ["👍🏽", "👍"],
    ["👍🏽", "👍🏿"],
    ["👩‍🚒", "👩🚒"],
    ["C++", "C#"],
    ["C++", "C"],
  ])("of %j and %j are not the same", (a, b) => expect(features(a)).not.toEqual(features(b)));

  it.each([
    ["👍🏽", "👍"],
    ["👩‍🚒", "🚒"],
    ["1️⃣", "1"],
    ["🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🏴"],
    ["notepad++", "notepad"],
    ["c#", "c"],
  ])("of %j include the word of %j", (whole, part) => expect(features(whole)).toContain(word(part)));
});

const INVISIBLE = [
  "\ufe0f",
  "\ufe0e",
  "\u{e0100}",
  "\u00ad",
  "\u200c",
  "\u2060",
  "\ufeff",
  "\u200e",
  "\u202a",
  "\u034f",
];

describe("any text", () => {
  it("gives words that are not empty, hold no blank and begin with a letter, a digit or a picture", () => {
    for (const text of texts(4000, 1))
      for (const word of words(text))
        expect(word, JSON.stringify(text)).toMatch(
          /^(?:[\p{L}\p{N}\p{Extended_Pictographic}\p{Emoji_Modifier}\p{RI}]\S*|[#*]\u20e3)$/u,
        );
  });

  it("gives the words of two texts with a blank between them", () => {
    const [left, right] = [texts(3000, 2), texts(3000, 3)];
    for (const a of left) {
      const b = right.next().value!;
      expect(words(`${a} ${b}`), JSON.stringify([a, b])).toEqual([...words(a), ...words(b)]);
    }
  });

  it("gives the same features composed and decomposed", () => {
    for (const text of texts(4000, 4)) {
      const composed = textFeatures(text.normalize("NFC"));
      expect(textFeatures(text.normalize("NFD")), JSON.stringify(text)).toEqual(composed);
    }
  });

  it("gives the same features with something invisible in it, which also takes the long way", () => {
    const next = random(5);
    for (const text of texts(4000, 6)) {
      // a joiner or the tags of a flag are not invisible beside pictures, and two marks are ordered across nothing
      const points = Array.from(text.replace(/\u200d/g, ""));
      const expected = textFeatures(points.join(""));
      const at = Math.floor((next() + 0.5) * (points.length + 1));
      const invisible = INVISIBLE[Math.floor((next() + 0.5) * INVISIBLE.length)]!;
      expect(textFeatures(points.toSpliced(at, 0, invisible).join("")), JSON.stringify([text, at])).toEqual(expected);
    }
  });

  it("gives the same features in ASCII as the long way does", () => {
    const next = random(8);
    const ascii = Array.from("abcC19+++##.' -!");
    for (let trial = 0; trial < 3000; trial++) {
      const text = Array.from({ length: 9 }, () => ascii[Math.floor((next() + 0.5) * ascii.length)]).join("");
      expect(textFeatures(`${text}\u00ad`), text).toEqual(textFeatures(text));
    }
  });

  it("gives every code point the features of its forms", () => {
    // of Han and Hangul some
    for (let point = 0; point < 0x20000; point += point >= 0x3400 && point < 0xd7a3 ? 61 : 1) {
      if (point >= 0xd800 && point < 0xe000) continue;
      const text = String.fromCodePoint(point);
      const expected = words(text).join(" ");
      if (words(text.normalize("NFD")).join(" ") !== expected || words(`${text}\u00ad`).join(" ") !== expected)
        expect.fail(`U+${point.toString(16)}`);
    }
  });

  it("takes time that grows no faster than it", () => {
    const most = { version: 2, minGram: 3, maxGram: 4, maxChars: 1 << 16 };
    // each was quadratic in one way of writing the rules, or more words than a call takes arguments
    for (const part of ["\u0301\u0323", "👩\u200d", "🇫", "c++", "红a", "🏴\u{e0067}", "Σ'"])
      expect(textFeatures(`a${part.repeat(1 << 18)}`, most).length).toBeLessThan(1 << 19);
  });
});

describe("the normal form", () => {
  it.each([
    ["Straße!", "strasse"],
    ["  GÂTEAU   d’Anniversaire ", "gateau d'anniversaire"],
    ["ＦＵＬＬ width", "full-width"],
    ["iPhone红鞋", "IPHONE 红鞋"],
    ["Schiff\u00adfahrt", "schifffahrt"],
    ["€", " € \ufe0f"],
    ["", "\u200d"],
  ])("of %j and %j is the same", (a, b) => expect(normalForm(a)).toBe(normalForm(b)));

  it.each([
    ["C++", "C#"],
    ["€", "$"],
    ["🇫🇷", "🇩🇪"],
    ["red shoe", "shoe red"],
  ])("of %j and %j is not", (a, b) => expect(normalForm(a)).not.toBe(normalForm(b)));

  it("is its own normal form", () => {
    for (const text of texts(3000, 7)) {
      // a picture's parts follow one another as words, and would be taken apart again
      if (/[\u200d\u20e3\p{Extended_Pictographic}]/u.test(text)) continue;
      expect(normalForm(normalForm(text)), JSON.stringify(text)).toBe(normalForm(text));
    }
  });
});

describe("the rules of a version", () => {
  const configs: Record<string, TokenizerConfig> = {
    default: { minGram: 3, maxGram: 4, maxChars: 512 },
    short: { minGram: 2, maxGram: 2, maxChars: 12 },
    whole: { minGram: 3, maxGram: 0, maxChars: 64 },
  };

  // The first are of the code before there were versions (commit 068bcdb), features and words; each digest is
  // the number of features and the hash of their list.
  it.each([1, 2])("%i give for good what they gave", (version) => {
    const file = new URL(`../fixtures/words-v${version}.json`, import.meta.url);
    for (const { text, words: expected, ...digests } of JSON.parse(readFileSync(file, "utf8"))) {
      if (version === 2) expect(words(text), JSON.stringify(text)).toEqual(expected);
      for (const [name, digest] of Object.entries(digests)) {
        for (const versioned of version === 1
          ? [configs[name]!, { ...configs[name]!, version }]
          : [{ ...configs[name]!, version }]) {
          const hashes = textFeatures(text, versioned);
          expect(`${hashes.length}:${fnv1a32(hashes.join(",")).toString(16)}`, JSON.stringify(text)).toBe(digest);
        }
      }
    }
  });

  it("are refused when nobody knows them", () => {
    expect(() => textFeatures("red", { version: 3, minGram: 3, maxGram: 4, maxChars: 9 })).toThrow(
      '[towers] "version" expected 1 to 2, got 3',
    );
  });
});
