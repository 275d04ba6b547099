import { random } from "./helpers.ts";

const SCRIPTS = [
  "abcdefghijklmnopqrstuvwxyz",
  "ABCIKSZ0123456789",
  "àâçéèêëñöüßøłđæœıİğşțőÅ",
  "αβγδΣςάΐ",
  "абвёйЇҐ",
  "红鞋铁路々",
  "ひらガギーｱﾞ",
  "마스크각",
  "กขคแดง้ำ",
  "كتابأإآئؤةىی٣۴",
  "שלוםאב",
  "कखगिाॐ३",
  "🎂❤👍👩🚒🏳🏴",
];
/** Marks, joiners, signs, blanks: what comes between letters. */
const BETWEEN = Array.from(
  " \u0301\u0323\u0308\u064e\u05b8\u093f\u3099\ufe0f\u200d\u200c\u00ad\u2060\u20e3\u{1f3fd}\u{1f1eb}\u{1f1f7}\u200b" +
    ".+#'-™½①\t",
);

/** Texts of many scripts, the same for the same seed. */
export function* texts(count: number, seed: number): Generator<string> {
  const next = random(seed);
  const pick = <T>(list: ArrayLike<T>): T => list[Math.floor((next() + 0.5) * list.length)]!;
  for (let i = 0; i < count; i++) {
    let script = Array.from(pick(SCRIPTS));
    yield Array.from({ length: 1 + Math.floor((next() + 0.5) * 14) }, () => {
      if (next() < -0.3) script = Array.from(pick(SCRIPTS));
      return next() < 0.2 ? pick(script) : pick(BETWEEN);
    }).join("");
  }
}
