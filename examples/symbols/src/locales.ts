/**
 * The languages whose words find an emoji; README.md says why these. The order counts: where two languages share
 * a word for the same symbol, the event carries the one that comes first here.
 */
export const locales = [
  "en",
  "zh",
  "es",
  "hi",
  "ar",
  "pt",
  "fr",
  "ru",
  "id",
  "ja",
  "de",
  "bn",
  "tr",
  "vi",
  "ko",
  "fa",
  "it",
  "pl",
  "uk",
  "th",
  "nl",
  "zh-Hant",
  "el",
  "he",
  "sv",
  "cs",
] as const;
