import { lower, type SqlNode } from "./sql-tree.ts";

/** Keys of a node whose values decide something, and do not come out: conditions, orders, places. */
const DECIDING: ReadonlySet<string> = new Set([
  "when_expr",
  "filter",
  "order_bys",
  "partitions",
  "orders",
  "offset_expr",
]);

const wordsOf = (...lines: string[]): ReadonlySet<string> => new Set(lines.flatMap((line) => line.split(" ")));

/** Functions that make a number, a date or a name of one out of a value: how it was spelled is no part of that. */
const COMPUTING = wordsOf(
  "+ - * / // % ^ ** & | << >> @ abs sign round floor ceil ceiling trunc sqrt ln log log2 log10 exp pow power mod",
  "isnan isinf isfinite count count_star sum avg mean stddev stddev_pop stddev_samp var_pop var_samp variance",
  "row_number rank dense_rank percent_rank cume_dist ntile strftime date_part datepart date_trunc datetrunc",
  "date_diff datediff date_sub datesub date_add time_bucket last_day dayname monthname year isoyear quarter month",
  "week weekofyear yearweek weekday day dayofmonth dayofweek isodow",
  "dayofyear hour minute second millisecond microsecond epoch",
  "epoch_ms epoch_us epoch_ns era century decade millennium julian age to_timestamp make_date make_time make_timestamp",
);

/** Functions that write a value of any type as text. */
const WRITING = wordsOf(
  "|| concat concat_ws format printf string_agg listagg group_concat list_aggregate list_aggr array_aggregate",
  "array_aggr array_to_string array_to_string_comma_default to_json json_quote json_array json_object row_to_json",
  "array_to_json",
);

/** Of their arguments the first comes out; the second says which. */
const CHOOSING = wordsOf("arg_max arg_min argmax argmin max_by min_by arg_max_null arg_min_null");

/** What of a node goes into its value, and how: `isComputed` when only numbers and dates made of it do. */
export function valueParts(
  node: SqlNode,
  isComputed: boolean,
): { readonly parts: unknown[]; readonly isComputed: boolean } {
  const name = lower(node["function_name"] ?? "");
  const parts = Object.entries(node).flatMap(([key, value]) => {
    if (DECIDING.has(key)) return [];
    return key === "children" && CHOOSING.has(name) ? [(value as unknown[])[0]] : [value];
  });
  if (node["type"] === "OPERATOR_CAST" && isText(node["cast_type"] as SqlNode)) return { parts, isComputed: false };
  if (WRITING.has(name)) return { parts, isComputed: false };
  return { parts, isComputed: isComputed || COMPUTING.has(name) };
}

/** Whether a node is true or false by what it compares. */
export function isCondition(node: SqlNode): boolean {
  return /^(COMPARE_|CONJUNCTION_|OPERATOR_(NOT|IS_NULL|IS_NOT_NULL)$)/.test(String(node["type"]));
}

/** VARCHAR and JSON, and what has them in it. */
const isText = (type: SqlNode): boolean => /"id":"(VARCHAR|JSON|UNKNOWN|UNBOUND)"/.test(JSON.stringify(type));
