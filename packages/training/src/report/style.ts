/** The page's style sheet: the colours of the search page, and four for series that keep apart in light and in dark. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#fbfaf8, #14151a);
  --surface: light-dark(#ffffff, #1d1f26);
  --ink: light-dark(#1b1b22, #ececf1);
  --quiet: light-dark(#62626f, #a2a3b1);
  --line: light-dark(#e6e3dd, #32353f);
  --accent: light-dark(#5151c9, #a5a5ff);
  --s1: light-dark(#5151c9, #a5a5ff);
  --s2: light-dark(#b4530a, #f0a35e);
  --s3: light-dark(#0e7c66, #5ccfb0);
  --s4: light-dark(#b0307a, #f08cc3);
  font: 16px/1.5 system-ui, sans-serif;
  background: var(--ground);
  color: var(--ink);
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 78rem; padding: clamp(1rem, 4vw, 2.75rem) max(1rem, env(safe-area-inset-left)) 4rem; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.brand { margin: 0; font-size: .8rem; font-weight: 650; letter-spacing: .08em; text-transform: uppercase;
  color: var(--accent); }
h1 { margin: .1em 0 0; font-size: clamp(1.6rem, 1rem + 2.4vw, 2.5rem); letter-spacing: -.02em; line-height: 1.15; }
h2 { margin: 3rem 0 .25rem; font-size: 1.35rem; letter-spacing: -.01em; }
h3 { margin: 0 0 .5rem; font-size: 1rem; }
.subtitle, .intro { margin: .35rem 0 0; color: var(--quiet); max-width: 65ch; }
.highlights { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem;
  margin: 1.75rem 0 1.25rem; }
.highlights div { display: flex; flex-direction: column-reverse; justify-content: flex-end;
  background: var(--surface); border: 1px solid var(--line); border-radius: .75rem; padding: .8rem 1rem; }
.highlights dt { color: var(--quiet); font-size: .85rem; line-height: 1.35; }
.highlights dd { margin: 0; font-size: 1.45rem; font-weight: 650; letter-spacing: -.01em;
  font-variant-numeric: tabular-nums; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0; padding: 0; list-style: none; }
a { color: var(--accent); text-underline-offset: .2em; }
nav a { display: inline-block; padding: .3rem 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem;
  margin-top: 1rem; align-items: start; }
.card { margin: 0; background: var(--surface); border: 1px solid var(--line); border-radius: .75rem;
  padding: 1rem 1.1rem; min-width: 0; }
.broad { grid-column: 1 / -1; display: grid;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 0 2.5rem; align-items: start; }
section > .card { margin-top: 1rem; }
svg { display: block; width: 100%; height: auto; font-family: system-ui, sans-serif; }
svg.narrow { display: none; }
figcaption { margin-top: .5rem; color: var(--quiet); font-size: .88rem; }
.legend { display: flex; flex-wrap: wrap; gap: .15rem 1.1rem; margin: 0 0 .5rem; padding: 0; list-style: none;
  font-size: .85rem; }
.legend li { display: flex; align-items: center; gap: .45rem; }
.mark { flex: none; width: 1.5rem; height: 0; border-top: 3px solid; }
.mark.dashed { border-top-style: dashed; }
.mark.dotted { border-top-style: dotted; }
.mark.bar { width: .8rem; height: .8rem; border: 0; border-radius: 2px; background: currentColor; }
.mark.point { width: .7rem; height: .7rem; border: 0; background: currentColor; transform: rotate(45deg); }
details { margin-top: .6rem; font-size: .88rem; }
summary { cursor: pointer; color: var(--accent); padding: .2rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .32rem .75rem .32rem 0; border-bottom: 1px solid var(--line); text-align: right;
  vertical-align: top; }
th:first-child { text-align: left; white-space: nowrap; }
tbody th { font-weight: 500; }
thead th { color: var(--quiet); font-weight: 600; white-space: nowrap; }
td { white-space: nowrap; }
.pairs th { width: 1%; padding-right: 2rem; white-space: nowrap; }
.pairs td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.pairs thead th:last-child { text-align: left; }
tr:last-child > * { border-bottom: 0; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 30rem) {
  svg.wide { display: none; }
  svg.narrow { display: block; }
  .card { padding: .85rem .8rem; }
}
@media print {
  .card { break-inside: avoid; }
}
`;
