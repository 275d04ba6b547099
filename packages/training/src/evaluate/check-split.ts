import { UserError } from "@poeem/offline/errors";
import type { Manifest } from "@poeem/pq-core";
import type { PoeemConfig } from "../config.ts";
import { eventSources } from "../data/event-sources.ts";
import { type DataHashes, dataDifference } from "../data/hash.ts";
import type { LoadedData } from "../data/load.ts";
import type { Dataset } from "../data/types.ts";

const MAY_BE_SEEN = "held-out queries may have been trained on";

/** What is compared, as messages call it. */
export interface Names {
  /** Of the index. */
  readonly folder: string;
  /** Of the configuration. */
  readonly file: string;
}

type TrainingFacts =
  | { dataHash?: string; dataHashes?: DataHashes; heldOutHash?: string; config?: PoeemConfig }
  | undefined;

/** The configuration that an index was trained with; undefined where it was made otherwise. */
export const trainedConfig = ({ training }: Manifest): PoeemConfig | undefined => (training as TrainingFacts)?.config;

/** Another split would call queries held out that were trained on. */
export function checkSplit(manifest: Manifest, config: PoeemConfig, { folder, file }: Names): void {
  const trained = trainedConfig(manifest);
  if (trained === undefined) throw new UserError(`${folder} was not made by \`poeem train\`: its split is not known`);
  const [before, now] = [splitOf(trained), splitOf(config)];
  for (const name of Object.keys(now)) {
    if (before[name] === now[name]) continue;
    const then = before[name] === undefined ? `without ${name}` : `with ${name} ${before[name]}`;
    throw new UserError(`${folder} was trained ${then}, ${file} says ${now[name] ?? "nothing"}: ${MAY_BE_SEEN}`);
  }
}

/** What a configuration says of the split, by its keys, as JSON; the rows of its SQL count as data. */
function splitOf({ split, data }: PoeemConfig): Record<string, string | undefined> {
  const { by, columns, testModulus, share, column } = split;
  const given = (sql: string | undefined) => (sql === undefined ? undefined : "given");
  const said = {
    "split.by": by,
    "split.columns": columns,
    "split.testModulus": testModulus,
    "split.share": share,
    "split.column": column,
    "data.events": given(data.events),
    "data.test": given(data.test),
    "data.validation": given(data.validation),
    "data.history": given(data.history),
  };
  return Object.fromEntries(Object.entries(said).map(([key, value]) => [key, JSON.stringify(value)]));
}

/** What is held out here against what was then: versions of the trainer differ in what they call one query. */
export function checkHeldOut({ training }: Manifest, { heldOutHash }: Dataset, { folder }: Names): void {
  if ((training as TrainingFacts)?.heldOutHash === heldOutHash) return;
  throw new UserError(`${folder} was trained by a version of poeem that holds out other queries: ${MAY_BE_SEEN}`);
}

/** Other data has other held-out queries. */
export function checkData(
  { training }: Manifest,
  raw: Pick<LoadedData, "hash" | "hashes">,
  config: PoeemConfig,
  { folder, file }: Names,
): void {
  const trained = training as TrainingFacts;
  if (trained?.dataHash === raw.hash) return;
  const difference = dataDifference(trained?.dataHashes, raw.hashes, eventSources(config).join(" or "));
  throw new UserError(`${folder} was trained on other data than ${file} names: ${difference}; ${MAY_BE_SEEN}`);
}
