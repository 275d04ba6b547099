/**
 * What a split by hash of the query holds out, and how much of it is trained on in another spelling: hashed as queries
 * are spelled, and by their normal form. Trains nothing.
 *
 *     npm run bench:spellings -- [--config examples/symbols/poeem.config.ts] [--data DIR]
 */
import { parseArgs } from "node:util";
import { loadConfig } from "@poeem/training/config";
import { isHeldOut } from "@poeem/training/data/hold-out";
import { loadData } from "@poeem/training/data/load";
import { queryForms } from "@poeem/training/data/query-forms";

const { values: flags } = parseArgs({
  options: { config: { type: "string", default: "examples/symbols/poeem.config.ts" }, data: { type: "string" } },
});
const { config, directory } = await loadConfig(flags.config);
const { events } = await loadData(config, directory, flags.data === undefined ? {} : { data: flags.data });
const { query } = events;
if (!query) throw new Error("expected events with a column of query texts");
const forms = queryForms(query);
const formOf = new Uint32Array(query.values.length);
query.numbers.forEach((number, event) => {
  formOf[number] = forms.numbers[event]!;
});

/** Counts over distinct queries as they are spelled, and over distinct pairs of one and an item. */
function count(isTest: (query: number) => boolean): Record<string, number> {
  const trainedForms = new Set<number>();
  const trainedPairs = new Set<string>();
  const pairs = new Map<string, [query: number, item: number]>();
  query!.numbers.forEach((number, event) => {
    pairs.set(`${number} ${events.item[event]}`, [number, events.item[event]!]);
  });
  for (const [number, item] of pairs.values()) {
    if (isTest(number)) continue;
    trainedForms.add(formOf[number]!);
    trainedPairs.add(`${formOf[number]} ${item}`);
  }
  const heldOut = [...query!.values.keys()].filter(isTest);
  const heldOutPairs = [...pairs.values()].filter(([number]) => isTest(number));
  return {
    heldOut: heldOut.length,
    alsoTrained: heldOut.filter((number) => trainedForms.has(formOf[number]!)).length,
    pairs: heldOutPairs.length,
    pairsAlsoTrained: heldOutPairs.filter(([number, item]) => trainedPairs.has(`${formOf[number]} ${item}`)).length,
  };
}

const { testModulus } = config.split;
console.log(`${query.values.length} distinct queries of ${forms.values.length} normal forms`);
const asSpelled = (number: number): boolean => isHeldOut(query.values[number]!, testModulus);
const byForm = (number: number): boolean => isHeldOut(forms.values[formOf[number]!]!, testModulus);
console.table({ "as spelled": count(asSpelled), "by normal form": count(byForm) });
const both = [...query.values.keys()].filter((number) => asSpelled(number) && byForm(number));
console.log(`${both.length} queries are held out either way`);
