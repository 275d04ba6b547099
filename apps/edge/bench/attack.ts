/**
 * `npm run bench:attack -w @poeem/edge [-- --items 1000000] [--only 'zeros|paged'] [--dearest 150] [--json]`: the built
 * Worker in workerd under attack, one row for each kind of `attacks.ts`: what it costs until it is answered or refused.
 * Then `--dearest` requests of `dearest.ts`, which looks for the dearest one that is still answered. `--built DIR`
 * takes the build of another checkout. `--paged 10000000` makes the paged index larger, which takes 4 GB and some
 * minutes: its reads of KV are what counts there, so `--only paged` goes with it.
 */
import { parseArgs } from "node:util";
import { ATTACKS, type Target } from "./attacks.ts";
import { type Cost, costOf } from "./cost.ts";
import { findDearest } from "./dearest.ts";
import { planOf, serve } from "./targets.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    items: { type: "string", default: "1000000" },
    paged: { type: "string", default: "3000000" },
    only: { type: "string", default: "" },
    dearest: { type: "string", default: "150" },
    built: { type: "string" },
  },
});
const tries = Number(values.dearest);
const log = (line: string) => values.json || console.log(line);
const wanted = ATTACKS.filter(({ name }) => new RegExp(values.only).test(name));
const rows: (Cost & { readonly attack: string })[] = [];
const dearest: Record<string, unknown> = {};

for (const target of new Set(wanted.map((attack) => attack.target))) {
  const plan = planOf(target, Number(values.items), Number(values.paged));
  const { worker, catalogue, items } = await serve(target, plan, { ...(values.built && { built: values.built }) });
  try {
    for (const { name, requests } of wanted.filter((attack) => attack.target === target)) {
      const row = { attack: name, ...(await costOf(worker, requests(catalogue, items))) };
      rows.push(row);
      log(JSON.stringify(row));
    }
    const isSearched = tries > 0 && (["codes", "words", "paged"] satisfies Target[] as Target[]).includes(target);
    if (!isSearched) continue;
    dearest[target] = await findDearest(worker, catalogue, plan, tries, log);
    log(JSON.stringify({ target, ...(dearest[target] as object) }, null, 2));
  } finally {
    await worker.stop();
  }
}

if (values.json) console.log(JSON.stringify({ ...values, rows, dearest }));
else console.table(rows.map(({ refusal, ...row }) => row));
