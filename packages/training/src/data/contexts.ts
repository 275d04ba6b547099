import { type Csr, CsrBuilder } from "./csr.ts";
import { SIDE } from "./side.ts";
import { type EventTable, NONE } from "./types.ts";

/** The context table: one row per column and value that occurs in training. What is only held out has no row. */
export interface ContextTable {
  /** What each row stands for, as "column\tvalue". */
  readonly names: readonly string[];
  /** Row of each value of each context column, `NONE` where it has none. */
  readonly rows: readonly Uint32Array[];
}

/** The context table of the training events. */
export function contextTable(events: EventTable, sides: Uint8Array): ContextTable {
  const names: string[] = [];
  const rows = events.contexts.map(({ name, values, numbers }) => {
    const rowOf = new Uint32Array(values.length).fill(NONE);
    for (let event = 0; event < sides.length; event++) {
      const value = numbers[event]!;
      if (sides[event] !== SIDE.train || value === NONE || rowOf[value] !== NONE) continue;
      rowOf[value] = names.length;
      names.push(`${name}\t${values[value]}`);
    }
    return rowOf;
  });
  return { names, rows };
}

/** Rows of the context table of some events, one list each. */
export function contextRows(events: EventTable, table: ContextTable, positions: Uint32Array): Csr {
  const lists = new CsrBuilder();
  for (const position of positions) {
    events.contexts.forEach(({ numbers }, column) => {
      const value = numbers[position]!;
      const row = value === NONE ? NONE : table.rows[column]![value]!;
      if (row !== NONE) lists.push(row);
    });
    lists.end();
  }
  return lists.build();
}
