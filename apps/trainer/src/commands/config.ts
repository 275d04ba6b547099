import { UserError } from "@poeem/offline/errors";
import { nearest } from "@poeem/training/config/nearest";
import { configKeys, referenceText } from "@poeem/training/config/reference";

/**
 * `poeem config`: the keys of a `poeem.config.ts`.
 * @param wanted only this key, or this section; the last part of a key does
 * @throws UserError for a key that there is none of
 */
export function config(wanted: string | undefined): void {
  const keys = configKeys();
  const shown = keys.filter(
    ({ path }) =>
      wanted === undefined || path === wanted || path.startsWith(`${wanted}.`) || path.endsWith(`.${wanted}`),
  );
  if (shown.length === 0) {
    const paths = keys.map(({ path }) => path);
    const meant = nearest(wanted!, [...paths, ...paths.map((path) => path.split(".").at(-1)!)]);
    throw new UserError(
      `unknown key ${wanted}${meant ? `, did you mean ${meant}?` : ";"} \`poeem config\` prints all of them`,
    );
  }
  process.stdout.write(referenceText(shown, process.stdout.columns));
}
