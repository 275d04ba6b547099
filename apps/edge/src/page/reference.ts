/** The reference page: every operation of `/openapi.json`, its parameters, its answers, and a link to try it. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly example?: unknown;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
}
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: Schema;
}
interface Content {
  readonly description?: string;
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
}
interface Operation {
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content>>;
}
interface OpenApi {
  readonly info: { readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

type Child = Node | string;

function element(
  name: string,
  children: readonly Child[] | string = [],
  attributes: Readonly<Record<string, string>> = {},
): HTMLElement {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** A schema in a few words: `integer, 1 to 1000, default 10`. */
function describe(schema: Schema | undefined): string {
  if (schema === undefined) return "";
  if (schema.$ref !== undefined) return schema.$ref.split("/").at(-1) ?? "";
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices !== undefined) return choices.map(describe).join(" or ");
  const type = [schema.type ?? "any"].flat().join(" or ");
  return [
    type === "array" ? `list of ${describe(schema.items)}` : type,
    ...(schema.minimum !== undefined
      ? [`${schema.minimum}${schema.maximum === undefined ? " or more" : ` to ${schema.maximum}`}`]
      : []),
    ...(schema.default !== undefined && schema.type !== "string" ? [`default ${JSON.stringify(schema.default)}`] : []),
  ].join(", ");
}

function table(caption: string, rows: readonly (readonly [string, string, string])[]): Child[] {
  if (rows.length === 0) return [];
  const body = rows.map(([name, type, text]) =>
    element("tr", [element("th", [element("code", name)], { scope: "row" }), element("td", type), element("td", text)]),
  );
  return [
    element("div", [element("table", [element("caption", caption), element("tbody", body)])], {
      class: "scroll",
      tabindex: "0",
    }),
  ];
}

function section(path: string, method: string, operation: Operation): HTMLElement {
  const { parameters = [], requestBody, responses } = operation;
  const bodySchema = requestBody?.content?.["application/json"]?.schema;
  const examples = parameters.filter(({ schema }) => schema?.example !== undefined).slice(0, 1);
  const address = examples.reduce((text, { name, in: where, schema }) => {
    const value = encodeURIComponent(String(schema?.example));
    return where === "path" ? text.replace(`{${name}}`, value) : `${text}?${name}=${value}`;
  }, path);
  return element("section", [
    element("h2", [element("span", method.toUpperCase(), { class: "method" }), ` ${path}`]),
    element("p", operation.summary ?? ""),
    ...(operation.description ? [element("p", operation.description)] : []),
    ...(method === "get" ? [element("p", [element("a", address, { href: address })])] : []),
    ...table(
      "Parameters",
      parameters.map(
        ({ name, schema, description = "", required }) =>
          [name, describe(schema), required ? `${description} (required)` : description] as const,
      ),
    ),
    ...(bodySchema ? table("Body", [["application/json", describe(bodySchema), ""]]) : []),
    ...table(
      "Responses",
      Object.entries(responses).map(
        ([status, { description = "", content = {} }]) =>
          [status, describe(Object.values(content)[0]?.schema), description] as const,
      ),
    ),
  ]);
}

function schemaSection(name: string, schema: Schema): HTMLElement {
  const rows = Object.entries(schema.properties ?? {}).map(
    ([key, value]) => [key, describe(value), value.description ?? ""] as const,
  );
  return element("section", [element("h2", name, { id: name }), ...table("Members", rows)]);
}

async function show(): Promise<void> {
  const main = document.getElementById("operations")!;
  try {
    const openApi = (await (await fetch("/openapi.json")).json()) as OpenApi;
    document.getElementById("about")!.textContent = openApi.info.description;
    main.append(
      ...Object.entries(openApi.paths).flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => section(path, method, operation)),
      ),
      ...Object.entries(openApi.components.schemas).map(([name, schema]) => schemaSection(name, schema)),
    );
  } catch {
    main.append(element("p", "/openapi.json cannot be read", { role: "alert" }));
  }
  main.setAttribute("aria-busy", "false");
}

void show();
