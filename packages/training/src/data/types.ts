import type { NumberColumn, TokenizerConfig } from "@poeem/towers";
import type { Csr } from "./csr.ts";
import type { Texts } from "./text-list.ts";

/** Queries that are ranked, by number: any mix of text, history and context, the same mix in a data set. */
export interface QuerySet {
  readonly count: number;
  /** Text of each query; empty when the model reads no text. Two queries may share a text when there are users too. */
  readonly texts: readonly string[];
  /** User of each query; empty when the events have no user column. */
  readonly users: readonly string[];
  /**
   * Items the user had before, oldest first, without repeats and without those of `relevant`. Not cut to a length.
   * Empty lists where there are no users, and in training queries: the history of a training *event* is in
   * `Dataset.past`.
   */
  readonly histories: Csr;
  /**
   * Items that the user is known to dislike by then, without those of `relevant` and of the history: left out of
   * what is found. Only of held-out queries, where there are users and dislikes.
   */
  readonly disliked?: Csr | undefined;
  /** Rows of the context table of each query; empty lists in training queries, whose events each have their own. */
  readonly contexts: Csr;
  /** Item numbers to find, without repeats: oldest first where there are users, else ascending. */
  readonly relevant: Csr;
}

/** Data in the form that the training loop reads: everything is a number. */
export interface Dataset {
  readonly ids: Texts;
  /** The items' columns as they were read, for inputs that find theirs there. */
  readonly items: ItemTable;
  readonly train: QuerySet;
  /** A small part of the training data that is never trained on: for progress, early stopping and choosing settings. */
  readonly validation: QuerySet;
  /** Held out for `evaluate`. Histories hold training (and validation) items only. */
  readonly test: QuerySet;
  /**
   * Titles and sentences of the items as queries that led to them. They are trained on like those of `train`, and are
   * no behaviour to anything else; none where there is enough of that. No query that is held out is among them.
   */
  readonly ownSentences: QuerySet;
  /** Training events that are behaviour: the first ones. Behind them come those of `ownSentences`. */
  readonly behaviour: number;
  /**
   * Number of each training event's query, as often as it occurs: in `train`, sorted by user where there are users, or
   * from `train.count` on in `ownSentences`.
   */
  readonly eventQuery: Uint32Array;
  /** Item number of each training event. */
  readonly eventItem: Uint32Array;
  /** Rows of the context table of each training event; undefined without context columns. */
  readonly eventContext: Csr | undefined;
  /**
   * How much each training event counts, next to the others: above 0, 1 on average. That of a sentence is 1. Undefined
   * where all count alike.
   */
  readonly eventWeight?: Float32Array | undefined;
  /** `events.halfLife`, filled in. */
  readonly halfLife: number;
  /** What was disliked; undefined where nothing was. */
  readonly dislikes?: Dislikes | undefined;
  /** True when events have a time: then the history of a training event is what came before it, else all else. */
  readonly ordered: boolean;
  /** What each training event may know of its user; undefined where there are no users. */
  readonly past: Past | undefined;
  /** Rows of the text table, for each training query, `ownSentences` last; empty lists without text. */
  readonly queryRows: Csr;
  /**
   * Rows of the text table for each item, one list a kind of text (text columns, training queries): each kind is
   * averaged on its own, so that hundreds of queries do not drown an item's name.
   */
  readonly itemTexts: readonly Csr[];
  /** Rows of the category table, for each item. */
  readonly itemCategories: Csr;
  /** What each row of the category table stands for, as "column\tvalue". */
  readonly categoryNames: readonly string[];
  /** Numbers that the item tower reads, standardised; undefined without `items.inputs`. */
  readonly itemNumbers: ItemNumbers | undefined;
  /** Vectors of query texts; undefined without `queries.embeddings`. */
  readonly queryVectors?: QueryVectors | undefined;
  /** What each row of the context table stands for, as "column\tvalue"; empty without context columns. */
  readonly contextNames: readonly string[];
  readonly tokenizer: TokenizerConfig;
  /** Hashes of the text features that have a row, ascending: row r belongs to vocabulary[r]. */
  readonly vocabulary: Uint32Array;
  /** Held-out events that are in no query set, by reason. */
  readonly left: LeftOut;
  /** What of the test set training has too. */
  readonly alsoTrained: AlsoTrained;
  /** SHA-256 of which events are held out. */
  readonly heldOutHash: string;
  /** Where this is a sample of a larger catalogue: all of that, by whose numbers its index goes. */
  readonly catalogue?: Catalogue | undefined;
  /** What the sample is. */
  readonly sample?: SampleFacts | undefined;
}

/**
 * What an index is made of beside the trained model, by the numbers of its items. Its words and its popular queries are
 * of all training queries, those of items outside of a sample, too.
 */
export type Catalogue = Pick<
  Dataset,
  | ("ids" | "items" | "train" | "eventQuery" | "behaviour" | "past" | "ownSentences" | "validation" | "test")
  | ("contextNames" | "queryVectors" | "left" | "alsoTrained")
>;

/** Some items of a catalogue that are trained on. */
export interface SampleFacts {
  readonly items: number;
  /** Items that training events name, in the sample or not. */
  readonly named: number;
  /** Training events of items outside of the sample. */
  readonly eventsLeft: number;
}

/**
 * The histories of training events, without a list per event: event e may read the first `length[e]` items of
 * `items` list `user[eventQuery[e]]`, **less its own item**, which is among them where users are not ordered by time or
 * come back to an item. `knownBefore` and `distinctHistories` (past.ts) read them.
 */
