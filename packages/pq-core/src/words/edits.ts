/**
 * Whether two words are one edit apart: one code unit more, less or another, or two neighbours that changed places
 * (Damerau 1964). False for a word and itself.
 */
export function isOneEdit(a: string, b: string): boolean {
  if (a.length > b.length) return isOneEdit(b, a);
  const n = a.length;
  const longer = b.length - n;
  if (longer > 1) return false;
  let i = 0;
  while (i < n && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  if (longer === 1) return hasSameRest(a, i, b, i + 1);
  if (i === n) return false;
  if (hasSameRest(a, i + 1, b, i + 1)) return true;
  const isSwap = a.charCodeAt(i) === b.charCodeAt(i + 1) && a.charCodeAt(i + 1) === b.charCodeAt(i);
  return isSwap && hasSameRest(a, i + 2, b, i + 2);
}

function hasSameRest(a: string, i: number, b: string, j: number): boolean {
  while (i < a.length) if (a.charCodeAt(i++) !== b.charCodeAt(j++)) return false;
  return j === b.length;
}

/** All words that two neighbours of a word changing places make, but for the word itself. */
export function* swaps(word: string): Generator<string> {
  for (let i = 0; i + 1 < word.length; i++)
    if (word[i] !== word[i + 1]) yield word.slice(0, i) + word[i + 1] + word[i] + word.slice(i + 2);
}
