/** Keys that earlier versions had, by section: indexes keep them in their configuration, and so do files. */
const RETIRED: Readonly<Record<string, readonly string[]>> = {
  index: ["distortion"],
  training: ["codebookLearningRate"],
};

/** Those of them that a configuration has, such as "index.distortion". */
export function retiredKeys(input: unknown): string[] {
  const keys = Object.entries(RETIRED).flatMap(([section, names]) => names.map((name) => ({ section, name })));
  return keys
    .filter(({ section, name }) => isRecord(input) && isRecord(input[section]) && name in input[section])
    .map(({ section, name }) => `${section}.${name}`);
}

/** A configuration of an earlier version, without the keys that mean nothing any more. */
export function withoutRetired(input: unknown): unknown {
  if (!isRecord(input)) return input;
  const kept = Object.entries(input).map(([section, value]) => {
    if (!isRecord(value)) return [section, value];
    return [section, Object.fromEntries(Object.entries(value).filter(([key]) => !RETIRED[section]?.includes(key)))];
  });
  return Object.fromEntries(kept);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
