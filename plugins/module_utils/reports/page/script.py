# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script of the page: filters, and keys to walk through what is left. All content is there without it."""

from __future__ import annotations

SCRIPT = r"""
"use strict";

for (const section of document.querySelectorAll("section.findings")) {
  const form = section.querySelector("form");
  const counted = form.querySelector(".shown");
  const nothing = section.querySelector(".nothing");
  const checks = [...section.querySelectorAll("details.check")].map((element) => ({
    element,
    summary: element.querySelector("summary"),
    rows: [...element.querySelectorAll("tbody tr")],
  }));
  const contains = (element, words) => {
    const text = element.textContent.toLowerCase();
    return words.every((word) => text.includes(word));
  };

  // A check is shown if all words are in it; of its findings, those that have all words, or else all.
  const filter = () => {
    const wanted = new FormData(form);
    const words = wanted.get("text").toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { element, rows } of checks) {
      const chosen = ["severity", "layer", "status"].every(
        (key) => !wanted.get(key) || element.dataset[key] === wanted.get(key),
      );
      element.hidden = !(chosen && contains(element, words));
      shown += element.hidden ? 0 : 1;
      const found = rows.filter((row) => contains(row, words));
      rows.forEach((row) => { row.hidden = found.length > 0 && !found.includes(row); });
    }
    counted.textContent = `${shown} of ${checks.length} checks`;
    nothing.hidden = shown > 0;
  };

  const move = (from, step) => {
    const visible = checks.filter(({ element }) => !element.hidden).map(({ summary }) => summary);
    const next = { first: 0, last: visible.length - 1 }[step] ?? visible.indexOf(from) + step;
    if (next < 0) form.elements.text.focus();
    else visible[Math.min(next, visible.length - 1)]?.focus();
  };

  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  section.addEventListener("keydown", (event) => {
    const inSearch = event.target === form.elements.text;
    const onCheck = event.target.matches("details.check > summary");
    const step = { ArrowDown: 1, ArrowUp: -1, Home: "first", End: "last" }[event.key];
    if (event.key === "Escape" && !form.contains(event.target)) form.elements.text.focus();
    else if (inSearch && event.key === "ArrowDown") move(null, "first");
    else if (onCheck && step) move(event.target, step);
    else return;
    event.preventDefault();
  });
  form.hidden = false;
  filter();
}

// A link to something that is folded opens it.
const reveal = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let at = target; at; at = at.parentElement) if (at.localName === "details") at.open = true;
  target.scrollIntoView();
};
addEventListener("hashchange", reveal);
reveal();

// Paper cannot be unfolded: all but what is well is open while it is printed.
const well = '[data-status="pass"], [data-status="not_applicable"]';
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll(`details:not([open], ${well})`)];
  folded.forEach((element) => { element.open = true; });
});
addEventListener("afterprint", () => folded.forEach((element) => { element.open = false; }));
"""
