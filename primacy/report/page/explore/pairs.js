// What each verdict compares, seed by seed.
((p) => {
  if (!p.data) return;
  const { make, draw } = p;

  const picture = (own, seeds) => {
    const k = own.sides.length,
      W = 140 + 130 * Math.max(1, k - 1),
      H = 190,
      all = own.values.flat().filter((v) => v !== null);
    const low = Math.min(...all),
      high = Math.max(...all),
      log = own.scale === "ratio" && low > 0 && high / low > 20;
    const up = (v) => (log ? Math.log(v) : v),
      y = (v) => 12 + (1 - (up(v) - up(low)) / (up(high) - up(low) || 1)) * (H - 44);
    const x = (i) => (k === 1 ? W / 2 : 70 + i * 130);
    const svg = p.sheet(
      W,
      H,
      `Each seed as a line from ${own.sides.map(p.shown).join(" to ")}; the table has the numbers`,
    );
    for (const v of new Set([high, low]))
      svg.append(draw("text", { x: x(0) - 12, y: y(v) + 4, "text-anchor": "end" }, p.number(v)));
    own.sides.forEach((_, i) =>
      svg.append(
        draw("path", { class: "rule", d: `M${x(i)} 6V${H - 24}` }),
        draw("text", { x: x(i), y: H - 6, "text-anchor": "middle" }, p.short(own.sides[i], 18)),
      ),
    );
    seeds.forEach((seed, s) => {
      if (own.out[s]) return;
      const points = own.values[s].map((v, i) => [x(i), y(v)]);
      if (k > 1)
        svg.append(draw("path", { class: "seed stroke1", "data-seed": seed, d: p.path(points) }));
      for (const [i, [a, b]] of points.entries())
        svg.append(
          draw("circle", {
            class: own.late[s]?.includes(i) ? "open" : "fill1",
            "data-seed": seed,
            cx: a,
            cy: b.toFixed(1),
            r: 3.2,
          }),
        );
    });
    return svg;
  };
  const rows = (own) => {
    const two = own.sides.length === 2 && own.scale !== "trend",
      out = own.out.some(Boolean),
      head = [
        "seed",
        ...own.sides.map(p.shown),
        ...(two ? [own.scale] : []),
        ...(out ? ["left out"] : []),
      ];
    const apart = ([a, b]) => (own.scale === "ratio" ? a / b : a - b);
    return {
      head,
      two,
      body: p.data.seeds.map((seed, s) => [
        seed,
        ...own.values[s],
        ...(two ? [own.out[s] ? null : apart(own.values[s])] : []),
        ...(out ? [own.out[s]] : []),
      ]),
    };
  };
  const table = (own, { head, body }) =>
    make(
      "table",
      {},
      make(
        "thead",
        {},
        make(
          "tr",
          {},
          head.map((h, i) =>
            make("th", { scope: "col", class: i && h !== "left out" ? "n" : null }, h),
          ),
        ),
      ),
      make(
        "tbody",
        {},
        body.map((row, s) =>
          make(
            "tr",
            { "data-seed": row[0], tabindex: -1 },
            make("th", { scope: "row" }, String(row[0])),
            row
              .slice(1)
              .map((v, i) =>
                typeof v === "string"
                  ? make("td", {}, v)
                  : make(
                      "td",
                      { class: "n" },
                      `${own.late[s]?.includes(i) ? "> " : ""}${p.number(v)}`,
                    ),
              ),
          ),
        ),
      ),
    );

  for (const place of document.querySelectorAll("[data-pairs]")) {
    const own = Object.hasOwn(p.data.pairs, place.dataset.pairs)
      ? p.data.pairs[place.dataset.pairs]
      : null;
    if (!own || !own.values.flat().some((v) => v !== null)) continue;
    const part = make(
      "details",
      { class: "pairs" },
      make("summary", {}, "Its values, seed by seed"),
    );
    part.addEventListener("toggle", () => {
      if (part.childElementCount > 1) return;
      const found = rows(own),
        region = p.scroll(`Values of ${place.dataset.pairs}`, table(own, found));
      part.append(
        make(
          "p",
          { class: "note" },
          `${own.sides.map(p.shown).join(" and ")}${own.unit && own.scale !== "ratio" ? ` (${own.unit})` : ""}.${own.late.flat().length ? " An open circle, and “>”: not within the budget." : ""}`,
        ),
        make(
          "div",
          {},
          p.scroll(`Drawing of ${place.dataset.pairs}`, picture(own, p.data.seeds)),
          region,
        ),
        p.button("These values as CSV", () =>
          p.save(`${place.dataset.pairs}.csv`, "text/csv", p.csv([found.head, ...found.body])),
        ),
      );
      p.roving(region, "tbody tr");
    });
    place.replaceWith(part);
  }
})(primacy);
