// One condition: every seed, what it was at the step chosen, and when each network learned.
((p) => {
  if (!p.data) return;
  const { make, draw, view } = p;
  const place = (p.one = make("div"));
  // Bars: the time of each network lies between two evaluations. An arrow: not within the budget.
  const strip = (c, timed, W) => {
    const each = Math.min(7, Math.max(2.5, 60 / c.ran.length)),
      row = Math.max(26, each * c.ran.length + 14),
      L = 52,
      R = W < 520 ? 22 : 148,
      H = timed.length * row + 26;
    const x = p.scale([c], W - L - R),
      X = (s) => L + x(s);
    const svg = p.sheet(
      W,
      H,
      "When each network learned each feature: a bar from the evaluation before; the buttons of the seeds have the numbers",
    );
    for (const s of p.stops(x))
      svg.append(
        draw("path", { class: "rule", d: `M${X(s).toFixed(1)} 0V${H - 22}` }),
        draw("text", { x: X(s).toFixed(1), y: H - 7, "text-anchor": "middle" }, p.step(s)),
      );
    timed.forEach(({ f, times }, j) => {
      const hue = p.look(f).hue;
      svg.append(draw("path", { class: "rule", d: `M${L} ${(j + 1) * row}H${W - R}` }));
      if (W >= 520)
        svg.append(
          draw(
            "text",
            {
              x: W - R + 20,
              y: j * row + row / 2 + 4,
              class: `name fill${hue}`,
              "data-feature": f,
            },
            p.short(p.name(f), 18),
          ),
        );
      c.ran.forEach((s, i) => {
        const at = (j * row + 7 + (i + 0.5) * ((row - 14) / c.ran.length)).toFixed(1),
          found = times[s],
          of = { "data-seed": p.data.seeds[s], "data-feature": f };
        if (!found || c.ended[s] === "d")
          svg.append(
            draw("path", {
              ...of,
              class: `fill${hue}`,
              d: `M${W - R + 4} ${at - 2.5}l7 2.5l-7 2.5z`,
            }),
          );
        else
          svg.append(
            draw("path", {
              ...of,
              class: `between stroke${hue}`,
              d: `M${X(found.low).toFixed(1)} ${at}H${X(found.time).toFixed(1)}`,
            }),
            draw("circle", {
              ...of,
              class: `fill${hue}`,
              cx: X(found.time).toFixed(1),
              cy: at,
              r: 2.8,
            }),
          );
      });
    });
    return svg;
  };

  const reading = make("table", { class: "reading" });
  const read = (p.readAt = (m, c, lines, i, seed) => {
    const s = p.data.seeds.indexOf(seed),
      theta = p.theta(c),
      own = c.theta === theta,
      some = c.ran.includes(s),
      timed = !m.whole && lines.some(({ k }) => c.features[k][1] !== undefined);
    const heads = [
      "feature",
      "median",
      c.ran.length < 10 ? "lowest to highest" : "10 to 90 %",
      ...(some ? [`seed ${seed}`] : []),
      ...(timed
        ? [
            `${c.verb} by then`,
            "steps to criterion",
            ...(own ? [] : ["with the study’s own"]),
            `${c.verb} at any step`,
          ]
        : []),
    ];
    const row = ({ k, f }) => {
      const b = p.bands(m, c, k)[i],
        found = m.whole ? null : p.counted(c, k, theta),
        usual = found && !own ? p.counted(c, k) : null;
      const time = (one) => (!one ? "–" : one.median ? p.when(one.median) : `> ${p.step(c.tau)}`);
      const numbers = [
        p.number(b.mid),
        `${p.number(b.low)} to ${p.number(b.high)}`,
        ...(some ? [p.number(p.line(m, c, k, s)[i])] : []),
        ...(timed
          ? [
              found
                ? `${found.done.filter((t) => t.time <= c.steps[i]).length} of ${found.n}`
                : "–",
              time(found),
              ...(own ? [] : [time(usual)]),
              found ? `${found.done.length} of ${found.n}` : "–",
            ]
          : []),
      ];
      return make(
        "tr",
        { "data-feature": f < 0 ? null : f },
        make("th", { scope: "row" }, f < 0 ? null : p.swatch(f), p.name(f)),
        numbers.map((text) => make("td", { class: "n" }, text)),
      );
    };
    reading.replaceChildren(
      make(
        "caption",
        {},
        `${m.title}${m.unit && m.unit !== m.title ? ` (${m.unit})` : ""} at step ${p.step(c.steps[i])}${c.epoch ? `, epoch ${p.number(c.steps[i] / c.epoch)}` : ""}`,
      ),
      make(
        "thead",
        {},
        make(
          "tr",
          {},
          heads.map((h, k) => make("th", { scope: "col", class: k ? "n" : null }, h)),
        ),
      ),
      make("tbody", {}, lines.map(row)),
    );
  });

  const seeds = (c, timed) => {
    const told = (s) =>
      timed.length
        ? timed
            .map(
              ({ f, times }) =>
                `${p.name(f)} ${!times[s] || c.ended[s] === "d" ? `not within ${p.step(c.tau)}` : p.when(times[s])}`,
            )
            .join(", ")
        : "no times";
    const group = make(
      "div",
      { class: "seeds", role: "group", "aria-label": "Seeds" },
      make("span", { "aria-hidden": "true" }, "Seed"),
      c.ran.map((s) => {
        const seed = p.data.seeds[s],
          held = view.seed === seed;
        return p.button(String(seed), () => p.set({ seed: held ? null : seed }), {
          class: "pick",
          "data-seed": seed,
          "aria-pressed": String(held),
          "aria-label": `Seed ${seed}: ${told(s)}`,
        });
      }),
    );
    p.roving(group, ".pick");
    return group;
  };

  p.drawOne = (m) => {
    const c = p.data.conditions[view.c],
      lines = p.lines(m, c),
      theta = p.theta(c);
    const timed = c.features
      .map(([f], k) => ({ f, k, times: p.times(c, k, theta) }))
      .filter((one) => one.times);
    const W = Math.round(Math.max(300, Math.min(960, place.clientWidth || 960)));
    const held = place.contains(document.activeElement)
      ? document.activeElement.dataset.seed
      : null;
    const title = p.data.conditions.length > 1 ? p.shown(c.short) : "Every network";
    if (!c.ran.length)
      return place.replaceChildren(make("h3", {}, title), make("p", {}, "Not trained yet."));
    const drawn = lines.length ? p.chart(m, c, lines, W) : null;
    read(m, c, lines, p.index(c), view.seed);
    const name = `${p.data.study}-${c.short}-${m.id}`;
    const raw = () => [
      ["condition", "feature", "seed", "step", m.id],
      ...lines.flatMap(({ k, f }) =>
        c.ran.flatMap((s) =>
          [...p.line(m, c, k, s)].map((v, i) => [
            c.name,
            f < 0 ? "" : p.data.features[f].name,
            p.data.seeds[s],
            c.steps[i],
            v,
          ]),
        ),
      ),
    ];
    place.replaceChildren(
      make("h3", { "data-condition": c.index }, title),
      drawn
        ? make(
            "figure",
            {},
            p.scroll("Every seed", drawn.svg),
            make(
              "figcaption",
              {},
              `Thin: a network. Thick: the median. ${m.misleads ? `When it misleads: ${m.misleads.replaceAll("`", "")}` : ""}${drawn.bent ? " The height is log-like: some seeds are far above the others." : ""}`,
            ),
          )
        : make("p", { class: "note" }, `${m.title} was not measured here.`),
      drawn ? p.scroll("Read at a step", reading) : "",
      ...(timed.length
        ? [
            make("h4", {}, `When each network ${c.verb} each feature`),
            p.scroll("When each network learned", strip(c, timed, W)),
          ]
        : []),
      seeds(c, timed),
      make(
        "p",
        { class: "actions" },
        p.button("These curves as CSV", () => p.save(`${name}.csv`, "text/csv", p.csv(raw()))),
        drawn
          ? p.button("as SVG", () => p.save(`${name}.svg`, "image/svg+xml", p.svg(drawn.svg)))
          : null,
      ),
    );
    if (held != null) place.querySelector(`.pick[data-seed="${held}"]`)?.focus();
    tell(c, timed);
  };

  // One sentence for whoever does not see the drawings, and for whoever does.
  const tell = (c, timed) => {
    const first = (all) => {
      const known = all.filter(([, t]) => t !== null).sort((a, b) => a[1] - b[1]);
      return !known.length ? "none" : known[1]?.[1] === known[0][1] ? "a tie" : known[0][0];
    };
    const counted = (names) => {
      const found = new Map();
      for (const name of names) found.set(name, (found.get(name) ?? 0) + 1);
      return [...found]
        .sort((a, b) => b[1] - a[1])
        .map(([name, n]) => `${name} in ${n}`)
        .join(", ");
    };
    const says = [];
    const kept = p.kept();
    if (kept.length > 1 && p.judged())
      says.push(
        `${kept.length} of ${p.data.conditions.length} conditions shown; first by the median: ${counted(kept.map((one) => first(one.features.map(([f, , , , , ranked], k) => [p.name(f), ranked === false ? null : (p.counted(one, k, p.theta(one))?.median?.time ?? null)]))))}.`,
      );
    const ranked = timed.filter(({ k }) => c.features[k][5] !== false);
    if (ranked.length > 1)
      says.push(
        `${p.data.conditions.length > 1 ? `${p.short(c.short, 60)}: first` : "First"} is ${counted(c.ran.map((s) => first(ranked.map(({ f, times }) => [p.name(f), c.ended[s] === "d" ? null : (times[s]?.time ?? null)]))))} of ${c.ran.length} ${c.ran.length === 1 ? "seed" : "seeds"}.`,
      );
    if (view.seed !== null && timed.length)
      says.push(
        `Seed ${view.seed}: ${timed
          .map(({ f, times }) => {
            const t = times[p.data.seeds.indexOf(view.seed)];
            return `${p.name(f)} ${t ? `at step ${p.when(t)}` : `not ${c.verb}`}`;
          })
          .join(", ")}.`,
      );
    if (timed.length && !ranked.length)
      says.push(`No feature is ${c.verb} enough in enough seeds to be ranked.`);
    const text = says.join(" ");
    if (p.status.textContent !== text) p.status.textContent = text;
  };
})(primacy);
