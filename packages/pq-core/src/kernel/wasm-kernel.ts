import type { Codebook } from "../codebook/codebook.ts";
import { typeError } from "../errors.ts";
import { blockBytes, hasTerms, type TermRange, termsOffset } from "./blocks.ts";
import { coarseTerms } from "./distance-table.ts";
import type { AdcKernel, Cells, KernelFactory, Ranking } from "./kernel.ts";
import type { KernelExports } from "./wasm-exports.ts";

/** Rows of centroids that one SIMD step handles together. */
const TILE = 16;
const PAGE = 65_536;
/** Address of the distance table; a constant of src/kernel/assembly/shape.as.ts. */
const TABLE = 4096;
/** Of what `rank` is given for each stretch: a constant of src/kernel/assembly/kernel.as.ts. */
const STRETCH_BYTES = 16;
/** Of what src/kernel/assembly/summary.as.ts knows of a query, before a number for each row. */
const SUMS_BYTES = 48;
/** Prepared queries take no more than this: the kernel never gives memory back. */
const MAX_PREPARED_BYTES = 1024 * 1024;
/** A longer shortlist takes too much room in one call. */
const MOST_SHORTLISTED = 1024;
/** Room for the blocks that src/kernel/assembly/collect4.as.ts keeps: four minima and a record each. */
const COLLECT_BYTES = 512 * 4 + 16 + 512 * 48;

/** A module of one function, () → v128: two splats and i8x16.relaxed_swizzle. */
const RELAXED_PROBE = [
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b, 0x03, 0x02, 0x01, 0x00],
  ...[0x0a, 0x0f, 0x01, 0x0d, 0x00, 0x41, 0x00, 0xfd, 0x0f, 0x41, 0x00, 0xfd, 0x0f, 0xfd, 0x80, 0x02, 0x0b],
];

/** Which build this engine can compile: kernel-relaxed.wasm when true (Node 22, workerd, browsers of today). */
export function supportsRelaxedSimd(): boolean {
  return WebAssembly.validate(Uint8Array.from(RELAXED_PROBE));
}

/**
 * Makes kernels from a compiled module. Workers refuse to compile bytes, so a module is taken, never bytes:
 * `import module from "@poeem/pq-core/kernel.wasm"` there, `new WebAssembly.Module(bytes)` in Node.
 *
 * @throws TypeError when `module` is not a module
 */
export function loadKernel(module: WebAssembly.Module): KernelFactory {
  if (!(module instanceof WebAssembly.Module)) throw typeError("kernelModule", "a WebAssembly.Module", module);
  return (codebook, range) => makeKernel(module, codebook, range);
}

/** A stretch of the kernel's memory. */
interface Region {
  readonly at: number;
  readonly bytes: number;
}

