// All conditions at once: factors across and down, a drawing and a number in each cell.
((p) => {
  if (!p.data) return;
  const { make, draw, view } = p;
  const place = (p.grid = make("div"));

  p.scale = (conditions, width) => {
    const steps = conditions.flatMap((c) => [c.steps.find((s) => s > 0) ?? 1, c.steps.at(-1)]);
    const first = Math.min(...steps),
      last = Math.max(...steps),
      log = view.x === "log";
    const up = (s) => (log ? Math.log1p(s / first) : s);
    return Object.assign((s) => (up(s) / (up(last) || 1)) * width, { first, last });
  };
  p.path = (points) =>
    points
      .filter(([, y]) => y === y)
      .map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`)
      .join("");
  p.stroke = (f, kind) => ({
    class: `${kind} stroke${p.look(f).hue}`,
    "stroke-dasharray": p.look(f).dash.join(" ") || null,
    "data-feature": f < 0 ? null : f,
  });

  // What a cell says of the feature chosen.
  const told = (c, m) => {
    if (!c.ran.length) return { text: "not run" };
    const k = c.features.findIndex(([f]) => f === view.f);
    if (!p.counts()) {
      const line = p.lines(m, c).find((one) => m.whole || one.k === k),
        x = line ? p.bands(m, c, line.k)[p.index(c)].mid : NaN;
      return { text: p.number(x), size: x === x ? x : null };
    }
    const found = k < 0 ? undefined : p.counted(c, k, p.theta(c));
    if (!found) return { text: "–" };
    if (!found.median)
      return {
        text: found.done.length ? `${found.done.length} of ${found.n}` : "never",
        never: true,
      };
    return { text: p.when(found.median), size: Math.log1p(found.median.time) };
  };

  // One height for all. A judged curve is its way from chance to ceiling, as ceilings may differ.
  const curves = (conditions, m) => {
    const way =
      m === p.criterion &&
      conditions.every((c) =>
        c.features.every((g) => g[1] === undefined || (g[2] !== null && g[4] === null)),
      );
    const all = new Map(
      conditions.map((c) => [
        c,
        p.lines(m, c).map(({ k, f }) => {
          const [, chance, ceiling] = m.whole ? [] : c.features[k];
          return {
            f,
            mids: p
              .bands(m, c, k)
              .map(({ mid }) => (way ? (mid - chance) / (ceiling - chance) : mid)),
          };
        }),
      ]),
    );
    const known = [...all.values()]
      .flat()
      .flatMap((line) => line.mids)
      .filter((x) => x === x);
    let low = Infinity,
      high = -Infinity;
    for (const x of known) [low, high] = [Math.min(low, x), Math.max(high, x)];
    return {
      all,
      way,
      low: way ? Math.max(-0.5, Math.min(low, 0)) : low,
      high: way ? Math.min(1.5, Math.max(high, 1)) : high,
    };
  };
  const W = 100,
    H = 40;
  const small = (c, { all, way, low, high }, x) => {
    const y = (u) =>
      H - 2 - ((Math.min(high, Math.max(low, u)) - low) / (high - low || 1)) * (H - 4);
    return draw(
      "svg",
      {
        viewBox: `0 0 ${W} ${H}`,
        preserveAspectRatio: "none",
        class: "small",
        "aria-hidden": "true",
      },
      way && draw("path", { class: "level", d: `M0 ${y(p.theta(c))}H${W}` }),
      all.get(c).map(({ f, mids }) =>
        draw("path", {
          ...p.stroke(f, "line"),
          d: p.path(c.steps.map((s, i) => [x(s), y(mids[i])])),
        }),
      ),
      view.t !== null &&
        draw("path", { class: "hair", d: `M${x(c.steps[p.index(c)]).toFixed(1)} 0V${H}` }),
    );
  };

  const rows = (factors) =>
    factors.reduce((found, f) => found.flatMap((r) => f.levels.map((l) => [...r, l])), [[]]);
  const table = (cells, kept) => {
    const over = p.factors.filter((f) => f.place === "across"),
      down = p.factors.filter((f) => f.place === "down");
    const columns = rows(over),
      head = make("thead"),
      body = make("tbody");
    const span = (list, i) => list.slice(i + 1).reduce((n, f) => n * f.levels.length, 1);
    over.forEach((f, i) =>
      head.append(
        make(
          "tr",
          {},
          make(
            "th",
            { colspan: Math.max(1, down.length), scope: "row", class: "factor" },
            p.broken(`→ ${p.short(f.short, 40)}`),
          ),
          columns
            .filter((_, k) => k % span(over, i) === 0)
            .map((r) => make("th", { colspan: span(over, i), scope: "col" }, p.broken(p.short(r[i], 40)))),
        ),
      ),
    );
    if (down.length)
      head.append(
        make(
          "tr",
          {},
          down.map((f) =>
            make("th", { scope: "col", class: "factor" }, p.broken(`↓ ${p.short(f.short, 40)}`)),
          ),
          make("td", { colspan: columns.length }),
        ),
      );
    rows(down).forEach((r, j) =>
      body.append(
        make(
          "tr",
          {},
          down.map((f, i) =>
            j % span(down, i)
              ? null
              : make("th", { rowspan: span(down, i), scope: "row" }, p.broken(p.short(r[i], 40))),
          ),
          down.length ? null : make("td"),
          columns.map((k) =>
            make(
              "td",
              {},
              kept
                .filter(
                  (c) =>
                    down.every((f, i) => f.of(c) === r[i]) &&
                    over.every((f, i) => f.of(c) === k[i]),
                )
                .map((c) => cells.get(c)),
            ),
          ),
        ),
      ),
    );
    return make("table", { class: `facets columns${Math.min(12, columns.length)}` }, head, body);
  };

  p.drawGrid = (m) => {
    const kept = p.kept(),
      x = p.scale(p.pool, W),
      lines = curves(kept, m);
    const said = new Map(kept.map((c) => [c, told(c, m)]));
    const sizes = [...said.values()].map((one) => one.size).filter((one) => one != null),
      least = Math.min(...sizes),
      most = Math.max(...sizes);
    const shade = ({ never, size }) =>
      never
        ? "never"
        : size == null
          ? ""
          : `shade${Math.min(5, 1 + Math.floor(((size - least) / (most - least || 1)) * 5))}`;
    const cells = new Map(
      kept.map((c) => [
        c,
        make(
          "button",
          {
            type: "button",
            class: `cell ${shade(said.get(c))}`,
            "data-condition": c.index,
            "aria-pressed": String(view.c === c.index),
            "aria-label": `${p.shown(c.short)}: ${p.name(m.whole && !p.counts() ? -1 : view.f)}, ${said.get(c).text}`,
            onclick: () => p.set({ c: c.index }),
          },
          p.listed ? make("span", { class: "title" }, p.short(c.short, 60)) : null,
          small(c, lines, x),
          make("span", { class: "number" }, said.get(c).text.replace(" to ", "–")),
        ),
      ]),
    );
    const held = place.contains(document.activeElement)
      ? document.activeElement.dataset.condition
      : null;
    place.replaceChildren(
      p.scroll(
        "All conditions",
        p.listed ? make("div", { class: "listed" }, [...cells.values()]) : table(cells, kept),
      ),
      make("p", { class: "note" }, legend(kept, lines, m)),
      make(
        "p",
        { class: "actions" },
        p.button("This table as CSV", () => save("csv", "text/csv", p.csv(listing(kept, m)))),
        p.button("as SVG", () => save("svg", "image/svg+xml", p.svg(whole()))),
      ),
    );
    p.roving(place, ".cell");
    if (held !== null) place.querySelector(`.cell[data-condition="${held}"]`)?.focus();
  };

  const save = (ending, type, text) => p.save(`${p.data.study}-conditions.${ending}`, type, text);
  const legend = (kept, { way, low, high }, m) => {
    const drawn = way
      ? `the way from chance to the ceiling (dashed: the criterion, ${p.percent(p.theta(kept[0] ?? p.pool[0]))} of it)`
      : `${m.title}${m.unit && m.unit !== m.title ? ` (${m.unit})` : ""}, from ${p.number(low)} to ${p.number(high)}`;
    const number = p.counts()
      ? `median steps until ${p.name(view.f)} is ${p.pool[0].verb}; the stronger the color, the later; hatched: by fewer than half`
      : `median ${m.title}${m.whole ? "" : ` of ${p.name(view.f)}`}${view.t === null ? " at the end" : ` at step ${p.step(p.at())}`}`;
    return `Drawn: medians over seeds, the same axes (0 to ${p.step(p.scale(p.pool, 1).last)} steps${view.x === "log" ? ", log-like" : ""}); height: ${drawn}. Number: ${number}.`;
  };
  const listing = (kept, m) => [
    [
      "condition",
      ...p.factors.map((f) => f.name),
      "feature",
      "criterion",
      "low_step",
      "median_step",
      "learned",
      "networks",
      "measure",
      "step",
      "median",
      "low",
      "high",
    ],
    ...kept.flatMap((c) =>
      (m.whole ? c.features.map(([f], k) => ({ f, k })) : p.lines(m, c)).map(({ f, k }) => {
        const found = p.counted(c, k, p.theta(c)),
          i = p.index(c),
          line = m.whole ? p.lines(m, c)[0]?.k : k;
        const band = line === undefined ? {} : p.bands(m, c, line)[i];
        return [
          c.name,
          ...p.factors.map((g) => g.of(c)),
          p.data.features[f].name,
          found ? p.theta(c) : null,
          found?.median?.low,
          found?.median?.time,
          found?.done.length,
          c.ran.length,
          m.id,
          c.steps[i],
          band.mid,
          band.low,
          band.high,
        ];
      }),
    ),
  ];
  // The table as one drawing: every cell's own, and every text, where they are on the page.
  const whole = () => {
    const table = place.querySelector(".facets, .listed"),
      box = table.getBoundingClientRect();
    const svg = p.sheet(box.width, box.height, "All conditions");
    for (const element of table.querySelectorAll(".cell, .small, th, .number, .title")) {
      const { left, top, width, height } = element.getBoundingClientRect();
      const at = { x: left - box.left, y: top - box.top, width, height };
      svg.append(draw("rect", { ...at, fill: getComputedStyle(element).backgroundColor }));
      if (element.matches(".small")) {
        const drawing = element.cloneNode(true);
        for (const key in at) drawing.setAttribute(key, at[key]);
        svg.append(drawing);
      } else if (!element.matches(".cell"))
        svg.append(draw("text", { x: at.x, y: at.y + 12, "font-size": 11 }, element.textContent));
    }
    // It must be on the page for its looks to be known.
    place.append(svg);
    setTimeout(() => svg.remove());
    return svg;
  };
})(primacy);
