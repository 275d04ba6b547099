import { z } from "zod";
import { SCHEMA } from "./schema.ts";

/** What the schema says of a key, of all that JSON Schema has. */
export interface KeySchema {
  readonly type?: string;
  readonly description?: string;
  /** Of a text of a form: the texts that it takes, in words. */
  readonly values?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly KeySchema[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly minItems?: number;
  readonly items?: KeySchema;
  readonly properties?: Readonly<Record<string, KeySchema>>;
  readonly required?: readonly string[];
}

let root: KeySchema | undefined;

/** The schema as what a config file may say. */
export function rootSchema(): KeySchema {
  root ??= z.toJSONSchema(SCHEMA, { io: "input" }) as KeySchema;
  return root;
}

/** What may stand at a path, as in `["index", "nlist"]` or `["items", "text", 0]`; undefined for an unknown key. */
export function schemaAt(path: readonly PropertyKey[]): KeySchema | undefined {
  return path.reduce<KeySchema | undefined>(
    (at, key) => (typeof key === "number" ? at?.items : at && propertiesOf(at)[String(key)]),
    rootSchema(),
  );
}

/** The keys of an object, or of the one of several values that is an object. */
const propertiesOf = ({ properties, anyOf = [] }: KeySchema): Readonly<Record<string, KeySchema>> =>
  properties ?? anyOf.find((one) => one.properties)?.properties ?? {};

/** The values that a key takes, in words: "an integer of at least 1". */
export function describeValues(schema: KeySchema): string {
  if (schema.values !== undefined) return schema.values;
  const choices = schema.enum ?? schema.anyOf?.map((one) => one.const);
  if (choices) return choices.map((value) => JSON.stringify(value)).join(" or ");
  switch (schema.type) {
    case "object":
      return "an object";
    case "boolean":
      return "true or false";
    case "string":
      return schema.minLength ? "a text that is not empty" : "a text";
    case "array":
      return schema.minItems ? "a list of texts, at least one" : "a list of texts";
    case "integer":
    case "number":
      return `${schema.type === "integer" ? "an integer" : "a number"}${describeRange(schema)}`;
    default:
      throw new Error(`[training] no words for the values of a key: ${JSON.stringify(schema)}`);
  }
}

function describeRange({ type, minimum, exclusiveMinimum, maximum }: KeySchema): string {
  const isInteger = type === "integer";
  const least = isInteger && exclusiveMinimum !== undefined ? exclusiveMinimum + 1 : minimum;
  const most = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (least !== undefined) return most === undefined ? ` of at least ${least}` : ` from ${least} to ${most}`;
  if (exclusiveMinimum === undefined) return most === undefined ? "" : ` of at most ${most}`;
  return ` above ${exclusiveMinimum}${most === undefined ? "" : `, at most ${most}`}`;
}
