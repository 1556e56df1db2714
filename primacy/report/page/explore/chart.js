// The drawing of one condition: every seed, the median and its band, the criterion.
((p) => {
  if (!p.data) return;
  const { draw, view } = p;
  const T = 10,
    B = 38;

  const ticks = (low, high) => {
    const size = 10 ** Math.floor(Math.log10(high - low || 1)),
      step = [0.1, 0.2, 0.5, 1, 2].find((q) => (high - low) / (size * q) <= 7) * size;
    return Array.from(
      { length: Math.floor(high / step + 1e-9) - Math.ceil(low / step - 1e-9) + 1 },
      (_, i) => +((Math.ceil(low / step - 1e-9) + i) * step).toPrecision(9),
    );
  };
  p.stops = (x) => {
    const powers = Array.from({ length: 8 }, (_, d) => [1, 2, 5].map((k) => k * 10 ** d)).flat();
    const wanted =
      view.x === "log"
        ? [0, ...powers.filter((s) => s >= x.first && s <= x.last)]
        : ticks(0, x.last);
    let free = -99;
    return wanted.filter((s) => x(s) > free && (free = x(s) + 14 + 8 * p.step(s).length));
  };
  // The ends of the height, and whether it is log-like because few seeds are far above the others.
  const heights = (m, c, lines) => {
    const all = lines
      .flatMap(({ k }) => c.ran.flatMap((s) => [...p.line(m, c, k, s)]))
      .filter((x) => x === x)
      .sort((a, b) => a - b);
    let [low, high] = [all[0] ?? 0, all.at(-1) ?? 1];
    const bent =
      m !== p.criterion &&
      low > -0.05 * high &&
      high > 4 * Math.abs(all[Math.floor(0.9 * all.length)] || Infinity);
    if (m === p.criterion)
      for (const { k } of lines) {
        const [, chance, ceiling, , amount] = c.features[k],
          top = amount ?? ceiling ?? chance;
        [low, high] = [Math.min(low, chance, top), Math.max(high, chance, top)];
        // As in the cards: an untrained network's score can be far below chance.
        if (ceiling > chance) low = Math.max(low, 2 * chance - ceiling);
      }
    const usual = Math.max(all[Math.floor(all.length / 2)] ?? 0, high / 100);
    const up = (u) => (bent ? Math.log1p(Math.max(0, u) / usual) : u),
      pad = 0.03 * (up(high) - up(low) || 1);
    return {
      low,
      high,
      bent,
      usual,
      share: (u) =>
        (up(Math.min(high, Math.max(low, u))) - up(low) + pad) / (up(high) - up(low) + 2 * pad),
    };
  };
  const axes = (svg, x, X, y, values, W, R, H) => {
    for (const v of values)
      svg.append(
        draw("path", { class: "rule", d: `M${X(0)} ${y(v).toFixed(1)}H${W - R}` }),
        draw("text", { x: X(0) - 6, y: (y(v) + 4).toFixed(1), "text-anchor": "end" }, p.number(v)),
      );
    for (const s of p.stops(x))
      svg.append(
        draw("path", { class: "rule", d: `M${X(s).toFixed(1)} ${H - B}v4` }),
        draw("text", { x: X(s).toFixed(1), y: H - B + 17, "text-anchor": "middle" }, p.step(s)),
      );
    svg.append(
      draw(
        "text",
        { x: (X(0) + W - R) / 2, y: H - 3, "text-anchor": "middle" },
        `training step${view.x === "log" ? " (log-like axis)" : ""}`,
      ),
    );
  };

  p.chart = (m, c, lines, W) => {
    const H = W < 520 ? 240 : 300,
      L = 52,
      R = W < 520 || m.whole ? 10 : 148,
      tall = heights(m, c, lines);
    const x = p.scale([c], W - L - R),
      X = (s) => L + x(s),
      y = (u) => T + (1 - tall.share(u)) * (H - T - B);
    const svg = p.sheet(
      W,
      H,
      `${m.title} of every seed over training; the table reads it at a step`,
    );
    const values = tall.bent
      ? [
          0,
          ...Array.from({ length: 13 }, (_, d) => 10 ** (d - 6))

            .filter((v) => v > tall.usual / 2 && v < tall.high),
        ]
      : ticks(tall.low, tall.high);
    axes(svg, x, X, y, values, W, R, H);
    const theta = p.theta(c),
      marks =
        m === p.criterion
          ? lines.map(({ k }) => p.mark(c, k, theta)).filter((v) => v !== undefined)
          : [];
    for (const v of new Set(marks))
      svg.append(draw("path", { class: "level", d: `M${L} ${y(v).toFixed(1)}H${W - R}` }));
    const ends = [];
    for (const { k, f } of lines) {
      const band = p.bands(m, c, k),
        at = (key) => c.steps.map((s, i) => [X(s), y(band[i][key])]);
      svg.append(
        draw("path", {
          class: `band fill${p.look(f).hue}`,
          "data-feature": f < 0 ? null : f,
          d: `${p.path(at("high"))}${p.path(at("low").reverse()).replace("M", "L")}Z`,
        }),
      );
      for (const s of c.ran)
        svg.append(
          draw("path", {
            ...p.stroke(f, "seed"),
            "stroke-dasharray": null,
            "data-seed": p.data.seeds[s],
            d: p.path([...p.line(m, c, k, s)].map((v, i) => [X(c.steps[i]), y(v)])),
          }),
        );
      svg.append(draw("path", { ...p.stroke(f, "line"), d: p.path(at("mid")) }));
      const found = f < 0 || m !== p.criterion ? null : p.counted(c, k, theta)?.median;
      if (found) {
        const level = p.mark(c, k, theta) ?? band[c.steps.findIndex((s) => s >= found.time)].mid;
        svg.append(
          draw("path", {
            class: `between stroke${p.look(f).hue}`,
            "data-feature": f,
            d: `M${X(found.low).toFixed(1)} ${y(level).toFixed(1)}H${X(found.time).toFixed(1)}`,
          }),
          draw("circle", {
            class: `fill${p.look(f).hue}`,
            "data-feature": f,
            cx: X(found.time).toFixed(1),
            cy: y(level).toFixed(1),
            r: 4.5,
          }),
        );
      }
      ends.push([f, y(band.findLast((b) => b.mid === b.mid)?.mid ?? tall.low)]);
    }
    ends
      .sort((a, b) => a[1] - b[1])
      .forEach((one, i) => (one[1] = Math.max(one[1], i ? ends[i - 1][1] + 15 : T + 4)));
    const over = Math.max(0, (ends.at(-1)?.[1] ?? 0) - (H - 4));
    if (R > 20)
      for (const [f, at] of ends)
        svg.append(
          draw(
            "text",
            {
              x: W - R + 8,
              y: (at + 4 - over).toFixed(1),
              class: `name fill${p.look(f).hue}`,
              "data-feature": f,
            },
            p.short(p.name(f), 20),
          ),
        );
    const hair = draw("path", { class: "hair" });
    svg.append(hair);
    const hold = (i) => hair.setAttribute("d", `M${X(c.steps[i]).toFixed(1)} ${T}V${H - B}`);
    hold(p.index(c));
    const near = (event) => {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(
        svg.getScreenCTM().inverse(),
      );
      let i = 0,
        seed = null,
        gap = 12;
      c.steps.forEach((s, j) => Math.abs(X(s) - at.x) < Math.abs(X(c.steps[i]) - at.x) && (i = j));
      for (const { k } of lines)
        for (const s of c.ran) {
          const away = Math.abs(y(p.line(m, c, k, s)[i]) - at.y);
          if (away < gap) [gap, seed] = [away, p.data.seeds[s]];
        }
      return { i, seed };
    };
    svg.addEventListener("pointermove", (event) => {
      const { i, seed } = near(event);
      hold(i);
      p.readAt(m, c, lines, i, seed);
      seed === null ? p.rest() : p.light("seed", seed);
    });
    svg.addEventListener(
      "pointerleave",
      () => (hold(p.index(c)), p.readAt(m, c, lines, p.index(c), view.seed), p.rest()),
    );
    svg.addEventListener("click", (event) => {
      const { i, seed } = near(event);
      p.set({
        t: i === c.steps.length - 1 ? null : c.steps[i],
        seed: seed === view.seed ? null : seed,
      });
    });
    return { svg, bent: tall.bent };
  };
})(primacy);
