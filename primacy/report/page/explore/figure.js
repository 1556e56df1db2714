// One condition: every seed, what it was at the step chosen, and when each network learned.
((p) => {
  "use strict";
  if (!p.data) return;
  const { make, draw, view } = p;
  const place = (p.one = make("div"));
  const T = 10, B = 38;

  const ticks = (low, high) => {
    const size = 10 ** Math.floor(Math.log10(high - low || 1)), step = [0.1, 0.2, 0.5, 1, 2].find((q) => (high - low) / (size * q) <= 6) * size;
    return Array.from({ length: Math.floor(high / step + 1e-9) - Math.ceil(low / step - 1e-9) + 1 }, (_, i) => +((Math.ceil(low / step - 1e-9) + i) * step).toPrecision(9));
  };
  const stops = (x) => {
    const powers = Array.from({ length: 8 }, (_, d) => [1, 2, 5].map((k) => k * 10 ** d)).flat();
    const wanted = view.x === "log" ? [0, ...powers.filter((s) => s >= x.first && s <= x.last)] : ticks(0, x.last);
    let free = -99;
    return wanted.filter((s) => x(s) > free && (free = x(s) + 14 + 8 * p.step(s).length));
  };
  // The ends of the height, and whether it is log-like because few seeds are far above the others.
  const heights = (m, c, lines) => {
    const all = lines.flatMap(({ k }) => c.ran.flatMap((s) => [...p.line(m, c, k, s)])).filter((x) => x === x).sort((a, b) => a - b);
    let [low, high] = [all[0] ?? 0, all.at(-1) ?? 1];
    const bent = m !== p.criterion && low > -0.05 * high && high > 4 * Math.abs(all[Math.floor(0.9 * all.length)] || Infinity);
    if (m === p.criterion)
      for (const { k } of lines) {
        const [, chance, ceiling, , amount] = c.features[k], top = amount ?? ceiling ?? chance;
        [low, high] = [Math.min(low, chance, top), Math.max(high, chance, top)];
        // As in the cards: an untrained network's score can be far below chance.
        if (ceiling > chance) low = Math.max(low, 2 * chance - ceiling);
      }
    const usual = Math.max(all[Math.floor(all.length / 2)] ?? 0, high / 100);
    const up = (u) => (bent ? Math.log1p(Math.max(0, u) / usual) : u), pad = 0.03 * (up(high) - up(low) || 1);
    return { low, high, bent, usual, share: (u) => (up(Math.min(high, Math.max(low, u))) - up(low) + pad) / (up(high) - up(low) + 2 * pad) };
  };
  const axes = (svg, x, X, y, values, W, R, H) => {
    for (const v of values) svg.append(draw("path", { class: "rule", d: `M${X(0)} ${y(v).toFixed(1)}H${W - R}` }), draw("text", { x: X(0) - 6, y: (y(v) + 4).toFixed(1), "text-anchor": "end" }, p.number(v)));
    for (const s of stops(x)) svg.append(draw("path", { class: "rule", d: `M${X(s).toFixed(1)} ${H - B}v4` }), draw("text", { x: X(s).toFixed(1), y: H - B + 17, "text-anchor": "middle" }, p.step(s)));
    svg.append(draw("text", { x: (X(0) + W - R) / 2, y: H - 3, "text-anchor": "middle" }, `training step${view.x === "log" ? " (log-like axis)" : ""}`));
  };

  const chart = (m, c, lines, W) => {
    const H = W < 520 ? 240 : 300, L = 52, R = W < 520 || m.whole ? 10 : 148, tall = heights(m, c, lines);
    const x = p.scale([c], W - L - R), X = (s) => L + x(s), y = (u) => T + (1 - tall.share(u)) * (H - T - B);
    const svg = draw("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, class: "curves", role: "img", "aria-label": `${m.title} of every seed over training; the table below reads it at a step` });
    const values = tall.bent ? [0, ...[-6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6].map((d) => 10 ** d).filter((v) => v > tall.usual / 2 && v < tall.high)] : ticks(tall.low, tall.high);
    axes(svg, x, X, y, values, W, R, H);
    const theta = p.theta(c), marks = m === p.criterion ? lines.map(({ k }) => p.mark(c, k, theta)).filter((v) => v !== undefined) : [];
    for (const v of new Set(marks)) svg.append(draw("path", { class: "level", d: `M${L} ${y(v).toFixed(1)}H${W - R}` }));
    const ends = [];
    for (const { k, f } of lines) {
      const band = p.bands(m, c, k), at = (key) => c.steps.map((s, i) => [X(s), y(band[i][key])]);
      svg.append(draw("path", { class: `band fill${p.look(f).hue}`, "data-feature": f < 0 ? null : f, d: `${p.path(at("high"))}${p.path(at("low").reverse()).replace("M", "L")}Z` }));
      for (const s of c.ran) svg.append(draw("path", { ...p.stroke(f, "seed"), "stroke-dasharray": null, "data-seed": p.data.seeds[s], d: p.path([...p.line(m, c, k, s)].map((v, i) => [X(c.steps[i]), y(v)])) }));
      svg.append(draw("path", { ...p.stroke(f, "line"), d: p.path(at("mid")) }));
      const found = f < 0 || m !== p.criterion ? null : p.counted(c, k, theta)?.median;
      if (found) {
        const level = p.mark(c, k, theta) ?? band[c.steps.findIndex((s) => s >= found.time)].mid;
        svg.append(draw("path", { class: `between stroke${p.look(f).hue}`, "data-feature": f, d: `M${X(found.low).toFixed(1)} ${y(level).toFixed(1)}H${X(found.time).toFixed(1)}` }),
          draw("circle", { class: `fill${p.look(f).hue}`, "data-feature": f, cx: X(found.time).toFixed(1), cy: y(level).toFixed(1), r: 4.5 }));
      }
      ends.push([f, y(band.findLast((b) => b.mid === b.mid)?.mid ?? tall.low)]);
    }
    ends.sort((a, b) => a[1] - b[1]).forEach((one, i) => (one[1] = Math.max(one[1], i ? ends[i - 1][1] + 15 : T + 4)));
    const over = Math.max(0, (ends.at(-1)?.[1] ?? 0) - (H - 4));
    if (R > 20) for (const [f, at] of ends) svg.append(draw("text", { x: W - R + 8, y: (at + 4 - over).toFixed(1), class: `name fill${p.look(f).hue}`, "data-feature": f }, p.short(p.name(f), 20)));
    const hair = draw("path", { class: "hair" });
    svg.append(hair);
    const hold = (i) => hair.setAttribute("d", `M${X(c.steps[i]).toFixed(1)} ${T}V${H - B}`);
    hold(p.index(c));
    const near = (event) => {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      let i = 0, seed = null, gap = 12;
      c.steps.forEach((s, j) => Math.abs(X(s) - at.x) < Math.abs(X(c.steps[i]) - at.x) && (i = j));
      for (const { k } of lines) for (const s of c.ran) {
        const away = Math.abs(y(p.line(m, c, k, s)[i]) - at.y);
        if (away < gap) [gap, seed] = [away, p.data.seeds[s]];
      }
      return { i, seed };
    };
    svg.addEventListener("pointermove", (event) => {
      const { i, seed } = near(event);
      hold(i);
      read(m, c, lines, i, seed);
      seed === null ? p.rest() : p.light("seed", seed);
    });
    svg.addEventListener("pointerleave", () => (hold(p.index(c)), read(m, c, lines, p.index(c), view.seed), p.rest()));
    svg.addEventListener("click", (event) => {
      const { i, seed } = near(event);
      p.set({ t: i === c.steps.length - 1 ? null : c.steps[i], seed: seed === view.seed ? null : seed });
    });
    return { svg, bent: tall.bent };
  };

  // Bars: the time of each network lies between two evaluations. An arrow: not within the budget.
  const strip = (c, timed, W) => {
    const each = Math.min(7, Math.max(2.5, 60 / c.ran.length)), row = Math.max(26, each * c.ran.length + 14), L = 52, R = W < 520 ? 22 : 148, H = timed.length * row + B - 8;
    const x = p.scale([c], W - L - R), X = (s) => L + x(s);
    const svg = draw("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, class: "curves", role: "img", "aria-label": "When each network learned each feature: a bar from the evaluation before to the one that counts; the table of seeds has the numbers" });
    for (const s of stops(x)) svg.append(draw("path", { class: "rule", d: `M${X(s).toFixed(1)} 0V${H - B + 12}` }), draw("text", { x: X(s).toFixed(1), y: H - B + 25, "text-anchor": "middle" }, p.step(s)));
    svg.append(draw("text", { x: (L + W - R) / 2, y: H - 1, "text-anchor": "middle" }, "training step"));
    timed.forEach(({ f, times }, j) => {
      const hue = p.look(f).hue;
      svg.append(draw("path", { class: "rule", d: `M${L} ${(j + 1) * row}H${W - R}` }));
      if (W >= 520) svg.append(draw("text", { x: W - R + 20, y: j * row + row / 2 + 4, class: `name fill${hue}`, "data-feature": f }, p.short(p.name(f), 18)));
      c.ran.forEach((s, i) => {
        const at = (j * row + 7 + (i + 0.5) * ((row - 14) / c.ran.length)).toFixed(1), found = times[s], of = { "data-seed": p.data.seeds[s], "data-feature": f };
        if (!found || c.ended[s] === "d") svg.append(draw("path", { ...of, class: `late stroke${hue}`, d: `M${W - R + 2} ${at - 3}l6 3l-6 3` }));
        else svg.append(draw("path", { ...of, class: `between stroke${hue}`, d: `M${X(found.low).toFixed(1)} ${at}H${X(found.time).toFixed(1)}` }), draw("circle", { ...of, class: `fill${hue}`, cx: X(found.time).toFixed(1), cy: at, r: 2.8 }));
      });
    });
    return svg;
  };

  const reading = make("table", { class: "reading" });
  const read = (m, c, lines, i, seed) => {
    const s = p.data.seeds.indexOf(seed), theta = p.theta(c), own = c.theta === theta, some = c.ran.includes(s);
    const heads = ["feature", "median", c.ran.length < 10 ? "lowest to highest" : "10 to 90 %", ...(some ? [`seed ${seed}`] : []), ...(m.whole ? [] : [`${c.verb} by then`, "steps to criterion", ...(own ? [] : ["with the study’s own"]), `${c.verb} in the end`])];
    const row = ({ k, f }) => {
      const b = p.bands(m, c, k)[i], found = m.whole ? null : p.counted(c, k, theta), usual = found && !own ? p.counted(c, k) : null;
      const time = (one) => (!one ? "–" : one.median ? p.when(one.median) : `> ${p.step(c.tau)}`);
      const numbers = [p.number(b.mid), `${p.number(b.low)} to ${p.number(b.high)}`, ...(some ? [p.number(p.line(m, c, k, s)[i])] : []),
        ...(m.whole ? [] : [found ? `${found.done.filter((t) => t.time <= c.steps[i]).length} of ${found.n}` : "–", time(found), ...(own ? [] : [time(usual)]), found ? `${found.done.length} of ${found.n}` : "–"])];
      return make("tr", { "data-feature": f < 0 ? null : f }, make("th", { scope: "row" }, f < 0 ? null : p.swatch(f), p.name(f)), numbers.map((text) => make("td", { class: "n" }, text)));
    };
    reading.replaceChildren(make("caption", {}, `${m.title}${m.unit && m.unit !== m.title ? ` (${m.unit})` : ""} at step ${p.step(c.steps[i])}${c.epoch ? `, epoch ${p.number(c.steps[i] / c.epoch)}` : ""}`),
      make("thead", {}, make("tr", {}, heads.map((h, k) => make("th", { scope: "col", class: k ? "n" : null }, h)))), make("tbody", {}, lines.map(row)));
  };

  const seeds = (c, timed) => {
    const told = (s) => (timed.length ? timed.map(({ f, times }) => `${p.name(f)} ${!times[s] || c.ended[s] === "d" ? `not within ${p.step(c.tau)}` : p.when(times[s])}`).join(", ") : "no times");
    const group = make("div", { class: "seeds", role: "group", "aria-label": "Seeds" }, make("span", { "aria-hidden": "true" }, "Seed"),
      c.ran.map((s) => make("button", { type: "button", class: "pick", "data-seed": p.data.seeds[s], "aria-pressed": String(view.seed === p.data.seeds[s]), "aria-label": `Seed ${p.data.seeds[s]}: ${told(s)}`,
        onclick: () => p.set({ seed: view.seed === p.data.seeds[s] ? null : p.data.seeds[s] }) }, String(p.data.seeds[s]))));
    p.roving(group, ".pick");
    return group;
  };

  p.drawOne = (m) => {
    const c = p.data.conditions[view.c], lines = p.lines(m, c), theta = p.theta(c);
    const timed = c.features.map(([f], k) => ({ f, k, times: p.times(c, k, theta) })).filter((one) => one.times);
    const W = Math.round(Math.max(300, Math.min(960, place.clientWidth || 960)));
    const held = place.contains(document.activeElement) ? document.activeElement.dataset.seed : null;
    const title = p.data.conditions.length > 1 ? p.shown(c.short || "default") : "Every network";
    if (!c.ran.length) return place.replaceChildren(make("h3", {}, title), make("p", {}, "Not trained yet."));
    const drawn = lines.length ? chart(m, c, lines, W) : null;
    read(m, c, lines, p.index(c), view.seed);
    const button = (text, onclick) => make("button", { type: "button", onclick }, text);
    const name = `${p.data.study}-${c.short || "default"}-${m.id}`;
    const raw = () => [["condition", "feature", "seed", "step", m.id], ...lines.flatMap(({ k, f }) => c.ran.flatMap((s) => [...p.line(m, c, k, s)].map((v, i) => [c.name, f < 0 ? "" : p.data.features[f].name, p.data.seeds[s], c.steps[i], v])))];
    place.replaceChildren(
      make("h3", { "data-condition": c.index }, title),
      drawn ? make("figure", {}, p.scroll("Every seed", drawn.svg), make("figcaption", {}, `Thin: a network. Thick: the median. ${m.misleads ? `It misleads ${m.misleads}.`.replace(/\.\.$/, ".") : ""}${drawn.bent ? " The height is log-like: some seeds are far above the others." : ""}`)) : make("p", { class: "note" }, `${m.title} was not measured here.`),
      drawn ? p.scroll("Read at a step", reading) : "",
      ...(timed.length ? [make("h4", {}, `When each network ${c.verb === "learned" ? "learned" : `${c.verb} it`}`), p.scroll("When each network learned", strip(c, timed, W))] : []),
      seeds(c, timed),
      make("p", { class: "actions" }, button("These curves as CSV", () => p.save(`${name}.csv`, "text/csv", p.csv(raw()))), drawn ? button("as SVG", () => p.save(`${name}.svg`, "image/svg+xml", p.svg(drawn.svg))) : null,
        navigator.clipboard ? button("Copy a link to this view", async (event) => { await navigator.clipboard.writeText(location.href); event.target.textContent = "Copied"; }) : null));
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
      return [...found].sort((a, b) => b[1] - a[1]).map(([name, n]) => `${name} in ${n}`).join(", ");
    };
    const says = [];
    const kept = p.kept();
    if (kept.length > 1) says.push(`${kept.length} of ${p.data.conditions.length} conditions shown; first by the median: ${counted(kept.map((one) => first(one.features.map(([f], k) => [p.name(f), p.counted(one, k, p.theta(one))?.median?.time ?? null]))))}.`);
    if (timed.length > 1) says.push(`${p.data.conditions.length > 1 ? `${p.short(c.short, 60)}: first` : "First"} is ${counted(c.ran.map((s) => first(timed.map(({ f, times }) => [p.name(f), c.ended[s] === "d" ? null : times[s]?.time ?? null]))))} of ${c.ran.length} ${c.ran.length === 1 ? "seed" : "seeds"}.`);
    if (view.seed !== null && timed.length) says.push(`Seed ${view.seed}: ${timed.map(({ f, times }) => { const t = times[p.data.seeds.indexOf(view.seed)]; return `${p.name(f)} ${t ? `at step ${p.when(t)}` : "not learned"}`; }).join(", ")}.`);
    const text = says.join(" ");
    if (p.status.textContent !== text) p.status.textContent = text;
  };
})(primacy);
