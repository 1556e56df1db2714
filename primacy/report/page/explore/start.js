// The controls, and what is drawn when they change.
((p) => {
  const root = document.getElementById("explore");
  if (!p.data || !root) return;
  const { make, view } = p;
  const bar = make("div", { class: "controls" });
  p.status = make("p", { class: "status", role: "status" });

  const select = (label, options, value, change) =>
    make(
      "label",
      {},
      `${label} `,
      make(
        "select",
        { onchange: (e) => change(e.target.value) },
        options.map(([v, text]) =>
          make("option", { value: v, selected: String(v) === String(value) }, text),
        ),
      ),
    );
  const groups = () => {
    const found = new Map();
    for (const m of p.measures()) {
      if (!found.has(m.group)) found.set(m.group, make("optgroup", { label: m.group }));
      const selected = m === p.measure();
      found.get(m.group).append(make("option", { value: m.id, selected }, m.title));
    }
    return [...found.values()];
  };
  const sliders = {};
  const slider = (key, label, attributes, change) => {
    const input = (sliders[key] = make("input", {
      type: "range",
      "aria-label": label,
      ...attributes,
    }));
    const output = make("output", { "aria-hidden": "true" }),
      reset = p.button(key === "t" ? "the end" : "the study’s own", () => p.set({ [key]: null }));
    let waiting = false;
    input.addEventListener("input", () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => ((waiting = false), change(+input.value)));
    });
    Object.assign(input, { output, reset });
    const text = make("span", { "aria-hidden": "true" }, label);
    return make("span", { class: "slide" }, text, input, output, reset);
  };
  const controls = () => {
    const own = p.steps(),
      many = p.pool.length > 1;
    const features = [...new Set(p.pool.flatMap((c) => c.features.map(([f]) => f)))];
    if (!features.includes(view.f)) view.f = features[0] ?? 0;
    const picks = make(
      "div",
      {
        class: "features",
        role: "group",
        "aria-label": "Features",
      },
      many ? make("span", { "aria-hidden": "true" }, "Number of") : null,
      features.map((f) =>
        p.button([p.swatch(f), p.short(p.name(f), 40)], () => p.set({ f }), {
          class: "pick",
          "data-feature": f,
          "aria-pressed": many ? String(view.f === f) : null,
        }),
      ),
    );
    bar.replaceChildren(
      make(
        "div",
        {},
        ...(p.members.length > 1
          ? [
              select(
                "Study",
                p.members.map((g, i) => [i, p.short(g, 40)]),
                view.g,
                (g) => {
                  view.g = +g;
                  p.arrange();
                  controls();
                  bar.querySelector("select").focus();
                  p.set({ c: p.pool[0].index });
                },
              ),
            ]
          : []),
        make(
          "label",
          {},
          "Measure ",
          make("select", { onchange: (e) => p.set({ m: e.target.value }) }, groups()),
        ),
        select(
          "Step axis",
          [
            ["log", "log-like"],
            ["linear", "linear"],
          ],
          view.x,
          (x) => p.set({ x }),
        ),
        ...(many && p.judged()
          ? [
              select(
                "Number",
                [
                  ["steps", "steps to criterion"],
                  ["value", "the measure’s value"],
                ],
                view.n,
                (n) => p.set({ n }),
              ),
            ]
          : []),
        ...p.factors.map((f) =>
          select(
            p.short(f.short, 30),
            [
              ["across", "across"],
              ["down", "down"],
              ...f.levels.map((l, i) => [i, `only ${p.short(l, 30)}`]),
            ],
            f.place,
            (to) => {
              f.place = to;
              p.set({});
            },
          ),
        ),
      ),
      make(
        "div",
        {},
        slider("t", "Read at step", { min: 0, max: own.length - 1, step: 1 }, (i) =>
          p.set({ t: i === own.length - 1 ? null : own[i] }),
        ),
        ...(p.data.thinned || !p.judged()
          ? []
          : [
              slider("theta", "Criterion", { min: 0.05, max: 0.99, step: 0.01 }, (theta) =>
                p.set({ theta }),
              ),
            ]),
      ),
      picks,
    );
    p.roving(picks, ".pick");
  };
  const settle = () => {
    const c = p.data.conditions[view.c],
      at = p.step(p.at());
    const { t, theta } = sliders;
    t.value = p.steps().indexOf(p.at());
    t.output.textContent = at;
    t.setAttribute("aria-valuetext", `step ${at}`);
    t.reset.hidden = view.t === null;
    if (theta?.isConnected) {
      theta.value = p.theta(c);
      theta.output.textContent = `${p.meant(c)}${view.theta === null ? "" : "; verdicts keep theirs"}`;
      theta.setAttribute("aria-valuetext", `${p.percent(p.theta(c))}; verdicts keep theirs`);
      theta.reset.hidden = view.theta === null;
    }
    for (const pick of bar.querySelectorAll(".features [aria-pressed]"))
      pick.setAttribute("aria-pressed", String(+pick.dataset.feature === view.f));
  };
  p.render = async () => {
    const m = await p.load(p.measure());
    if (m !== p.measure()) return; // another was chosen meanwhile
    settle();
    if (p.pool.length > 1) p.drawGrid(m);
    p.grid.hidden = p.pool.length < 2;
    p.drawOne(m);
    p.rest();
    p.lit();
  };

  const begin = async () => {
    await p.load(p.criterion);
    const given = p.read();
    controls();
    root.append(bar, p.status, p.grid, p.one);
    root.hidden = false;
    for (const link of document.querySelectorAll("nav li[hidden]")) link.hidden = false;
    await p.render();
    if (given) root.scrollIntoView();
    // What was linked to has moved: `page.js` goes there again.
    else if (location.hash) dispatchEvent(new Event("hashchange"));
    let wide = p.one.clientWidth;
    new ResizeObserver(() => {
      if (Math.abs(p.one.clientWidth - wide) < 2) return;
      wide = p.one.clientWidth;
      p.render();
    }).observe(p.one);
    addEventListener("hashchange", () => {
      if (!p.read()) return;
      controls();
      p.render();
      root.scrollIntoView();
    });
    root.dataset.ready = "yes";
  };
  begin();
})(primacy);