export interface Past {
  /**
   * Training items of each user: in data with times all of them, oldest first, with repeats; else each once, and in
   * data without texts and weights this is `train.relevant`.
   */
  readonly items: Csr;
  /** User number of each query of a training event; in data without texts the query's own number. */
  readonly user: Uint32Array;
  /** Leading items of the user's list that came before each training event; all of them in data without times. */
  readonly length: Uint32Array;
}

/**
 * Items that each training query led to and that were not liked, without repeats and without those of
 * `train.relevant`: one list for each query of `train`, and none for `ownSentences`.
 */
export interface Dislikes extends Csr {
  /** How much each counts, above 0, as `Dataset.eventWeight` does; summed where an item was disliked repeatedly. */
  readonly weights: Float32Array;
}

/** Number columns of the items, with mean 0 and deviation 1 over the items that have one; missing = 0. */
export interface ItemNumbers {
  readonly columns: readonly NumberColumn[];
  /** (items, columns.length) */
  readonly values: Float32Array;
}

/** Held-out events that no query set has. */
export interface LeftOut {
  /** Held-out events whose query led to the same item in training. */
  readonly repeats: number;
  /** Held-out queries (users) who have nothing left for a history, in data without texts. */
  readonly withoutHistory: number;
}

/**
 * What of the held-out queries is in training as well, those queries included that are drawn from it to watch it by.
 * Nothing in a split by hash of the query.
 */
export interface AlsoTrained {
  /** Held-out queries whose text is asked in training too, by anybody and in any spelling; null without texts. */
  readonly queries: number | null;
  /**
   * Held-out pairs of a user and an item that are in training too; in data without users, of a text in any spelling and
   * an item.
   */
  readonly pairs: number;
}

/**
 * One event per position, every column an array of numbers. Where there are users the events are sorted by user, each
 * user's oldest first (in row order where there is no time, or one time); else by query and item.
 */
export interface EventTable {
  readonly count: number;
  readonly query: Dictionary | undefined;
  readonly user: Dictionary | undefined;
  /** Item number of each event. */
  readonly item: Uint32Array;
  /** True when a user's events are in order of time. */
  readonly ordered: boolean;
  /** Only for a split by time or a half-life: seconds since 1970, or whatever the column holds; larger is later. */
  readonly time: Float64Array | undefined;
  /** How much each event counts; 0: known of its user only; below 0: a dislike. Only where `events.weight` is named. */
  readonly weight?: Float64Array | undefined;
  /** Only for a split that is given: what each event is for; `givenSide` reads it. */
  readonly part: Dictionary | undefined;
  readonly contexts: readonly (Dictionary & { readonly name: string })[];
  /** All columns but the item's, the time's and the weight's, by name; of a split also those that are for it alone. */
  readonly columns: ReadonlyMap<string, Dictionary>;
}

/** In `Dictionary.numbers`: no value. */
export const NONE = 0xffffffff;

/**
 * A column of text as numbers: event e has values[numbers[e]], or nothing where that is `NONE`. The values are
 * distinct and in the order of their texts.
 */
export interface Dictionary {
  readonly values: readonly string[];
  readonly numbers: Uint32Array;
}

/** A column of vectors that were made elsewhere, none of them zero. */
export interface Vectors {
  /** Numbers of each. */
  readonly length: number;
  /** (rows, length) */
  readonly values: Float32Array;
}

/** Vectors of query texts. */
export interface QueryVectors {
  /** Row of each text. */
  readonly rowOf: ReadonlyMap<string, number>;
  /** By the name of the column. */
  readonly columns: ReadonlyMap<string, Vectors>;
}

/** A column as texts: of each item one, several or none. */
export type TextColumn = readonly (string | readonly string[] | null)[];

/** What a value of a field is in JSON. */
export type ValueKind = "text" | "number" | "boolean";
/** What a field is in JSON, the same for all items: one value, or with [] a list of them. */
export type FieldKind = ValueKind | `${ValueKind}[]`;

/** The columns of the items that the config names, by what they are read as; position is the item's number. */
export interface ItemTable {
  readonly count: number;
  /** Columns of texts, categories, facets and fields. */
  readonly texts: ReadonlyMap<string, TextColumn>;
  /** Columns of `items.inputs` and `items.numbers`; NaN = missing. */
  readonly numbers: ReadonlyMap<string, Float64Array>;
  /** Columns of `items.embeddings`. */
  readonly vectors: ReadonlyMap<string, Vectors>;
  /** What comes back with an item, by the name it has there. */
  readonly fields: ReadonlyMap<string, { readonly column: string; readonly kind: FieldKind }>;
}

/** The catalogue and its events as read from the files, checked. */
export interface RawData {
  /** Ids in order; position in this array is the item's number everywhere in the trainer. */
  readonly ids: Texts;
  readonly items: ItemTable;
  readonly events: EventTable;
  /** Of `data.queries`. */
  readonly queryVectors?: QueryVectors | undefined;
  readonly report: DataReport;
  /** SHA-256 of everything above: two trainings with one hash and one seed saw the same data. */
  readonly hash: string;
}

/** What was read and what was left out. */
export interface DataReport {
  readonly items: number;
  /** Events that are used. */
  readonly events: number;
  /** Events that named an unknown item and were left out. */
  readonly unknownItems: Finding;
  /** What a person should know of how the data was read, a line each. */
  readonly notes?: readonly string[];
}

/** Rows with one problem: how many, and the first of them. */
export interface Finding {
  readonly count: number;
  readonly examples: readonly Example[];
}

/** A row (1 is the first that the SQL gives) and the value found there. */
export interface Example {
  /** Name of the SQL, where it is not the one that the message is about. */
  readonly source?: string;
  readonly row: number;
  readonly value: string | null;
  /** The row that it repeats in another spelling. */
  readonly like?: Example;
}