function makeKernel(module: WebAssembly.Module, codebook: Codebook, range: TermRange): AdcKernel {
  // The kernel imports nothing: all it can touch is its own memory.
  const wasm = new WebAssembly.Instance(module, {}).exports as unknown as KernelExports;
  const { memory } = wasm;
  const { dim, nlist, numSubQuantizers: M, numCentroids, subDim, metric, rotation, byResidual } = codebook;
  const blockSize = blockBytes(codebook);
  let end = TABLE;
  let u32 = new Uint32Array(memory.buffer);
  let f32 = new Float32Array(memory.buffer);
  let blocks: Region = { at: 0, bytes: 0 };
  /** The first halves of all blocks come first. */
  let isSplit = false;
  /** Heap of the ranking, then its sorted ordinals and scores; or positions, biases and scores of single items. */
  let scratch = blocks;
  let masks = blocks;
  /** Copy of the list offsets that were given last. */
  let lists = blocks;
  let knownOffsets: Uint32Array | undefined;
  /** Copy of the sizes that `probe` or `search` was given last. */
  let cellSizes = blocks;
  let knownSizes: Uint32Array | undefined;
  let kept = 0;
  /** Queries that `prepare` was given last, and then table and products of each. */
  let prepared = blocks;
  let preparedAt = 0;
  let numPrepared = 0;
  /** Stretches of a ranking as the kernel reads them. */
  let plan = blocks;
  /** (cells) address of the mask of each, 0 = none: all are between two shortlists. */
  let maskAddresses = blocks;

  const pad = (n: number): number => Math.ceil(n / TILE) * TILE;
  const allocate = (bytes: number): number => {
    const at = end;
    end = Math.ceil((at + bytes) / 64) * 64;
    const missing = end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
    // Growing detaches the old buffer and the views on it.
    if (u32.buffer !== memory.buffer) {
      u32 = new Uint32Array(memory.buffer);
      f32 = new Float32Array(memory.buffer);
    }
    return at;
  };
  // Doubling, because what is given up is not used again.
  const room = (region: Region, bytes: number): Region =>
    region.bytes >= bytes ? region : { at: allocate(bytes * 2), bytes: bytes * 2 };
  /** Where the kernel finds the sizes of the cells; 0 when none is empty. */
  const sizesAt = ({ sizes, numFilled }: Cells): number => {
    if (numFilled === sizes.length) return 0;
    if (sizes !== knownSizes) {
      cellSizes = room(cellSizes, sizes.length * 4);
      u32.set(sizes, cellSizes.at / 4);
      knownSizes = sizes;
    }
    return cellSizes.at;
  };
  /** Where the kernel finds the offsets of the lists. */
  const offsetsAt = (offsets: Uint32Array): number => {
    if (offsets !== knownOffsets) {
      lists = room(lists, offsets.length * 4);
      u32.set(offsets, lists.at / 4);
      knownOffsets = offsets;
    }
    return lists.at;
  };
  /** What `finish` writes behind the heap. */
  const rankingOf = (finish: (ordinalsAt: number, scoresAt: number) => number): Ranking => {
    const at = scratch.at / 4 + kept * 2;
    const n = finish(at * 4, (at + kept) * 4);
    return { ordinals: u32.subarray(at, at + n), scores: f32.subarray(at + kept, at + kept + n) };
  };
  const bytesAt = ({ at, bytes }: Region): Uint8Array => new Uint8Array(memory.buffer, at, bytes);
  /** Centroids (rows, size) as tiles of 16 rows, each (size, 16), so that a SIMD lane holds one centroid. */
  const writeTiles = (rows: Float32Array, count: number, size: number): number => {
    const at = allocate(pad(count) * size * 4);
    for (let r = 0; r < count; r++) {
      const tile = at / 4 + Math.floor(r / TILE) * TILE * size + (r % TILE);
      for (let d = 0; d < size; d++) f32[tile + d * TILE] = rows[r * size + d]!;
    }
    return at;
  };

  // The table comes first, at TABLE, with one row more than sub-quantizers, for the bounds of the term.
  allocate((M + 1) * numCentroids * 4);
  const rotationAt = rotation === undefined ? 0 : writeTiles(transpose(rotation, dim), dim, dim);
  const coarseAt = writeTiles(codebook.coarseCentroids, nlist, dim);
  const codebookAt = writeTiles(codebook.centroids, M * numCentroids, subDim);
  const termsAt = allocate(pad(nlist) * 4);
  f32.set(coarseTerms(codebook), termsAt / 4);
  const queryAt = allocate(pad(dim) * 4);
  const rotatedAt = allocate(pad(dim) * 4 * 2);
  const productsAt = allocate(pad(nlist) * 4);
  const spreadAt = codebook.cellSpread === undefined ? 0 : allocate(pad(nlist) * 4);
  const tableBytesAt = allocate((M + 1) * TILE);
  const collectAt = allocate(COLLECT_BYTES);
  // 16 bytes at a time are read and written.
  const summaryBytes = Math.ceil((SUMS_BYTES + M * 4) / 16) * 16;
  const summaryAt = allocate(summaryBytes);
  const tableLength = (M + 1) * numCentroids;
  const preparedBytes = (tableLength + pad(nlist)) * 4 + summaryBytes;
  const termMode = !hasTerms(codebook) ? 0 : metric === "l2" ? 1 : 2;
  wasm.configure(
    ...[dim, pad(nlist) / TILE, nlist, M, numCentroids / TILE, subDim, termMode, blockSize, termsOffset(codebook)],
    ...[rotationAt, coarseAt, termsAt, codebookAt, queryAt, rotatedAt, productsAt, summaryAt, tableBytesAt, collectAt],
    ...[range.min, (range.max - range.min) / 16, Number(byResidual), spreadAt],
  );

  return {
    range,
    name: wasm.isRelaxed() ? "relaxed-simd" : "simd",
    load(bytes, at, count) {
      // What is collected points at blocks that may be overwritten now.
      wasm.flush();
      const size = count * blockSize;
      if (blocks.bytes < size) {
        const old = blocks;
        blocks = { at: allocate(size), bytes: size };
        bytesAt(blocks).set(bytesAt(old));
      }
      bytesAt(blocks).set(bytes, at * blockSize);
    },
    keep(bytes, at, count) {
      if (termMode !== 0 || numCentroids !== TILE || M % 8 !== 0) return this.load(bytes, at, count);
      if (blocks.bytes === 0) {
        blocks = { at: allocate(count * blockSize), bytes: count * blockSize };
        wasm.split(count);
      }
      const size = blockSize / 2;
      const room = bytesAt(blocks);
      const second = blocks.bytes / 2;
      for (let from = 0, to = at * size; from < bytes.length; from += blockSize, to += size) {
        room.set(bytes.subarray(from, from + size), to);
        room.set(bytes.subarray(from + size, from + blockSize), second + to);
      }
      isSplit = true;
    },
    block(at) {
      const room = bytesAt(blocks);
      if (!isSplit) return room.slice(at * blockSize, (at + 1) * blockSize);
      const size = blockSize / 2;
      const second = blocks.bytes / 2 + at * size;
      const block = new Uint8Array(blockSize);
      block.set(room.subarray(at * size, (at + 1) * size));
      block.set(room.subarray(second, second + size), size);
      return block;
    },
    setQuery(query) {
      f32.set(query, queryAt / 4);
      wasm.setQuery();
      // A copy: the search reads it while heap and masks get their room, and memory that grows detaches every view on
      // it.
      return f32.slice(productsAt / 4, productsAt / 4 + nlist);
    },
    prepare(queries) {
      const padded = pad(dim) * 4;
      const bytes = queries.length * (padded + preparedBytes);
      if (bytes > MAX_PREPARED_BYTES) return false;
      prepared = room(prepared, bytes);
      for (const [h, query] of queries.entries()) f32.set(query, (prepared.at + h * padded) / 4);
      preparedAt = prepared.at + queries.length * padded;
      wasm.prepare(queries.length, prepared.at, preparedAt, preparedBytes);
      numPrepared = queries.length;
      return true;
    },
    useQuery(h) {
      const at = preparedAt + h * preparedBytes;
      wasm.useQuery(at);
      const products = at / 4 + tableLength;
      return f32.subarray(products, products + nlist);
    },
    probe(nprobe, cells) {
      const most = Math.min(nprobe, cells.numFilled);
      const at = sizesAt(cells);
      scratch = room(scratch, most * 16);
      const cellsAt = scratch.at + most * 8;
      const n = wasm.probe(most, at, scratch.at, cellsAt, cellsAt + most * 4);
      return u32.slice(cellsAt / 4, cellsAt / 4 + n);
    },
    scores(positions, biases) {
      const n = positions.length;
      scratch = room(scratch, n * 12);
      const { at } = scratch;
      u32.set(positions, at / 4);
      f32.set(biases, at / 4 + n);
      wasm.scores(n, at, at + n * 4, at + n * 8, blocks.at);
      return f32.subarray(at / 4 + 2 * n, at / 4 + 3 * n);
    },
    begin(k, maxBias, floor) {
      scratch = room(scratch, k * 16);
      kept = k;
      wasm.begin(k, maxBias, floor, scratch.at);
    },
    scan(start, stop, ordinal, bias, mask) {
      if (mask !== undefined) {
        masks = room(masks, mask.length * 4);
        u32.set(mask, masks.at / 4);
      }
      wasm.scan(start, stop, ordinal, bias, mask === undefined ? 0 : masks.at, blocks.at);
    },
    finish: () => rankingOf(wasm.finish),
    rank(stretches, biases, k, floor) {
      let words = 0;
      for (const { mask } of stretches) words += mask?.length ?? 0;
      masks = room(masks, words * 4);
      plan = room(plan, stretches.length * STRETCH_BYTES);
      scratch = room(scratch, k * 16);
      let at = plan.at / 4;
      let maskAt = masks.at;
      for (let i = 0; i < stretches.length; i++) {
        const { start, end, mask } = stretches[i]!;
        u32[at] = start;
        u32[at + 1] = end;
        u32[at + 2] = mask === undefined ? 0 : maskAt;
        f32[at + 3] = biases[i]!;
        at += STRETCH_BYTES / 4;
        if (mask === undefined) continue;
        u32.set(mask, maskAt / 4);
        maskAt += mask.length * 4;
      }
      kept = k;
      return rankingOf((ordinalsAt, scoresAt) =>
        wasm.rank(stretches.length, plan.at, k, floor, scratch.at, ordinalsAt, scoresAt, blocks.at),
      );
    },
    scoresByEach(positions, cells) {
      if (numCentroids !== TILE) return undefined;
      const n = positions.length;
      const tableBytes = M * TILE * 16 + Math.ceil((n * M) / 4) * 4;
      scratch = room(scratch, tableBytes + n * (8 + 4 * numPrepared));
      const positionsAt = scratch.at + tableBytes;
      const cellsAt = positionsAt + n * 4;
      const outAt = cellsAt + n * 4;
      u32.set(positions, positionsAt / 4);
      u32.set(cells, cellsAt / 4);
      wasm.scoresByEach(numPrepared, preparedAt, preparedBytes, n, positionsAt, cellsAt, scratch.at, outAt, blocks.at);
      return f32.subarray(outAt / 4, outAt / 4 + n * numPrepared);
    },
    shortlist({ offsets, cells, nprobe, size, temperature, logWeights, shifts, masks: byCell }) {
      if (numCentroids !== TILE || nlist === 0 || size > MOST_SHORTLISTED) return undefined;
      const count = numPrepared;
      const most = Math.min(nprobe, cells.numFilled);
      const sizes = sizesAt(cells);
      const listsAt = offsetsAt(offsets);
      let words = 0;
      for (const mask of byCell.values()) words += mask.length;
      masks = room(masks, words * 4);
      maskAddresses = room(maskAddresses, nlist * 4);
      plan = room(plan, count * most * STRETCH_BYTES);
      const listed = 2 * count * size + 1;
      const slots = 2 ** Math.ceil(Math.log2(16 * size));
      const heapBytes = (Math.max(most, size + 1) + size) * 8;
      const weightsBytes = count * 16;
      scratch = room(scratch, weightsBytes + heapBytes + (slots + listed * 2 + 2 * count + count * most) * 4);
      const heapAt = scratch.at + weightsBytes;
      const seenAt = heapAt + heapBytes;
      const foundAt = seenAt + slots * 4;
      const cellsAt = foundAt + (listed * 2 + 2 * count) * 4;
      const weights = new Float64Array(memory.buffer, scratch.at, count * 2);
      for (let h = 0; h < count; h++) {
        weights[h * 2] = logWeights[h]!;
        weights[h * 2 + 1] = shifts[h]!;
      }
      let maskAt = masks.at;
      for (const [cell, mask] of byCell) {
        u32[maskAddresses.at / 4 + cell] = maskAt;
        u32.set(mask, maskAt / 4);
        maskAt += mask.length * 4;
      }
      const n = wasm.shortlist(
        ...([count, preparedAt, preparedBytes, most, sizes, size, temperature, scratch.at, listsAt] as const),
        ...[maskAddresses.at, cellsAt, plan.at, heapAt, seenAt, slots, foundAt, blocks.at],
      );
      for (const cell of byCell.keys()) u32[maskAddresses.at / 4 + cell] = 0;
      if (n === 0) return undefined;
      const rankings: [number, Ranking][] = [];
      const counts = foundAt / 4 + listed * 2;
      for (let i = 0, at = foundAt / 4; i < 2 * count; i++) {
        const end = at + u32[counts + i]!;
        if (end > at)
          rankings.push([
            i % count,
            { ordinals: u32.subarray(at, end), scores: f32.subarray(at + listed, end + listed) },
          ]);
        at = end;
      }
      return { rankings, least: wasm.leastTerm(), probed: u32.subarray(cellsAt / 4, cellsAt / 4 + count * n) };
    },
    summit: () => ({ best: wasm.summit(), magnitude: wasm.summitMagnitude() }),
    search(query, offsets, cells, nprobe, k) {
      const most = nlist === 0 ? 1 : Math.min(nprobe, cells.numFilled);
      const sizes = sizesAt(cells);
      const listsAt = offsetsAt(offsets);
      const heapBytes = Math.max(most, k) * 8;
      scratch = room(scratch, heapBytes + (most + k) * 8);
      const cellsAt = scratch.at + heapBytes;
      const ordinalsAt = cellsAt + most * 8;
      const scoresAt = ordinalsAt + k * 4;
      f32.set(query, queryAt / 4);
      const n = wasm.search(
        ...([
          most,
          k,
          sizes,
          scratch.at,
          cellsAt,
          cellsAt + most * 4,
          ordinalsAt,
          scoresAt,
          listsAt,
          blocks.at,
        ] as const),
      );
      const listsProbed = wasm.visited();
      let codesScanned = 0;
      for (let i = 0; i < listsProbed; i++) {
        const cell = u32[cellsAt / 4 + i]!;
        codesScanned += offsets[cell + 1]! - offsets[cell]!;
      }
      return {
        ordinals: u32.subarray(ordinalsAt / 4, ordinalsAt / 4 + n),
        scores: f32.subarray(scoresAt / 4, scoresAt / 4 + n),
        listsProbed,
        codesScanned,
      };
    },
  };
}

function transpose(matrix: Float32Array, dim: number): Float32Array {
  return matrix.map((_, at) => matrix[(at % dim) * dim + Math.floor(at / dim)]!);
}
