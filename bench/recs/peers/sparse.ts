/** Bytes of a value of a sparse matrix: half precision. */
const VALUE_BYTES = 2;

/** Bytes of the number of one of `count` things. */
const numberBytes = (count: number): number => (count <= 1 << 8 ? 1 : count <= 1 << 16 ? 2 : 4);

/** Bytes of an entry of a sparse row: its column, one of `columns`, and its value. Where rows start is not counted. */
export const entryBytes = (columns: number): number => numberBytes(columns) + VALUE_BYTES;

/** Most entries per row that so many bytes hold; 0 where not even one fits. */
export const entriesIn = (bytes: number, columns: number): number =>
  Math.min(columns, Math.floor(bytes / entryBytes(columns)));

/** How an entry is counted, in words. */
export const countedEntries = (columns: number): string =>
  `${numberBytes(columns)} B a column number, ${VALUE_BYTES} B a value`;
