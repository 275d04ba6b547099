/**
 * CLDR's annotation keys drop U+FE0F, the emoji presentation selector. Without it ❤ is drawn as text on most systems,
 * so put it back wherever Unicode's list of recommended emoji (RGI, as the JavaScript engine knows it) wants it.
 * @returns the fully qualified emoji, or null when no placement makes a recommended emoji.
 */
export function qualifyEmoji(key: string): string | null {
  if (isEmoji(key)) return key;
  const codePoints = [...key];
  const textByDefault = codePoints.flatMap((c, i) =>
    /^\p{Emoji}$/u.test(c) && !/^\p{Emoji_Presentation}$/u.test(c) ? [i] : [],
  );
  // At most four such code points in any emoji: try every subset, fewest bits first by value.
  for (let subset = 1; subset < 1 << textByDefault.length; subset++) {
    const candidate = codePoints
      .map((c, i) => (subset & (1 << textByDefault.indexOf(i)) && textByDefault.includes(i) ? `${c}\uFE0F` : c))
      .join("");
    if (isEmoji(candidate)) return candidate;
  }
  return null;
}

export function isEmoji(text: string): boolean {
  return /^\p{RGI_Emoji}$/v.test(text);
}

/** `1f468-200d-1f33e` of 👨‍🌾: the code points in hex, as file names of emoji fonts have them. */
export function codePointName(glyph: string): string {
  return [...glyph].map((c) => c.codePointAt(0)!.toString(16)).join("-");
}
