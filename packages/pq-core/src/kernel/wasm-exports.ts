/** What src/kernel/assembly/kernel.as.ts exports; all addresses are byte offsets into `memory`. */
export interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  configure(...values: number[]): void;
  split(blocks: number): void;
  setQuery(): void;
  prepare(count: number, queriesAt: number, roomAt: number, kept: number): void;
  useQuery(at: number): void;
  probe(nprobe: number, sizesAt: number, heapAt: number, cellsAt: number, scoresAt: number): number;
  begin(k: number, maxBias: number, floor: number, heapAt: number): void;
  scan(start: number, end: number, ordinal: number, bias: number, maskAt: number, blocksAt: number): void;
  flush(): void;
  scores(count: number, positionsAt: number, biasesAt: number, outAt: number, blocksAt: number): void;
  finish(ordinalsAt: number, scoresAt: number): number;
  rank(count: number, stretchesAt: number, k: number, floor: number, ...at: number[]): number;
  scoresByEach(numQueries: number, queriesAt: number, step: number, count: number, ...at: number[]): void;
  search(
    nprobe: number,
    k: number,
    sizesAt: number,
    heapAt: number,
    cellsAt: number,
    biasesAt: number,
    ordinalsAt: number,
    scoresAt: number,
    offsetsAt: number,
    blocksAt: number,
  ): number;
  shortlist(count: number, queriesAt: number, step: number, nprobe: number, ...rest: number[]): number;
  leastTerm(): number;
  visited(): number;
  summit(): number;
  summitMagnitude(): number;
  isRelaxed(): number;
}
