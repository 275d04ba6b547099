import { makeCatalogue } from "./catalogue.ts";
import { cpuOfChildren } from "./inspector.ts";
import { startWorker } from "./worker.ts";
const n = Number(process.argv[2] ?? 100000);
const c = await makeCatalogue(n, { texts: true }); const p = await makeCatalogue(n, { texts: true, words: false });
const q = encodeURIComponent(c.text!(1));
const rows: Record<string, number[][]> = {};
for (let r = 0; r < 7; r++) for (const [name, cat, mode] of [["plain", p, "dense"], ["words-dense", c, "dense"], ["words-hybrid", c, "hybrid"], ["words-words", c, "words"]] as const) {
  const w = await startWorker(); await w.publish(cat.artifact);
  const b = cpuOfChildren("workerd"); const { ms } = await w.ask(`/search?q=${q}&mode=${mode}&nprobe=8`); const cpu = cpuOfChildren("workerd") - b;
  const s = (await w.ask(`/search?q=${q}&mode=${mode}&nprobe=8`)).ms;
  (rows[name] ??= []).push([ms, cpu, s]); await w.stop();
}
for (const [name, all] of Object.entries(rows)) console.log(name, [0, 1, 2].map((i) => all.map((x) => x[i]!).sort((a, b) => a - b)[3]!.toFixed(1)).join("  "));
