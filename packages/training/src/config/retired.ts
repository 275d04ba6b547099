/** Keys that earlier versions had, by section; indexes keep them in their configuration. */
const RETIRED: Readonly<Record<string, readonly string[]>> = {
  index: ["distortion"],
  training: ["codebookLearningRate"],
};

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
