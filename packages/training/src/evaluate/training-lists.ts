import { type Csr, CsrBuilder, joinLists, listOf } from "../data/csr.ts";
import type { Dataset, QuerySet } from "../data/types.ts";

/**
 * Items of each user (of each query text, in data without users) that a baseline may learn from: those of the training
 * and of the validation queries, without repeats. Order of users and of items: as they come.
 */
export function trainingLists({ train, validation }: Pick<Dataset, "train" | "validation">): Csr {
  const numberOf = new Map<string, number>();
  const sets = [train, validation];
  const owners = sets.map((set) =>
    Uint32Array.from({ length: set.count }, (_, query) => {
      const name = nameOf(set, query);
      const number = numberOf.get(name) ?? numberOf.size;
      numberOf.set(name, number);
      return number;
    }),
  );
  const lists = joinLists(numberOf.size, (visit) => {
    for (const [s, set] of sets.entries()) {
      for (let query = 0; query < set.count; query++) visit(owners[s]![query]!, listOf(set.relevant, query));
    }
  });
  return withoutRepeats(lists);
}

function nameOf(set: QuerySet, query: number): string {
  return set.users.length > 0 ? set.users[query]! : set.texts[query]!;
}

function withoutRepeats(lists: Csr): Csr {
  const unique = new CsrBuilder();
  for (let i = 0; i + 1 < lists.offsets.length; i++) {
    for (const item of new Set(listOf(lists, i))) unique.push(item);
    unique.end();
  }
  return unique.build();
}
