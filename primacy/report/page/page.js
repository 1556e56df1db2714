"use strict";
// Small comfort; the page is complete without it.
(() => {
  const CLOSED = "details:not([open], .data, .card, .setting, .pairs), .few .card:not([open])";
  // A link to something inside a closed part opens that part.
  const reveal = () => {
    // A view, which explore/view.js reads.
    if (location.hash.startsWith("#explore?")) return;
    let node = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const target = node;
    if (!target) return;
    for (; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  // Paper has nothing to click: open what is read to print, then put it back. Tables of a figure,
  // settings and the cards of many conditions stay as they are; a card's summary has its drawing.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll(CLOSED)];
    for (const part of closed) part.open = true;
  });
  addEventListener("afterprint", () => {
    for (const part of closed) part.open = false;
  });

  // Only what scrolls is a stop for the keyboard; without this script every region is one.
  const regions = [...document.querySelectorAll(".scroll")];
  const settle = (region) => {
    const scrolls =
      region.scrollWidth > region.clientWidth + 1 || region.scrollHeight > region.clientHeight + 1;
    if (scrolls) region.tabIndex = 0;
    else region.removeAttribute("tabindex");
  };
  const watcher = new ResizeObserver((seen) => seen.forEach((one) => settle(one.target)));
  for (const region of regions) watcher.observe(region);
  // Regions that are added later, and those whose content changes.
  new MutationObserver((seen) => {
    for (const { target, addedNodes } of seen) {
      for (const node of addedNodes) {
        if (node.matches?.(".scroll")) watcher.observe(node);
        for (const region of node.querySelectorAll?.(".scroll") ?? []) watcher.observe(region);
      }
      const around = target.closest?.(".scroll");
      if (around) settle(around);
    }
  }).observe(document.body, { childList: true, subtree: true });

  // Copy the methods, and how to cite.
  for (const [id, label] of [["methods-text", "Copy the methods"], ["bibtex", "Copy the BibTeX"]]) {
    const text = document.getElementById(id);
    if (!text || !navigator.clipboard) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text.innerText);
      button.textContent = "Copied";
    });
    (text.closest(".scroll") ?? text).after(button);
  }
})();
