# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The style of the page: the reader's own fonts, light or dark as the reader's system is, narrow or wide, or on paper.

Colours are at least 4.5:1 against what they stand on, and never say alone what they say.
"""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fdfdfb; --raised: #f4f4f0; --line: #dcdcd4; --ink: #1b1d21; --quiet: #5a5f68; --link: #0b57a4;
  --critical: #a50e24; --high: #b03a00; --medium: #7d5a00; --low: #4a5565;
  --pass: #17693a; --waived: #6a3fa0; --unknown: #1d5b8f; --not_applicable: #6b7078;
  --some: #e3efe6; --some-ink: #14532d; --every: #f8dcd0; --every-ink: #7c2500;
  --on-critical: #fff;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15171a; --raised: #1e2125; --line: #343940; --ink: #e8e8e4; --quiet: #a2a8b1; --link: #86bdf5;
    --critical: #ff8b90; --high: #ffa26b; --medium: #e3bd5a; --low: #aab4c2;
    --pass: #74cf98; --waived: #c5a5f2; --unknown: #86bdf5; --not_applicable: #9aa0a8;
    --some: #1d3527; --some-ink: #a9e3bf; --every: #4a2414; --every-ink: #ffc2a3;
    --on-critical: #2b0509;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 3.5rem; }
body {
  margin: 0 auto; padding: 0 1.5rem 4rem; max-width: 78rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  overflow-wrap: break-word;
}
h1, h2, h3, h4, h5 { line-height: 1.25; margin: 0; font-weight: 650; text-wrap: balance; }
h1 { font-size: clamp(1.6rem, 1.2rem + 2vw, 2.4rem); letter-spacing: -.015em; overflow-wrap: anywhere; }
h2 { font-size: 1.35rem; letter-spacing: -.01em; }
h3 { font-size: 1.05rem; }
h4, h5 { font-size: 1rem; }
section > h3, .cluster section > h3 { font-size: 1.2rem; }
p { margin: .4rem 0; max-width: 46rem; }
a { color: var(--link); text-underline-offset: .15em; text-decoration-thickness: .06em; }
:focus-visible { outline: .18rem solid var(--link); outline-offset: .15rem; border-radius: .15rem; }
main:focus { outline: none; }
code { font-family: var(--mono); font-size: .86em; overflow-wrap: anywhere; }
.quiet, .about, .eyebrow { color: var(--quiet); }
.unseen, .summary > :is(h2, h3):first-child {
  position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--paper); padding: .4rem .8rem; z-index: 3; }

header { padding: 2.2rem 0 1rem; }
.eyebrow { margin: 0 0 .2rem; font-size: .85rem; }
.about {
  list-style: none; margin: .5rem 0 0; padding: 0; font-size: .88rem; display: flex; flex-wrap: wrap;
  gap: .1rem 1.4rem;
}
nav {
  position: sticky; top: 0; z-index: 2; background: var(--paper); border-bottom: 1px solid var(--line);
  overflow-x: auto;
}
nav ul {
  display: flex; gap: 1.4rem; list-style: none; margin: 0; padding: .6rem 0; font-size: .9rem; white-space: nowrap;
}
nav a { color: inherit; text-decoration: none; padding: .2rem 0; }
nav a:hover { text-decoration: underline; }
section { margin-top: 2.8rem; }
section > h2, section > h3 { margin-bottom: .8rem; }
section :is(h3, h4, h5):not(summary *) { margin: 1.8rem 0 .5rem; }

.badge {
  display: inline-block; border: 1px solid currentColor; border-radius: .25rem; padding: .02rem .4rem;
  font-size: .76rem;
  font-weight: 600; line-height: 1.35; white-space: nowrap; vertical-align: .08em;
}
.critical { color: var(--critical); } .high { color: var(--high); } .medium { color: var(--medium); }
.low { color: var(--low); } .pass { color: var(--pass); } .fail { color: var(--critical); }
.waived { color: var(--waived); } .unknown { color: var(--unknown); } .not_applicable { color: var(--not_applicable); }
.new { color: var(--link); }
.badge.critical, .badge.fail {
  background: var(--critical); color: var(--on-critical); border-color: var(--critical);
  -webkit-print-color-adjust: exact; print-color-adjust: exact;
}

.summary { margin-top: 1.8rem; }
.verdict-row { display: grid; grid-template-columns: minmax(16rem, 1fr) auto; gap: 1.5rem 3rem; align-items: center; }
.verdict { border-left: .35rem solid currentColor; padding-left: 1.1rem; }
.verdict > * { color: var(--ink); }
.verdict > .verdict-word {
  margin: 0; color: inherit; font-size: clamp(2.4rem, 2rem + 2vw, 3.4rem); line-height: 1.05; font-weight: 700;
  letter-spacing: -.025em;
}
.verdict .quiet { color: var(--quiet); }
.tiles { display: grid; grid-template-columns: repeat(4, minmax(5.2rem, auto)); gap: 0 1.6rem; margin: 0; }
.tile { display: flex; flex-direction: column; border-top: .2rem solid currentColor; padding-top: .35rem; }
.tile dt { font-size: .85rem; color: var(--ink); }
.tile dd { margin: 0; font-size: 2.1rem; line-height: 1.15; font-weight: 650; font-variant-numeric: tabular-nums; }
.none { color: var(--quiet); border-color: var(--line); }
.tile.none dd { font-weight: 400; }
.bar { margin-top: 1.6rem; }
.bar svg { display: block; width: 100%; height: .55rem; }
.bar-fail { fill: var(--critical); color: var(--critical); } .bar-pass { fill: var(--pass); color: var(--pass); }
.bar-waived { fill: var(--waived); color: var(--waived); } .bar-unknown { fill: var(--unknown); color: var(--unknown); }
.bar-not_applicable { fill: var(--line); color: var(--line); }
.legend {
  display: flex; flex-wrap: wrap; gap: .1rem 1.2rem; list-style: none; margin: .5rem 0 0; padding: 0;
  font-size: .88rem;
}
.dot {
  display: inline-block; width: .7em; height: .7em; border-radius: .12em; margin-right: .4em; background: currentColor;
  -webkit-print-color-adjust: exact; print-color-adjust: exact;
}
.next { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 1fr); gap: 0 3rem; align-items: start; }
.first { margin: 0; padding-left: 1.5rem; }
.first li { margin: .75rem 0; padding-left: .3rem; break-inside: avoid; }
.first li::marker { color: var(--quiet); font-variant-numeric: tabular-nums; }
.first p { margin: 0; }
.remedy { font-size: .93rem; }
.pair { color: var(--quiet); font-size: .9em; white-space: nowrap; margin-right: .55rem; }
.pair code { color: var(--ink); white-space: normal; }
.plain { list-style: none; padding: 0; margin: .3rem 0 .8rem; font-size: .92rem; }
.plain li { padding: .2rem 0; }
details > summary { cursor: pointer; }
.changes > details { margin: .3rem 0; }

.filter {
  display: grid; grid-template-columns: minmax(12rem, 2fr) repeat(3, minmax(7rem, 1fr)); gap: .3rem 1rem;
  align-items: start;
  padding: .9rem 1rem; margin-bottom: .8rem; background: var(--raised); border-radius: .4rem; font-size: .9rem;
}
.filter label { display: block; color: var(--quiet); font-size: .8rem; }
.filter input, .filter select {
  width: 100%; font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--quiet);
  border-radius: .25rem;
  padding: .35rem .5rem; min-height: 2.3rem;
}
.filter .shown { grid-column: 1 / -1; margin: 0; color: var(--quiet); }
.hint { font-size: .78rem; }
.checks { border-top: 1px solid var(--line); }
.check { border-bottom: 1px solid var(--line); }
.check > summary {
  display: grid; grid-template-columns: 1rem 7rem minmax(0, 1fr) fit-content(45%); gap: 0 .6rem; align-items: baseline;
  padding: .6rem .2rem;
  list-style: none;
}
.check > summary::-webkit-details-marker, .cluster > summary::-webkit-details-marker { display: none; }
.check > summary::before, .cluster > summary::before { content: "▸"; color: var(--quiet); }
.check[open] > summary::before, .cluster[open] > summary::before { content: "▾"; }
.check > summary:hover { background: var(--raised); }
.check > summary .badge { justify-self: start; }
.check > summary :is(h3, h4) { font-size: 1rem; font-weight: 500; }
.check[open] > summary :is(h3, h4) { font-weight: 650; }
.meta { font-size: .85rem; text-align: right; overflow-wrap: anywhere; }
.id { font-family: var(--mono); font-size: .92em; }
.check > .body { padding: 0 .2rem 1.1rem 1.8rem; }
.facts {
  display: grid; grid-template-columns: 7rem minmax(0, 1fr); gap: .3rem .6rem; margin: 0 0 .8rem;
  max-width: 54rem;
}
.facts dt { color: var(--quiet); font-size: .88rem; padding-top: .08rem; }
.facts dd { margin: 0; }

.scroller { overflow-x: auto; position: relative; }
table { border-collapse: collapse; font-size: .88rem; }
.rows { width: 100%; }
.rows th, .rows td {
  text-align: left; vertical-align: top; padding: .4rem .9rem .4rem 0; border-top: 1px solid var(--line);
}
.rows thead th {
  border-top: 0; color: var(--quiet); font-weight: 500; font-size: .82rem; white-space: nowrap;
  vertical-align: bottom;
}
.rows tbody th { font-weight: 500; min-width: 11rem; overflow-wrap: anywhere; }
.rows td { min-width: 4rem; }
.check .rows tbody th { width: 26%; }
.numbers td { white-space: nowrap; }
.numbers tbody th { min-width: 7rem; }
.rows td p { margin: .2rem 0 0; }
.kind { color: var(--quiet); font-weight: 400; }
.name, .field { overflow-wrap: anywhere; }
.field { font-family: var(--mono); font-size: .92em; }
.number { font-variant-numeric: tabular-nums; font-weight: 650; }
.number.none { font-weight: 400; }
.overview .verdict { margin-bottom: 1.2rem; }

.keys { margin-bottom: .8rem; }
.key {
  display: inline-block; min-width: 2.2em; text-align: center; border: 1px solid var(--line); border-radius: .2rem;
  font-size: .8rem; padding: 0 .3em; margin-right: .4em;
}
.connectivity > details { margin-top: .6rem; }
.grid { border-spacing: 2px; border-collapse: separate; font-size: .78rem; }
.grid th { font-weight: 500; text-align: left; }
.grid thead th { vertical-align: bottom; padding: .2rem 0; }
.grid thead th > span {
  writing-mode: vertical-rl; transform: rotate(180deg); max-height: 11rem; overflow: hidden; white-space: nowrap;
  text-overflow: ellipsis; display: inline-block; margin: 0 auto;
}
.grid tbody th {
  position: sticky; z-index: 1; left: 0; background: var(--paper); padding-right: .6rem; white-space: nowrap;
}
.grid tbody th > span { display: block; max-width: 13rem; overflow: hidden; text-overflow: ellipsis; }
.grid thead th { text-align: center; }
.grid td {
  min-width: 2.9rem; height: 2rem; padding: .1rem .25rem; text-align: center; border-radius: .2rem;
  background: transparent; line-height: 1.2;
}
.grid td span:not(.unseen) { white-space: nowrap; }
.grid td, .key { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
.grid .refused, .key.refused { color: var(--quiet); background: var(--raised); }
.grid .some, .key.some { background: var(--some); color: var(--some-ink); font-weight: 600; }
.grid .every, .key.every { background: var(--every); color: var(--every-ink); font-weight: 700; }
.grid :is(.kind-internet, .kind-nodes, .kind-api_server) > span { font-style: italic; }
.grid .corner {
  position: sticky; z-index: 1; left: 0; background: var(--paper); color: var(--quiet); text-align: left;
  vertical-align: bottom;
}
.corner span { display: block; }
.corner .to { text-align: right; } .corner .to::after { content: " →"; } .corner .from::after { content: " ↓"; }
.corner .from { float: left; }

.cluster { margin-top: 2.4rem; border-top: 2px solid var(--ink); }
.cluster > summary { display: flex; gap: .7rem; align-items: baseline; padding: .7rem 0; list-style: none; }
.cluster > summary h2 { overflow-wrap: anywhere; }

@media screen and (max-width: 46rem) {
  body { padding: 0 1rem 3rem; }
  header { padding-top: 1.4rem; }
  section { margin-top: 2.2rem; }
  .verdict-row, .next { grid-template-columns: minmax(0, 1fr); }
  .tiles { grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 0 .8rem; }
  .tile dd { font-size: 1.7rem; }
  .filter { grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .5rem; padding: .8rem; }
  .filter .search { grid-column: 1 / -1; }
  .hint { display: none; }
  .check > summary { grid-template-columns: 1rem minmax(0, 1fr); gap: .15rem .3rem; }
  .check > summary > :is(h3, h4, .meta) { grid-column: 2; text-align: left; }
  .check > .body { padding-left: 1.3rem; }
  .facts { grid-template-columns: minmax(0, 1fr); gap: 0; }
  .facts dd { margin-bottom: .6rem; }
  .pair { white-space: normal; }
  .rows:not(.numbers), .rows:not(.numbers) :is(tbody, tr, th, td) { display: block; }
  .rows:not(.numbers) thead { display: none; }
  .rows:not(.numbers) tr { border-top: 1px solid var(--line); padding: .5rem 0; }
  .rows:not(.numbers) :is(th, td) { border: 0; padding: .08rem 0; min-width: 0; }
  .rows:not(.numbers, .check *) td[data-head]::before {
    content: attr(data-head) " "; color: var(--quiet); font-size: .9em;
  }
  .grid tbody th > span { max-width: 7.5rem; }
}
@media print {
  :root {
    --paper: #fff; --raised: #f1f1f1; --line: #bbb; --ink: #000; --quiet: #444; --link: #000;
    --critical: #a50e24; --high: #b03a00; --medium: #7d5a00; --low: #4a5565; --on-critical: #fff;
    --pass: #17693a; --waived: #6a3fa0; --unknown: #1d5b8f; --not_applicable: #6b7078;
    --some: #e3efe6; --some-ink: #14532d; --every: #f8dcd0; --every-ink: #7c2500;
  }
  @page { margin: 14mm; }
  html { font-size: 9.5pt; }
  body { max-width: none; padding: 0; }
  nav, .filter, .skip { display: none !important; }
  header { padding-top: 0; }
  section { margin-top: 1.6rem; }
  .scroller { overflow: visible; }
  .next { grid-template-columns: minmax(0, 1fr); }
  .rows :is(th, td), .rows tbody th { min-width: 0; padding-right: .5rem; }
  .grid { font-size: 6.5pt; } .grid td { min-width: 0; height: auto; }
  .grid tbody th, .grid .corner { position: static; }
  details:not([data-status="pass"], [data-status="not_applicable"])::details-content {
    content-visibility: visible; height: auto;
  }
  :is(.check, .cluster, .check[open], .cluster[open]) > summary::before { content: ""; }
  tr, .first li, .verdict-row { break-inside: avoid; }
  h1, h2, h3, h4, h5, .check > summary { break-after: avoid; }
  .cluster { break-before: page; }
  a { text-decoration: none; }
}
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
"""
