import { drawFigure, type Figure, type LegendEntry, type Table } from "./chart.ts";
import { escapeHtml } from "./html.ts";
import { STYLE } from "./style.ts";

/** A report as HTML: one file without scripts, fonts or anything else from outside. */
export interface Page {
  readonly title: string;
  readonly subtitle: string;
  /** The few figures to see first. */
  readonly highlights: readonly { readonly value: string; readonly name: string }[];
  readonly sections: readonly Section[];
}

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly intro?: string;
  readonly figures: readonly Figure[];
  readonly tables: readonly (Table & { readonly title: string })[];
}

/** The page as HTML, in one file that loads nothing. */
export function renderPage({ title, subtitle, highlights, sections }: Page): string {
  const contents = sections.map(({ id, title: name }) => `<li><a href="#${id}">${escapeHtml(name)}</a></li>`).join("");
  const facts = highlights
    .map(({ value, name }) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`)
    .join("\n");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}: training report</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<p class="brand">Poeem Edge</p>
<h1>${escapeHtml(title)}</h1>
<p class="subtitle">${escapeHtml(subtitle)}</p>
<dl class="highlights">
${facts}
</dl>
<nav aria-label="Sections"><ul>${contents}</ul></nav>
</header>
<main>
${sections.map(renderSection).join("\n")}
</main>
</body>
</html>
`;
}

function renderSection({ id, title, intro, figures, tables }: Section): string {
  return `<section id="${id}" aria-labelledby="${id}-heading">
<h2 id="${id}-heading">${escapeHtml(title)}</h2>
${intro === undefined ? "" : `<p class="intro">${escapeHtml(intro)}</p>`}
<div class="figures">
${figures.map((figure, i) => renderFigure(figure, i % 2 === 0 && i === figures.length - 1)).join("\n")}
</div>
${tables.map(renderCard).join("\n")}
</section>`;
}

function renderCard(table: Section["tables"][number]): string {
  return `<div class="card"><h3>${escapeHtml(table.title)}</h3>${renderTable(table, table.title)}</div>`;
}

/** @param broad takes the whole width, its table open beside the plot */
function renderFigure(figure: Figure, broad: boolean): string {
  const { title, description, legend, table } = figure;
  return `<figure class="card${broad ? " broad" : ""}">
<div>
<h3>${escapeHtml(title)}</h3>
${legend.length > 0 ? `<ul class="legend">${legend.map(renderLegend).join("")}</ul>` : ""}
${drawFigure(figure)}
</div>
<div>
<figcaption>${escapeHtml(description)}</figcaption>
<details${broad ? " open" : ""}>
<summary>The figures<span class="hidden"> of ${escapeHtml(title)}</span></summary>${renderTable(table, title)}
</details>
</div>
</figure>`;
}

function renderLegend({ name, color, mark }: LegendEntry): string {
  return `<li><span class="mark ${mark}" style="color:${color}"></span>${escapeHtml(name)}</li>`;
}

function renderTable({ columns, rows }: Table, title: string): string {
  const head = columns.map((name) => `<th scope="col">${escapeHtml(name)}</th>`).join("");
  const body = rows
    .map(([first, ...rest]) => {
      const cells = rest.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("");
      return `<tr><th scope="row">${escapeHtml(first ?? "")}</th>${cells}</tr>`;
    })
    .join("\n");
  // scrolls by itself on a phone, and by keyboard
  return `<div class="scroll" tabindex="0" role="region" aria-label="${escapeHtml(title)}, table">
<table${columns.length === 2 ? ' class="pairs"' : ""}><thead><tr>${head}</tr></thead><tbody>
${body}
</tbody></table></div>`;
}
